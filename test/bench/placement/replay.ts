/** One stream of arrivals against one policy, one pod at a time; what fits nowhere is dropped, nothing ever ends. */
import { gpuDemand, type PodClass } from '../../../src/core/node-value/pod-class.ts';
import { type Choice, Chooser } from '../../../src/core/node-value/scoring.ts';
import { GpuRoom } from '../../../src/core/testing/gpu-room.ts';
import { OnlinePlacer } from '../../../src/core/testing/online-placer.ts';
import { BestFit, FragmentationGradient } from './baselines.ts';
import { Fragmentation, type TypicalPod, typicalPods } from './fragmentation.ts';
import { modelsOf, type Node, type Pod, type Stream } from './lists.ts';
import { nodeWatts } from './power.ts';

const PODS_PER_NODE = 1001;

export interface Workbench {
  readonly nodes: readonly Node[];
  readonly pods: readonly Pod[];
  readonly typical: readonly TypicalPod[];
}

export const workbench = (nodes: readonly Node[], pods: readonly Pod[]): Workbench => ({
  nodes,
  pods,
  typical: typicalPods(pods),
});

/** State of the cluster after an arrival. */
export interface Sample {
  /** All that has arrived, as a share of all GPUs in whole percent. */
  readonly load: number;
  /** GPUs in use, % of all. */
  readonly alloc: number;
  /** Fragmented GPUs, % of all. */
  readonly frag: number;
  readonly kw: number;
}

interface Placer {
  choose(pod: PodClass, admits: (row: number) => boolean): Choice | undefined;
}

/** Makes what places the pods of one stream. */
export type Policy = (room: GpuRoom, fragmentation: Fragmentation) => Placer;

export const POLICIES: Readonly<Record<string, Policy>> = {
  FGD: (room, fragmentation) => new Chooser(room, new FragmentationGradient(fragmentation)),
  BestFit: (room) => new Chooser(room, new BestFit()),
  ours: (room) => new OnlinePlacer(room),
};

/** The state after each arrival. */
export function replay({ nodes, pods, typical }: Workbench, stream: Stream, policy: Policy): Sample[] {
  const room = roomOf(nodes, rowsByRank(stream.nodeRank));
  const fragmentation = new Fragmentation(typical);
  const placer = policy(room, fragmentation);
  const memory = Float64Array.from(nodes, ({ memoryMib }) => memoryMib);
  const slots = new Int32Array(nodes.length).fill(PODS_PER_NODE);
  const totals = new Totals(nodes, room, fragmentation);
  return stream.order.map((index) => {
    const { podClass, memoryMib } = pods[index] as Pod;
    const choice = placer.choose(podClass, (row) => (memory[row] ?? 0) >= memoryMib && (slots[row] ?? 0) > 0);
    if (choice !== undefined) {
      const { row, gpu } = choice;
      room.take(podClass, row, gpu);
      memory[row] = (memory[row] ?? 0) - memoryMib;
      slots[row] = (slots[row] ?? 0) - 1;
      totals.moved(row);
    }
    return totals.sample(gpuDemand(podClass), choice !== undefined);
  });
}

function roomOf(nodes: readonly Node[], rows: Int32Array): GpuRoom {
  const models = modelsOf(nodes);
  return new GpuRoom(
    nodes.map(({ model, cpuMilli, gpus }) => ({
      model: models.indexOf(model),
      cpuMilli,
      gpuMilli: Array.from({ length: gpus }, () => 1000),
    })),
    rows,
  );
}

function rowsByRank(rank: readonly number[]): Int32Array {
  const rows = new Int32Array(rank.length);
  rank.forEach((position, row) => {
    rows[position] = row;
  });
  return rows;
}

/** Sums over the cluster, of which an arrival changes one node's part. */
class Totals {
  readonly #nodes: readonly Node[];
  readonly #room: GpuRoom;
  readonly #fragmentation: Fragmentation;
  readonly #capacity: number;
  readonly #frag: Float64Array;
  readonly #watts: Float64Array;
  #arrived = 0;
  #used = 0;
  #fragSum = 0;
  #wattsSum = 0;

  constructor(nodes: readonly Node[], room: GpuRoom, fragmentation: Fragmentation) {
    this.#nodes = nodes;
    this.#room = room;
    this.#fragmentation = fragmentation;
    this.#capacity = 1000 * nodes.reduce((sum, { gpus }) => sum + gpus, 0);
    this.#frag = new Float64Array(nodes.length);
    this.#watts = new Float64Array(nodes.length);
    for (let row = 0; row < nodes.length; row += 1) this.moved(row);
  }

  moved(row: number): void {
    const state = this.#room.stateOf(row);
    const frag = this.#fragmentation.now(state);
    const watts = nodeWatts(this.#nodes[row] as Node, state);
    this.#fragSum += frag - (this.#frag[row] ?? 0);
    this.#wattsSum += watts - (this.#watts[row] ?? 0);
    this.#frag[row] = frag;
    this.#watts[row] = watts;
  }

  sample(demand: number, placed: boolean): Sample {
    this.#arrived += demand;
    if (placed) this.#used += demand;
    return {
      load: roundHalfEven((100 * this.#arrived) / this.#capacity),
      alloc: round2((100 * this.#used) / this.#capacity),
      frag: (100 * this.#fragSum) / this.#capacity,
      kw: this.#wattsSum / 1000,
    };
  }
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const part = value - floor;
  if (part === 0.5) return floor + (floor % 2);
  return part > 0.5 ? floor + 1 : floor;
}

const round2 = (value: number): number => Math.round(value * 100) / 100;

/** Mean of a figure while the load is `load` %; where no arrival met that, within 1 %; else after the last below it. */
export function at(samples: readonly Sample[], load: number, figure: 'alloc' | 'frag' | 'kw'): number {
  let rows = samples.filter((sample) => sample.load === load);
  if (rows.length === 0) rows = samples.filter((sample) => Math.abs(sample.load - load) <= 1);
  if (rows.length === 0) rows = samples.filter((sample) => sample.load <= load).slice(-1);
  return rows.reduce((sum, sample) => sum + sample[figure], 0) / rows.length;
}
