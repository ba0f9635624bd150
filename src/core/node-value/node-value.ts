import type { Holes, NodeState } from './node-state.ts';
import { gpuDemand, type PodClass, WHOLE_GPU } from './pod-class.ts';
import type { Scoring } from './scoring.ts';
import type { Nodes } from './state-index.ts';
import type { PriceOptions } from './type-price.ts';
import { holeOf, type ValueOptions, type ValueTable } from './value-tables.ts';

export interface NodeValueOptions extends ValueOptions, PriceOptions {
  /** Weight of best fit, in GPUs for a whole node left idle. It also keeps idle nodes idle, which saves power. */
  readonly bestFit: number;
}

/** Closer together where they are low: 1,000 GPU milli for 8 cores is 0.125. */
const PRICES = 20;
const DEAREST = 1.2;

/** Found on the lists of Alibaba's cluster-trace-gpu-v2023; flat around these values (`npm run bench:placement`). */
export const DEFAULT_OPTIONS: NodeValueOptions = {
  draws: 40,
  cpuDraws: 12,
  shadowPart: 0.5,
  prices: Array.from({ length: PRICES }, (_, i) => DEAREST * (i / (PRICES - 1)) ** 3),
  bestFit: 0.04,
  typePrice: 1,
  typePrior: 2,
};

/** Sums over the GPUs of holes. */
interface Sums {
  readonly waiting: number;
  /** By price. */
  readonly priced: Float64Array;
}

/**
 * Scores a node by what the rest of it will be worth: hole values minus the loss from too little CPU,
 * `V(cpu c, GPUs r_i) = sum waiting(r_i) - (sum priced_0(r_i) - min over prices L of (L * c + sum priced_L(r_i)))`,
 * where the minimum is the Lagrangian bound of what the CPU of the node lets its holes be used for.
 * Nothing that it keeps changes an answer: equal tables, classes and states have equal scores.
 */
export class NodeValue implements Scoring {
  gpu = -1;
  readonly #tables: readonly ValueTable[];
  readonly #largest: Pick<Nodes, 'largestGpuMilli' | 'largestCpuMilli'>;
  readonly #options: NodeValueOptions;
  /** By id of holes, and values by id of the state. */
  readonly #sums: Sums[] = [];
  readonly #values: number[] = [];
  readonly #after: Float64Array;

  /** @param tables hole values, by model */
  constructor(
    tables: readonly ValueTable[],
    largest: Pick<Nodes, 'largestGpuMilli' | 'largestCpuMilli'>,
    options: NodeValueOptions = DEFAULT_OPTIONS,
  ) {
    this.#tables = tables;
    this.#largest = largest;
    this.#options = options;
    this.#after = new Float64Array(options.prices.length);
  }

  score(pod: PodClass, state: NodeState): number {
    const gain = (this.#bestAfter(pod, state) - this.value(state)) / WHOLE_GPU;
    return gain - this.#options.bestFit * this.#residual(pod, state);
  }

  /** V of a node in that state, in GPU milli. */
  value(state: NodeState): number {
    let value = this.#values[state.id];
    if (value === undefined) {
      const { waiting, priced } = this.#sumsOf(state.holes);
      value = waiting - this.#cpuLoss(priced, state.cpuMilli);
      this.#values[state.id] = value;
    }
    return value;
  }

  #tableOf(model: number): ValueTable {
    return this.#tables[model] as ValueTable;
  }

  #sumsOf(holes: Holes): Sums {
    let sums = this.#sums[holes.id];
    if (sums === undefined) {
      sums = this.#sum(holes);
      this.#sums[holes.id] = sums;
    }
    return sums;
  }

  #sum({ model, gpuMilli }: Holes): Sums {
    const prices = this.#options.prices.length;
    const table = this.#tableOf(model);
    const priced = new Float64Array(prices);
    let waiting = 0;
    for (const milli of gpuMilli) {
      const hole = holeOf(milli);
      waiting += table.waiting[hole] ?? 0;
      for (let i = 0; i < prices; i += 1) priced[i] = (priced[i] ?? 0) + (table.priced[hole * prices + i] ?? 0);
    }
    return { waiting, priced };
  }

  /** V of the node with the pod on its best GPU, the tightest of equals; sets `gpu`. */
  #bestAfter(pod: PodClass, state: NodeState): number {
    this.gpu = -1;
    if (pod.gpus !== 1) return this.#valueAfter(pod, state, 0);
    const { gpuMilli } = state.holes;
    let best = Number.NEGATIVE_INFINITY;
    let tightest = Number.POSITIVE_INFINITY;
    let last = -1;
    for (let gpu = 0; gpu < gpuMilli.length; gpu += 1) {
      const free = gpuMilli[gpu] ?? 0;
      if (free < pod.gpuMilli || free === last) continue;
      last = free;
      const value = this.#valueAfter(pod, state, gpu);
      if (value < best || (value === best && free >= tightest)) continue;
      best = value;
      tightest = free;
      this.gpu = gpu;
    }
    return best;
  }

  /** V of the node with the pod on it, its first GPU being `gpu`. */
  #valueAfter(pod: PodClass, { holes, cpuMilli }: NodeState, gpu: number): number {
    const prices = this.#options.prices.length;
    const table = this.#tableOf(holes.model);
    const start = this.#sumsOf(holes);
    const sums = this.#after;
    sums.set(start.priced);
    let { waiting } = start;
    let wanted = pod.gpus;
    for (let at = gpu; wanted > 0; at += 1) {
      const free = holes.gpuMilli[at] ?? 0;
      if (free < pod.gpuMilli) continue;
      wanted -= 1;
      const before = holeOf(free);
      const after = holeOf(free - pod.gpuMilli);
      waiting += (table.waiting[after] ?? 0) - (table.waiting[before] ?? 0);
      for (let i = 0; i < prices; i += 1) {
        sums[i] = (sums[i] ?? 0) + (table.priced[after * prices + i] ?? 0) - (table.priced[before * prices + i] ?? 0);
      }
    }
    return waiting - this.#cpuLoss(sums, cpuMilli - pod.cpuMilli);
  }

  /** What the holes lose by the node having no more than `cpu` milli of CPU. */
  #cpuLoss(sums: Float64Array, cpu: number): number {
    const { prices } = this.#options;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < prices.length; i += 1) {
      const bound = (prices[i] ?? 0) * cpu + (sums[i] ?? 0);
      if (bound < least) least = bound;
    }
    return (sums[0] ?? 0) - least;
  }

  /** Mean of the shares of the largest node's GPU and CPU that the pod would leave free. */
  #residual(pod: PodClass, { holes, cpuMilli }: NodeState): number {
    const { largestGpuMilli, largestCpuMilli } = this.#largest;
    const gpu = (holes.idle - gpuDemand(pod)) / largestGpuMilli;
    const cpu = (cpuMilli - pod.cpuMilli) / largestCpuMilli;
    return (gpu + cpu) / 2;
  }
}
