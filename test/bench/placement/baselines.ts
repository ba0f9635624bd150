/** Policies of the FGD paper as its authors' simulator has them, integer scores and ties included. */
import type { NodeRoom } from '../../../src/core/node-value/node-room.ts';
import { gpuDemand, type PodClass } from '../../../src/core/node-value/pod-class.ts';
import type { Scoring } from '../../../src/core/node-value/scoring.ts';
import type { Fragmentation } from './fragmentation.ts';

/** CPU and GPU milli of the largest node that the simulator knows. */
const LARGEST_CPU = 128_000;
const LARGEST_GPU = 8000;

/**
 * Fragmentation gradient descent: the node whose fragmentation grows least. That scores are cut to whole numbers
 * matters: most nodes tie, and ties pack the nodes in a fixed order.
 */
export class FragmentationGradient implements Scoring {
  readonly epoch = 0;
  gpu = -1;
  readonly #room: NodeRoom;
  readonly #fragmentation: Fragmentation;

  constructor(room: NodeRoom, fragmentation: Fragmentation) {
    this.#room = room;
    this.#fragmentation = fragmentation;
  }

  score(pod: PodClass, row: number): number {
    this.gpu = -1;
    const before = this.#fragmentation.now(row);
    if (!isShare(pod)) return scoreOf(before - this.#fragmentation.after(pod, row, -1));
    const { gpuFree, gpus, stride } = this.#room;
    const tried: number[] = [];
    let best = -1;
    for (let gpu = 0; gpu < (gpus[row] ?? 0); gpu += 1) {
      const free = gpuFree[row * stride + gpu] ?? 0;
      if (free < pod.gpuMilli || tried.includes(free)) continue;
      tried.push(free);
      const score = scoreOf(before - this.#fragmentation.after(pod, row, gpu));
      if (score <= best) continue;
      best = score;
      this.gpu = gpu;
    }
    return best;
  }
}

/** The node that is left with the least CPU and GPU; a share goes to the tightest GPU. */
export class BestFit implements Scoring {
  readonly epoch = 0;
  gpu = -1;
  readonly #room: NodeRoom;

  constructor(room: NodeRoom) {
    this.#room = room;
  }

  score(pod: PodClass, row: number): number {
    this.gpu = isShare(pod) ? this.#tightest(pod, row) : -1;
    const cpu = ((this.#room.cpuFree[row] ?? 0) - pod.cpuMilli) / LARGEST_CPU;
    const gpu = (this.#room.idle(row) - gpuDemand(pod)) / LARGEST_GPU;
    return Math.trunc(100 * (1 - 0.5 * cpu - 0.5 * gpu));
  }

  #tightest(pod: PodClass, row: number): number {
    const { gpuFree, gpus, stride } = this.#room;
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let gpu = 0; gpu < (gpus[row] ?? 0); gpu += 1) {
      const free = gpuFree[row * stride + gpu] ?? 0;
      if (free < pod.gpuMilli || free >= least) continue;
      least = free;
      best = gpu;
    }
    return best;
  }
}

const isShare = (pod: PodClass): boolean => pod.gpus === 1 && pod.gpuMilli < 1000;

const scoreOf = (milliGained: number): number => Math.trunc(100 * (1 / (1 + Math.exp(-milliGained / 1000))));
