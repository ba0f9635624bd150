/** A cluster whose GPUs are known one by one, so that a pod may take a part of one of them. */
import { type NodeState, NodeStates } from '../node-value/node-state.ts';
import { type PodClass, WHOLE_GPU } from '../node-value/pod-class.ts';
import type { Nodes } from '../node-value/state-index.ts';

export interface RoomSpec {
  /** Index of the GPU model; 0 where there are no GPUs. */
  readonly model: number;
  readonly cpuMilli: number;
  /** Free milli of each GPU. */
  readonly gpuMilli: readonly number[];
}

export class GpuRoom implements Nodes {
  readonly count: number;
  readonly models: number;
  readonly largestGpuMilli: number;
  readonly largestCpuMilli: number;
  readonly capacity: Float64Array;
  readonly positions: Int32Array;
  readonly rows: Int32Array;
  readonly changes: number[] = [];
  readonly #interned = new NodeStates();
  readonly #states: NodeState[];

  /** @param rows rows, first choice first among equals; default: as they come */
  constructor(nodes: readonly RoomSpec[], rows: Int32Array = Int32Array.from(nodes.keys())) {
    this.count = nodes.length;
    this.rows = rows;
    this.positions = new Int32Array(rows.length);
    rows.forEach((row, position) => {
      this.positions[row] = position;
    });
    this.models = nodes.reduce((most, { model }) => Math.max(most, model + 1), 0);
    this.capacity = new Float64Array(this.models);
    for (const { model, gpuMilli } of nodes) {
      this.capacity[model] = (this.capacity[model] ?? 0) + gpuMilli.length * WHOLE_GPU;
    }
    this.largestGpuMilli = WHOLE_GPU * nodes.reduce((most, { gpuMilli }) => Math.max(most, gpuMilli.length), 1);
    this.largestCpuMilli = nodes.reduce((most, { cpuMilli }) => Math.max(most, cpuMilli), 1);
    this.#states = nodes.map(({ model, gpuMilli, cpuMilli }) => this.#interned.of(model, gpuMilli, cpuMilli));
  }

  stateOf(row: number): NodeState {
    return this.#states[row] as NodeState;
  }

  /** Takes what the pod asks: of GPU `gpu`, or (-1) of the first of the node that have it free. It must fit. */
  take(pod: PodClass, row: number, gpu: number): void {
    const { holes, cpuMilli } = this.stateOf(row);
    this.set(row, cpuMilli - pod.cpuMilli, afterTaking(pod, holes.gpuMilli, gpu));
  }

  /** What is free on the node now, whatever the reason. */
  set(row: number, cpuMilli: number, gpuMilli: readonly number[]): void {
    this.#states[row] = this.#interned.of(this.stateOf(row).holes.model, gpuMilli, cpuMilli);
    this.changes.push(row);
  }
}

/** Free milli of the GPUs of a node with the pod on it: on GPU `gpu`, or (-1) on the first that fit. */
export function afterTaking(pod: PodClass, gpuMilli: readonly number[], gpu: number): number[] {
  const after = [...gpuMilli];
  let wanted = pod.gpus;
  for (let at = Math.max(gpu, 0); wanted > 0; at += 1) {
    const free = after[at] ?? 0;
    if (free < pod.gpuMilli) continue;
    after[at] = free - pod.gpuMilli;
    wanted -= 1;
  }
  return after;
}
