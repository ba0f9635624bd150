import type { TopologyRequest } from './model.ts';
import type { NodeIndex } from './node-index.ts';
import type { Suitability } from './suitability.ts';

/** What each pod of a gang takes, in one cluster. Make it once for equal requests. */
export interface PodShape {
  /** Index into the cluster's accelerators; -1: CPU only, on any node. */
  readonly accelerator: number;
  readonly gpuMilli: number;
  readonly cpuMilli: number;
  readonly memoryMi: number;
  readonly suitability: Suitability;
  readonly topology: TopologyRequest | undefined;
}

/** Pods of the shape that a node can take now. */
export function podsThatFit(index: NodeIndex, row: number, shape: PodShape, avoid: ReadonlySet<string>): number {
  if (!shape.suitability.suits(row)) return 0;
  if (avoid.size > 0 && avoid.has(index.table.names[row] ?? '')) return 0;
  let pods = Math.floor(index.podsFree[row] ?? 0);
  if (shape.gpuMilli > 0) pods = Math.min(pods, Math.floor((index.gpuFree[row] ?? 0) / shape.gpuMilli));
  if (shape.cpuMilli > 0) pods = Math.min(pods, Math.floor((index.cpuFree[row] ?? 0) / shape.cpuMilli));
  if (shape.memoryMi > 0) pods = Math.min(pods, Math.floor((index.memoryFree[row] ?? 0) / shape.memoryMi));
  return Math.max(0, pods);
}

/** Whether the node is in service and has the accelerator at all. */
export const isCandidate = ({ table }: NodeIndex, row: number, shape: PodShape): boolean =>
  table.usable[row] === 1 && (shape.accelerator < 0 || table.accelerator[row] === shape.accelerator);
