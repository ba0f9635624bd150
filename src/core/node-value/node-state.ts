import { accepts, type PodClass } from './pod-class.ts';

/** Free milli of each GPU of a node of one model: what its holes are worth follows from this alone. */
export interface Holes {
  /** Place among the holes of one NodeStates. */
  readonly id: number;
  readonly model: number;
  /** In the order of the GPUs' indexes; those wholly in use may be left out by who does not place by index. */
  readonly gpuMilli: readonly number[];
  /** Their sum. */
  readonly idle: number;
}

/** What is free on a node, as far as its worth goes. Nodes with the same free share one object, which is scored once. */
export interface NodeState {
  /** Place among the states of one NodeStates. */
  readonly id: number;
  readonly holes: Holes;
  /** Below zero where more is used than there is. */
  readonly cpuMilli: number;
}

/** Interns states: equal ones are the same object. */
export class NodeStates {
  #count = 0;
  readonly #holes = new Map<string, Holes>();
  /** By the id of the holes, then by CPU. */
  readonly #states: Map<number, NodeState>[] = [];

  /** @param gpuMilli kept, where it is new */
  of(model: number, gpuMilli: readonly number[], cpuMilli: number): NodeState {
    return this.on(this.holes(model, gpuMilli), cpuMilli);
  }

  holes(model: number, gpuMilli: readonly number[]): Holes {
    const key = keyOf(model, gpuMilli);
    let holes = this.#holes.get(key);
    if (holes === undefined) {
      const idle = gpuMilli.reduce((sum, milli) => sum + milli, 0);
      holes = { id: this.#holes.size, model, gpuMilli, idle };
      this.#holes.set(key, holes);
      this.#states.push(new Map());
    }
    return holes;
  }

  on(holes: Holes, cpuMilli: number): NodeState {
    const byCpu = this.#states[holes.id] as Map<number, NodeState>;
    let state = byCpu.get(cpuMilli);
    if (state === undefined) {
      state = { id: this.#count, holes, cpuMilli };
      this.#count += 1;
      byCpu.set(cpuMilli, state);
    }
    return state;
  }
}

const keyOf = (model: number, gpuMilli: readonly number[]): string => `${model}:${gpuMilli.join()}`;

/** By CPU, GPUs and model. Memory, pod slots, labels and taints are for others to judge. */
export function fits(pod: PodClass, { holes, cpuMilli }: NodeState): boolean {
  if (pod.cpuMilli > 0 && cpuMilli < pod.cpuMilli) return false;
  if (!accepts(pod, holes.model)) return false;
  let wanted = pod.gpus;
  for (let i = 0; wanted > 0 && i < holes.gpuMilli.length; i += 1) {
    if ((holes.gpuMilli[i] ?? 0) >= pod.gpuMilli) wanted -= 1;
  }
  return wanted <= 0;
}
