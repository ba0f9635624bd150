/**
 * Power as a quota: what admitted work is reckoned to draw, in facility watts.
 *
 *   IT watts       = boards * watts of a board + share of nodes * overhead of a node
 *   facility watts = IT watts * PUE
 *
 * The share of a node is that of its boards, and for pods without boards that of its cpu.
 */
import type { AcceleratorType } from '../../api/index.ts';

type BoardFacts = Pick<AcceleratorType, 'boardWatts' | 'board' | 'minPowerLimitWatts'>;

/**
 * Watts of one unit of an accelerator, at most. A cap counts only where the accelerator's limits are declared, which
 * says that caps are applied there; parts of boards have none of their own.
 */
export function unitWatts({ boardWatts, board, minPowerLimitWatts }: BoardFacts, capWatts?: number): number {
  if (capWatts === undefined || minPowerLimitWatts === undefined || board !== undefined) return boardWatts;
  return Math.min(boardWatts, Math.max(capWatts, minPowerLimitWatts));
}

/** IT watts that are held or asked for. */
export interface ItPower {
  /** Sum over the boards. */
  readonly boardWatts: number;
  /** Sum over the pods of the share of its node that each takes. */
  readonly nodeShare: number;
}

export interface SiteFacts {
  readonly puePermille: number;
  readonly nodeOverheadWatts: number;
}

/** Before rounding. */
export const facilityWatts = ({ boardWatts, nodeShare }: ItPower, site: SiteFacts): number =>
  ((boardWatts + nodeShare * site.nodeOverheadWatts) * site.puePermille) / 1000;

/** Share of a node with these totals that pods with these sums take, at most the whole node. */
export function shareOfNode(
  pods: { readonly gpuMilli: number; readonly cpuMilli: number },
  node: { readonly gpuTotal: number; readonly cpuTotal: number },
): number {
  const [used, total] = pods.gpuMilli > 0 ? [pods.gpuMilli, node.gpuTotal] : [pods.cpuMilli, node.cpuTotal];
  if (used <= 0) return 0;
  return total > 0 ? Math.min(1, used / total) : 1;
}
