import type { NodeTable } from './model.ts';
import type { NodeIndex } from './node-index.ts';
import type { PodShape } from './pod-shape.ts';
import type { GangRoom } from './topology-fit.ts';

type Resource = 'boards' | 'cpu' | 'memory' | 'pods';

/** What a cluster can take of pods of one shape. */
export interface ShapeRoom {
  /** Pods that fit now: the largest gang. */
  readonly fittingPods: number;
  /** Pods that would fit now if boards alone counted, and boards with one other resource. */
  readonly byBoards: number;
  readonly byCpu: number;
  readonly byMemory: number;
  readonly byPods: number;
  /** Nodes that carry the accelerator (CPU only: all nodes). */
  readonly nodes: number;
  /** Of these, nodes whose labels and taints suit. */
  readonly suitableNodes: number;
  /** Of these, nodes left out after failures. */
  readonly avoidedNodes: number;
  /** With everything idle and every node in service: pods, nodes with room for one at least, boards of these nodes. */
  readonly idlePods: number;
  readonly idleNodes: number;
  readonly idleBoards: number;
  /** Pods with everything idle if boards alone counted. */
  readonly idlePodsByBoards: number;
  /** Where a topology is required: what one domain can take. */
  readonly domains?: GangRoom;
}

/** The largest gang that fits now, and with everything idle. */
export const largestGang = (room: ShapeRoom): number =>
  Math.min(room.fittingPods, room.domains?.now.pods ?? room.fittingPods);
export const largestIdleGang = (room: ShapeRoom): number =>
  Math.min(room.idlePods, room.domains?.idle.pods ?? room.idlePods);

/** Why a gang does not fit, in numbers. */
export interface GangShort extends ShapeRoom {
  readonly neededPods: number;
  /** What is short, and the pods that would fit now if boards and it alone counted. */
  readonly why: Resource;
  readonly podsByWhy: number;
}

/** Bound on the pods of a node where nothing else bounds them. */
const MOST_PODS = 1_000_000;

const times = (have: number, each: number): number =>
  each > 0 ? Math.max(0, Math.floor(have / each)) : Number.POSITIVE_INFINITY;

type Sum = { -readonly [field in keyof Omit<ShapeRoom, 'domains'>]: number };

/** Scans every node. */
export function roomFor(index: NodeIndex, shape: PodShape, avoid: ReadonlySet<string>): ShapeRoom {
  const { table } = index;
  const sum: Sum = {
    fittingPods: 0,
    byBoards: 0,
    byCpu: 0,
    byMemory: 0,
    byPods: 0,
    nodes: 0,
    suitableNodes: 0,
    avoidedNodes: 0,
    idlePods: 0,
    idleNodes: 0,
    idleBoards: 0,
    idlePodsByBoards: 0,
  };
  for (let row = 0; row < table.count; row += 1) {
    if (shape.accelerator >= 0 && table.accelerator[row] !== shape.accelerator) continue;
    sum.nodes += 1;
    if (!shape.suitability.suits(row)) continue;
    addIdle(sum, index, row, shape);
    if (avoid.size > 0 && avoid.has(table.names[row] ?? '')) sum.avoidedNodes += 1;
    else if (table.usable[row] === 1) addNow(sum, index, row, shape);
  }
  return sum;
}

/** Pods of the shape that a suitable node takes when it is idle. */
export function idlePods(table: NodeTable, row: number, shape: PodShape): number {
  const byBoards = Math.min(MOST_PODS, times(table.gpuTotal[row] ?? 0, shape.gpuMilli));
  return Math.min(byBoards, times(table.cpuTotal[row] ?? 0, shape.cpuMilli));
}

function addIdle(sum: Sum, { table }: NodeIndex, row: number, shape: PodShape): void {
  const byBoards = Math.min(MOST_PODS, times(table.gpuTotal[row] ?? 0, shape.gpuMilli));
  const pods = idlePods(table, row, shape);
  sum.suitableNodes += 1;
  sum.idlePods += pods;
  sum.idlePodsByBoards += byBoards;
  if (pods === 0) return;
  sum.idleNodes += 1;
  sum.idleBoards += (table.gpuTotal[row] ?? 0) / 1000;
}

function addNow(sum: Sum, index: NodeIndex, row: number, shape: PodShape): void {
  const boards = Math.min(MOST_PODS, times(index.gpuFree[row] ?? 0, shape.gpuMilli));
  const cpu = Math.min(boards, times(index.cpuFree[row] ?? 0, shape.cpuMilli));
  const memory = Math.min(boards, times(index.memoryFree[row] ?? 0, shape.memoryMi));
  const pods = Math.min(boards, times(index.podsFree[row] ?? 0, 1));
  sum.byBoards += boards;
  sum.byCpu += cpu;
  sum.byMemory += memory;
  sum.byPods += pods;
  sum.fittingPods += Math.min(cpu, memory, pods);
}

/** Boards when they alone do not suffice, else what allows the fewest pods beside them. */
export function gangShort(room: ShapeRoom, neededPods: number): GangShort {
  const { byBoards, byCpu, byMemory, byPods } = room;
  if (byBoards < neededPods) return { ...room, neededPods, why: 'boards', podsByWhy: byBoards };
  const podsByWhy = Math.min(byCpu, byMemory, byPods);
  const why = byCpu === podsByWhy ? 'cpu' : byMemory === podsByWhy ? 'memory' : 'pods';
  return { ...room, neededPods, why, podsByWhy };
}
