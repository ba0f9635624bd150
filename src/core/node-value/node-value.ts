import type { DemandMix } from './demand.ts';
import type { NodeRoom } from './node-room.ts';
import { gpuDemand, type PodClass, WHOLE_GPU } from './pod-class.ts';
import type { Scoring } from './scoring.ts';
import { TypePrice } from './type-price.ts';
import { holeOf, type ValueOptions, type ValueTable, valueTables } from './value-tables.ts';

export interface NodeValueOptions extends ValueOptions {
  /** Weight of best fit, in GPUs for a whole node left idle. It also keeps idle nodes idle, which saves power. */
  readonly bestFit: number;
  /** Weight of the price of scarce models, in GPUs for each GPU taken. */
  readonly typePrice: number;
  /** Arrivals that each model is credited with before any are seen. */
  readonly typePrior: number;
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

/**
 * Scores a node by what the rest of it will be worth: hole values minus the loss from too little CPU,
 * `V(cpu c, GPUs r_i) = sum waiting(r_i) - (sum priced_0(r_i) - min over prices L of (L * c + sum priced_L(r_i)))`,
 * where the minimum is the Lagrangian bound of what the CPU of the node lets its holes be used for.
 */
export class NodeValue implements Scoring {
  epoch = 0;
  gpu = -1;
  readonly #room: NodeRoom;
  readonly #options: NodeValueOptions;
  #tables: readonly ValueTable[];
  readonly #price: TypePrice;
  /** Of each node: the sums over its GPUs of `waiting` and of `priced`, its value, and the version they are of. */
  readonly #waiting: Float64Array;
  readonly #priced: Float64Array;
  readonly #value: Float64Array;
  readonly #version: Int32Array;
  readonly #after: Float64Array;

  constructor(room: NodeRoom, options: NodeValueOptions = DEFAULT_OPTIONS) {
    this.#room = room;
    this.#options = options;
    this.#tables = valueTables([], room.freeOfModel.length, options);
    this.#price = new TypePrice(room, options.typePrior);
    this.#waiting = new Float64Array(room.count);
    this.#priced = new Float64Array(room.count * options.prices.length);
    this.#value = new Float64Array(room.count);
    this.#version = new Int32Array(room.count).fill(-1);
    this.#after = new Float64Array(options.prices.length);
  }

  /** Counts an arrival for the prices of models, which follow at once; hole values wait for `learn`. */
  observe(pod: PodClass): void {
    this.#price.observe(pod);
  }

  /** Takes over the mix of demand as it is now. */
  learn(mix: DemandMix): void {
    const shares = mix.shares();
    this.#tables = valueTables(shares, this.#room.freeOfModel.length, this.#options);
    this.#version.fill(-1);
    this.epoch += 1;
  }

  score(pod: PodClass, row: number): number {
    // First: it brings the sums up to date that the values after it start from.
    const before = this.value(row);
    return (this.#bestAfter(pod, row) - before) / WHOLE_GPU - this.#options.bestFit * this.#residual(pod, row);
  }

  /** The price of the model, cubed: next to nothing while there is enough for those who insist, then a whole GPU. */
  surcharge(pod: PodClass, model: number): number {
    if (pod.gpus === 0) return 0;
    return (this.#options.typePrice * this.#price.of(model) ** 3 * gpuDemand(pod)) / WHOLE_GPU;
  }

  /** V of the node as it is, in GPU milli. */
  value(row: number): number {
    if (this.#version[row] !== this.#room.version[row]) this.#sum(row);
    return this.#value[row] ?? 0;
  }

  #tableOf(row: number): ValueTable {
    return this.#tables[this.#room.models[row] ?? 0] as ValueTable;
  }

  /** Reckons the kept sums of the node anew. */
  #sum(row: number): void {
    const { gpus, stride, gpuFree, cpuFree } = this.#room;
    const prices = this.#options.prices.length;
    const table = this.#tableOf(row);
    const sums = this.#priced.subarray(row * prices, (row + 1) * prices).fill(0);
    let waiting = 0;
    for (let at = row * stride; at < row * stride + (gpus[row] ?? 0); at += 1) {
      const hole = holeOf(gpuFree[at] ?? 0);
      waiting += table.waiting[hole] ?? 0;
      for (let i = 0; i < prices; i += 1) sums[i] = (sums[i] ?? 0) + (table.priced[hole * prices + i] ?? 0);
    }
    this.#waiting[row] = waiting;
    this.#value[row] = waiting - this.#cpuLoss(sums, cpuFree[row] ?? 0);
    this.#version[row] = this.#room.version[row] ?? 0;
  }

  /** V of the node with the pod on its best GPU, the tightest of equals; sets `gpu`. */
  #bestAfter(pod: PodClass, row: number): number {
    this.gpu = -1;
    if (pod.gpus !== 1) return this.#valueAfter(pod, row, 0);
    const { gpuFree, gpus, stride } = this.#room;
    let best = Number.NEGATIVE_INFINITY;
    let tightest = Number.POSITIVE_INFINITY;
    let last = -1;
    for (let gpu = 0; gpu < (gpus[row] ?? 0); gpu += 1) {
      const free = gpuFree[row * stride + gpu] ?? 0;
      if (free < pod.gpuMilli || free === last) continue;
      last = free;
      const value = this.#valueAfter(pod, row, gpu);
      if (value < best || (value === best && free >= tightest)) continue;
      best = value;
      tightest = free;
      this.gpu = gpu;
    }
    return best;
  }

  /** V of the node with the pod on it, its first GPU being `gpu`. */
  #valueAfter(pod: PodClass, row: number, gpu: number): number {
    const { gpuFree, stride, cpuFree } = this.#room;
    const prices = this.#options.prices.length;
    const table = this.#tableOf(row);
    const sums = this.#after;
    for (let i = 0; i < prices; i += 1) sums[i] = this.#priced[row * prices + i] ?? 0;
    let waiting = this.#waiting[row] ?? 0;
    let wanted = pod.gpus;
    for (let at = row * stride + gpu; wanted > 0; at += 1) {
      const free = gpuFree[at] ?? 0;
      if (free < pod.gpuMilli) continue;
      wanted -= 1;
      const before = holeOf(free);
      const after = holeOf(free - pod.gpuMilli);
      waiting += (table.waiting[after] ?? 0) - (table.waiting[before] ?? 0);
      for (let i = 0; i < prices; i += 1) {
        sums[i] = (sums[i] ?? 0) + (table.priced[after * prices + i] ?? 0) - (table.priced[before * prices + i] ?? 0);
      }
    }
    return waiting - this.#cpuLoss(sums, (cpuFree[row] ?? 0) - pod.cpuMilli);
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
  #residual(pod: PodClass, row: number): number {
    const { largestGpuMilli, largestCpuMilli, cpuFree } = this.#room;
    const gpu = (this.#room.idle(row) - gpuDemand(pod)) / largestGpuMilli;
    const cpu = ((cpuFree[row] ?? 0) - pod.cpuMilli) / largestCpuMilli;
    return (gpu + cpu) / 2;
  }
}
