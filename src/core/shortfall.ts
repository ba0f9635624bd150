import type { NodeIndex } from './node-index.ts';
import type { PodShape } from './placement.ts';

export type Resource = 'boards' | 'cpu' | 'memory' | 'pods';

/** Why a gang does not fit a cluster, in numbers. */
export interface GangShort {
  readonly neededPods: number;
  /** Pods of the shape that fit now: the largest gang. */
  readonly fittingPods: number;
  /** Pods that would fit now if boards alone counted (CPU only: `neededPods`). */
  readonly podsByBoards: number;
  /** What is short, and the pods that would fit now if boards and it alone counted. */
  readonly why: Resource;
  readonly podsByWhy: number;
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
}

const times = (have: number, each: number): number =>
  each > 0 ? Math.max(0, Math.floor(have / each)) : Number.POSITIVE_INFINITY;

const newNow = () => ({ fitting: 0, boards: 0, cpu: 0, memory: 0, pods: 0 });
type Now = ReturnType<typeof newNow>;

const newIdle = () => ({
  nodes: 0,
  suitableNodes: 0,
  avoidedNodes: 0,
  idlePods: 0,
  idleNodes: 0,
  idleBoards: 0,
  idlePodsByBoards: 0,
});
type Idle = ReturnType<typeof newIdle>;

/** Scans every node. */
export function shortfall(index: NodeIndex, pods: number, shape: PodShape, avoid: ReadonlySet<string>): GangShort {
  const { table } = index;
  const now = newNow();
  const idle = newIdle();
  for (let row = 0; row < table.count; row += 1) {
    if (shape.accelerator >= 0 && table.accelerator[row] !== shape.accelerator) continue;
    idle.nodes += 1;
    if (!shape.suitability.suits(row)) continue;
    addIdle(idle, index, row, shape);
    if (avoid.size > 0 && avoid.has(table.names[row] ?? '')) idle.avoidedNodes += 1;
    else if (table.usable[row] === 1) addNow(now, index, row, shape, pods);
  }
  const why = whatIsShort(pods, now);
  return { neededPods: pods, fittingPods: now.fitting, podsByBoards: now.boards, why, podsByWhy: now[why], ...idle };
}

function addIdle(sum: Idle, { table }: NodeIndex, row: number, shape: PodShape): void {
  const byBoards = times(table.gpuTotal[row] ?? 0, shape.gpuMilli);
  const pods = Math.min(byBoards, times(table.cpuTotal[row] ?? 0, shape.cpuMilli));
  sum.suitableNodes += 1;
  sum.idlePods += pods;
  sum.idlePodsByBoards += byBoards;
  if (pods === 0) return;
  sum.idleNodes += 1;
  sum.idleBoards += (table.gpuTotal[row] ?? 0) / 1000;
}

/** Pods by boards and one other resource each; no node counts for more pods than are needed. */
function addNow(sum: Now, index: NodeIndex, row: number, shape: PodShape, needed: number): void {
  const boards = Math.min(needed, times(index.gpuFree[row] ?? 0, shape.gpuMilli));
  const cpu = Math.min(boards, times(index.cpuFree[row] ?? 0, shape.cpuMilli));
  const memory = Math.min(boards, times(index.memoryFree[row] ?? 0, shape.memoryMi));
  const pods = Math.min(boards, times(index.podsFree[row] ?? 0, 1));
  sum.boards += boards;
  sum.cpu += cpu;
  sum.memory += memory;
  sum.pods += pods;
  sum.fitting += Math.min(cpu, memory, pods);
}

/** Boards when they alone do not suffice, else what allows the fewest pods beside them. */
function whatIsShort(needed: number, now: Now): Resource {
  if (now.boards < needed) return 'boards';
  const least = Math.min(now.cpu, now.memory, now.pods);
  if (now.cpu === least) return 'cpu';
  return now.memory === least ? 'memory' : 'pods';
}
