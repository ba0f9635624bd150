import type { AcceleratorType } from '../api/index.ts';
import type { NodeIndex } from './node-index.ts';
import type { Learned } from './node-value/demand-by-type.ts';
import { type Holes, type NodeState, NodeStates } from './node-value/node-state.ts';
import { DEFAULT_OPTIONS, NodeValue } from './node-value/node-value.ts';
import { type PodClass, WHOLE_GPU } from './node-value/pod-class.ts';
import { Chooser } from './node-value/scoring.ts';
import type { Nodes } from './node-value/state-index.ts';
import { noValues } from './node-value/value-tables.ts';
import { type PodShape, podsThatFit } from './pod-shape.ts';

/** Nodes without accelerators are model 0; those of the i-th accelerator of the cluster are model i + 1. */
const PLAIN = 0;

/** The nodes of a cluster as the scoring sees them: units that are in use are no holes, free ones are whole ones. */
class IndexedNodes implements Nodes {
  readonly count: number;
  readonly models: number;
  readonly largestGpuMilli: number;
  readonly largestCpuMilli: number;
  readonly capacity: Float64Array;
  readonly positions: Int32Array;
  readonly rows: Int32Array;
  readonly changes: readonly number[];
  readonly #index: NodeIndex;
  readonly #states = new NodeStates();
  /** By model, then by free units. */
  readonly #holes: Holes[][];

  constructor(index: NodeIndex, models: number) {
    const { table, order } = index;
    this.#index = index;
    this.count = table.count;
    this.models = models;
    this.largestGpuMilli = table.gpuTotal.reduce((most, milli) => Math.max(most, milli), WHOLE_GPU);
    this.largestCpuMilli = table.cpuTotal.reduce((most, milli) => Math.max(most, milli), 1);
    this.positions = order.positions;
    this.rows = order.rows;
    this.changes = index.changes;
    this.capacity = new Float64Array(models);
    this.#holes = Array.from({ length: models }, () => []);
    table.gpuTotal.forEach((milli, row) => {
      const model = this.#modelOf(row);
      this.capacity[model] = (this.capacity[model] ?? 0) + milli;
    });
  }

  stateOf(row: number): NodeState | undefined {
    const { table, gpuFree, cpuFree, podsFree } = this.#index;
    if (table.usable[row] !== 1 || (podsFree[row] ?? 0) < 1) return undefined;
    const units = Math.max(0, Math.floor((gpuFree[row] ?? 0) / WHOLE_GPU));
    return this.#states.on(this.#holesOf(this.#modelOf(row), units), cpuFree[row] ?? 0);
  }

  #modelOf(row: number): number {
    return (this.#index.table.accelerator[row] ?? -1) + 1;
  }

  #holesOf(model: number, units: number): Holes {
    const known = this.#holes[model] ?? [];
    let holes = known[units];
    if (holes === undefined) {
      holes = this.#states.holes(model, new Array<number>(units).fill(WHOLE_GPU));
      known[units] = holes;
    }
    return holes;
  }
}

/** Which node of a cluster takes a pod, by what the rest of the node will be worth to those who come after it. */
export class NodeChoice {
  readonly #index: NodeIndex;
  readonly #chooser: Chooser;
  /** Boards of the largest node in milli, by accelerator. */
  readonly #largest: number[] = [];
  readonly #classes = new WeakMap<PodShape, Map<number, readonly PodClass[]>>();

  constructor(index: NodeIndex, accelerators: readonly AcceleratorType[], learned: Learned) {
    this.#index = index;
    index.table.accelerator.forEach((accelerator, row) => {
      if (accelerator < 0) return;
      this.#largest[accelerator] = Math.max(this.#largest[accelerator] ?? 0, index.table.gpuTotal[row] ?? 0);
    });
    const none = noValues(DEFAULT_OPTIONS);
    const models = index.table.accelerator.reduce((most, accelerator) => Math.max(most, accelerator + 2), 1);
    const tables = Array.from({ length: models }, (_, model) => {
      const type = accelerators[model - 1]?.type;
      return (type === undefined ? undefined : learned.get(type)) ?? none;
    });
    const nodes = new IndexedNodes(index, models);
    this.#chooser = new Chooser(nodes, new NodeValue(tables, nodes, DEFAULT_OPTIONS));
  }

  /** Whether a pod leaves boards free on some node of its accelerator: if not, all nodes that can take it are alike. */
  leavesRest({ accelerator, gpuMilli }: PodShape): boolean {
    return accelerator < 0 || gpuMilli < (this.#largest[accelerator] ?? 0);
  }

  /** Row of one node for all these pods, or undefined: no node can hold them. */
  choose(pods: number, shape: PodShape, avoid: ReadonlySet<string>): number | undefined {
    const admits = (row: number): boolean => podsThatFit(this.#index, row, shape, avoid) >= pods;
    for (const asked of this.#classesOf(pods, shape)) {
      const choice = this.#chooser.choose(asked, admits);
      if (choice !== undefined) return choice.row;
    }
    return undefined;
  }

  /** The pods as one, in the order in which places are tried: those that need no accelerators idle none. */
  #classesOf(pods: number, shape: PodShape): readonly PodClass[] {
    const known = this.#classes.get(shape) ?? new Map<number, readonly PodClass[]>();
    this.#classes.set(shape, known);
    let classes = known.get(pods);
    if (classes === undefined) {
      classes = classesOf(pods, shape);
      known.set(pods, classes);
    }
    return classes;
  }
}

function classesOf(pods: number, { accelerator, gpuMilli, cpuMilli }: PodShape): readonly PodClass[] {
  const gpus = Math.ceil((pods * gpuMilli) / WHOLE_GPU);
  const all: PodClass = { cpuMilli: pods * cpuMilli, gpus, gpuMilli: gpus > 0 ? WHOLE_GPU : 0 };
  if (accelerator >= 0) return [{ ...all, models: [accelerator + 1] }];
  return [{ ...all, models: [PLAIN] }, all];
}
