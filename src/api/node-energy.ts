import { z } from 'zod';
import { jsonText } from './common.ts';

/**
 * What the agent of a node tells the hub: the `data` of one ConfigMap a node in MEMBER_SYSTEM_NAMESPACE. All amounts
 * are `[joules, gpuSeconds, gapSeconds]`: time is counted whole, and power was not known for `gapSeconds` of it.
 */
export const NODE_ENERGY_FORMAT = '1';
/** The ConfigMap's name begins so; the node's name follows, where it is not too long. */
export const NODE_ENERGY_PREFIX = 'aidc-energy-';
/** Value of LABEL.managedBy on these ConfigMaps. */
export const AGENT_MANAGED_BY = 'aidc-agent';

const amount = z.number().nonnegative();
/** In the place of a pod's index: what no pod held. */
export const NOBODY_INDEX = -1;
const use = z.tuple([z.int().min(NOBODY_INDEX), z.int().nonnegative(), amount, amount, amount]);
const instant = z.iso.datetime();

export const nodeEnergyTotals = z.object({
  /** `[uuid, joules, gpuSeconds, gapSeconds]`: each board since the series began. */
  gpus: z.array(z.tuple([z.string(), amount, amount, amount])),
  /**
   * `[uid, namespace, name, run]`; the uid is empty where the agent could not learn it. The run is that of a pod of
   * ours, `<uid of the workload>/<attempt>`, and empty for others.
   */
  pods: z.array(z.tuple([z.string(), z.string(), z.string(), z.string()])),
  /** `[index in pods or -1, index in gpus, ...]`: a pod's part of a board, or nobody's; they add up to the board's. */
  use: z.array(use),
});

export const nodeEnergyBuckets = z.array(
  z.object({
    /** Counts from 1 without holes; a bucket of a number never changes. */
    sequence: z.int().positive(),
    /** When the quarter of an hour began. */
    start: instant,
    /** Indexes are of `pods` and `gpus` in the totals beside it. */
    use: z.array(use),
  }),
);

/** How a board is, as its agent sees it. */
export const BOARD_HEALTH = ['healthy', 'degraded', 'lost', 'unknown'] as const;
export type BoardHealth = (typeof BOARD_HEALTH)[number];

/** What the agent of a node saw last. */
export interface NodeSight<Board extends BoardSight> {
  /** Why it has no sample that is new enough; empty: it has. */
  readonly trouble: string;
  /** Boards that ought to be there: also those that the driver counts and tells nothing of. */
  readonly expected: number;
  readonly boards: readonly Board[];
}

export interface BoardSight {
  readonly uuid: string;
  readonly health: BoardHealth;
  /** null: not known. */
  readonly watts: number | null;
}

/** The same as it is written. Agents of before there was such a part do not write it. */
export const nodeEnergyNow = z.object({
  trouble: z.string(),
  expected: z.int().nonnegative(),
  /** `[uuid, health, watts, [[index in pods, share of 1], ...]]` */
  boards: z.array(
    z.tuple([
      z.string(),
      z.enum(BOARD_HEALTH),
      amount.nullable(),
      z.array(z.tuple([z.int().nonnegative(), z.number().min(0).max(1)])),
    ]),
  ),
});

/** Reads the ConfigMap's `data`. */
export const nodeEnergyData = z.object({
  format: z.literal(NODE_ENERGY_FORMAT),
  node: z.string().min(1),
  /** All counters and sequence numbers began anew when this differs from the last one read. */
  series: z.uuid(),
  writtenAt: instant,
  totals: jsonText(nodeEnergyTotals),
  buckets: jsonText(nodeEnergyBuckets),
  now: jsonText(nodeEnergyNow).optional(),
});
export type NodeEnergyTotals = z.output<typeof nodeEnergyTotals>;
export type NodeEnergyBuckets = z.output<typeof nodeEnergyBuckets>;
export type NodeEnergyNow = z.output<typeof nodeEnergyNow>;
