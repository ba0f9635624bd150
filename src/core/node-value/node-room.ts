import { accepts, gpuDemand, type PodClass } from './pod-class.ts';

export interface RoomSpec {
  /** Index of the GPU model; 0 where there are no GPUs. */
  readonly model: number;
  readonly cpuMilli: number;
  /** Free milli of each GPU. */
  readonly gpuMilli: readonly number[];
}

/** What is free on each node, GPU by GPU. Each change of a row moves its version, by which scores are kept. */
export class NodeRoom {
  readonly count: number;
  /** GPUs of the largest node: the GPUs of row r are at r * stride. */
  readonly stride: number;
  readonly models: Int16Array;
  readonly gpus: Uint8Array;
  readonly gpuFree: Float64Array;
  readonly cpuFree: Float64Array;
  readonly version: Int32Array;
  /** GPU milli free by model. */
  readonly freeOfModel: Float64Array;
  /** GPU milli of the largest node, and CPU milli of the largest: what residuals are measured by. */
  readonly largestGpuMilli: number;
  readonly largestCpuMilli: number;

  constructor(nodes: readonly RoomSpec[]) {
    this.count = nodes.length;
    this.stride = nodes.reduce((most, { gpuMilli }) => Math.max(most, gpuMilli.length), 1);
    this.models = Int16Array.from(nodes, ({ model }) => model);
    this.gpus = Uint8Array.from(nodes, ({ gpuMilli }) => gpuMilli.length);
    this.cpuFree = Float64Array.from(nodes, ({ cpuMilli }) => cpuMilli);
    this.gpuFree = new Float64Array(this.count * this.stride);
    this.version = new Int32Array(this.count);
    this.freeOfModel = new Float64Array(nodes.reduce((most, { model }) => Math.max(most, model + 1), 0));
    nodes.forEach(({ gpuMilli }, row) => {
      this.gpuFree.set(gpuMilli, row * this.stride);
      this.#count(row, 1);
    });
    this.largestGpuMilli = this.stride * 1000;
    this.largestCpuMilli = this.cpuFree.reduce((most, cpu) => Math.max(most, cpu), 1);
  }

  /** Free GPU milli of the node. */
  idle(row: number): number {
    let sum = 0;
    const first = row * this.stride;
    for (let at = first; at < first + (this.gpus[row] ?? 0); at += 1) sum += this.gpuFree[at] ?? 0;
    return sum;
  }

  /** By CPU, GPUs and model. Memory, pod slots, labels and taints are for others to judge. */
  fits(pod: PodClass, row: number): boolean {
    if ((this.cpuFree[row] ?? 0) < pod.cpuMilli) return false;
    if (pod.gpus === 0) return true;
    if ((this.gpus[row] ?? 0) < pod.gpus || !accepts(pod, this.models[row] ?? 0)) return false;
    const first = row * this.stride;
    let wanted = pod.gpus;
    for (let at = first; at < first + (this.gpus[row] ?? 0); at += 1) {
      if ((this.gpuFree[at] ?? 0) >= pod.gpuMilli) wanted -= 1;
      if (wanted === 0) return true;
    }
    return false;
  }

  /** Takes what the pod asks: of GPU `gpu`, or (-1) of the first of the node that have it free. It must fit. */
  take(pod: PodClass, row: number, gpu: number): void {
    const first = row * this.stride;
    this.cpuFree[row] = (this.cpuFree[row] ?? 0) - pod.cpuMilli;
    let wanted = pod.gpus;
    for (let at = gpu < 0 ? first : first + gpu; wanted > 0; at += 1) {
      if ((this.gpuFree[at] ?? 0) < pod.gpuMilli) continue;
      this.gpuFree[at] = (this.gpuFree[at] ?? 0) - pod.gpuMilli;
      wanted -= 1;
    }
    this.#addFree(row, -gpuDemand(pod));
    this.#moved(row);
  }

  /** What is free on the node now, whatever the reason. */
  set(row: number, cpuMilli: number, gpuMilli: readonly number[]): void {
    this.#count(row, -1);
    this.cpuFree[row] = cpuMilli;
    this.gpuFree.set(gpuMilli, row * this.stride);
    this.#count(row, 1);
    this.#moved(row);
  }

  #count(row: number, sign: 1 | -1): void {
    this.#addFree(row, sign * this.idle(row));
  }

  #addFree(row: number, milli: number): void {
    const model = this.models[row] ?? 0;
    if (milli !== 0) this.freeOfModel[model] = (this.freeOfModel[model] ?? 0) + milli;
  }

  #moved(row: number): void {
    this.version[row] = (this.version[row] ?? 0) + 1;
  }
}
