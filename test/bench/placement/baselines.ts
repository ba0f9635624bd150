/** Policies of the FGD paper as its authors' simulator has them, integer scores and ties included. */
import type { NodeState } from '../../../src/core/node-value/node-state.ts';
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
  gpu = -1;
  readonly #fragmentation: Fragmentation;

  constructor(fragmentation: Fragmentation) {
    this.#fragmentation = fragmentation;
  }

  score(pod: PodClass, state: NodeState): number {
    this.gpu = -1;
    const before = this.#fragmentation.now(state);
    if (!isShare(pod)) return scoreOf(before - this.#fragmentation.after(pod, state, -1));
    const { gpuMilli } = state.holes;
    const tried: number[] = [];
    let best = -1;
    for (const [gpu, free] of gpuMilli.entries()) {
      if (free < pod.gpuMilli || tried.includes(free)) continue;
      tried.push(free);
      const score = scoreOf(before - this.#fragmentation.after(pod, state, gpu));
      if (score <= best) continue;
      best = score;
      this.gpu = gpu;
    }
    return best;
  }
}

/** The node that is left with the least CPU and GPU; a share goes to the tightest GPU. */
export class BestFit implements Scoring {
  gpu = -1;

  score(pod: PodClass, state: NodeState): number {
    this.gpu = isShare(pod) ? this.#tightest(pod, state) : -1;
    const cpu = (state.cpuMilli - pod.cpuMilli) / LARGEST_CPU;
    const gpu = (state.holes.idle - gpuDemand(pod)) / LARGEST_GPU;
    return Math.trunc(100 * (1 - 0.5 * cpu - 0.5 * gpu));
  }

  #tightest(pod: PodClass, { holes }: NodeState): number {
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (const [gpu, free] of holes.gpuMilli.entries()) {
      if (free < pod.gpuMilli || free >= least) continue;
      least = free;
      best = gpu;
    }
    return best;
  }
}

const isShare = (pod: PodClass): boolean => pod.gpus === 1 && pod.gpuMilli < 1000;

const scoreOf = (milliGained: number): number => Math.trunc(100 * (1 / (1 + Math.exp(-milliGained / 1000))));
