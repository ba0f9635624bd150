/**
 * limits.maxPending: how many of those that wait below a queue are considered. The first ones are, by priority and age,
 * and whoever has a place being cleared; the others keep their age and move up when one before them leaves. Those that
 * waiting does not help take no place: they would keep others out for ever.
 */
import { PENDING_REASON, type PendingReason } from '../api/index.ts';
import type { NotAdmitted, QueueView, Workload } from './model.ts';
import { QuotaTree } from './quota.ts';
import { compareWorkloads } from './turns.ts';

/** Answers that no end of other work changes, but an edit of queue, region or workload. */
const HOPELESS: ReadonlySet<PendingReason> = new Set([
  PENDING_REASON.QueueNotFound,
  PENDING_REASON.QueueNotLeaf,
  PENDING_REASON.QueueInvalid,
  PENDING_REASON.QueueHeld,
  PENDING_REASON.BudgetExhausted,
  PENDING_REASON.NamespaceNotAllowed,
  PENDING_REASON.NoQuotaForAccelerator,
  PENDING_REASON.ExceedsMaxQuota,
  PENDING_REASON.NoRegionAllowed,
  PENDING_REASON.NoSuchAccelerator,
  PENDING_REASON.ExceedsEveryRegion,
]);

export const isHopeless = (reason: PendingReason | undefined): boolean => reason !== undefined && HOPELESS.has(reason);

/** What else is known of those that wait, by Workload.key. */
export interface Known {
  readonly isNominated: (key: string) => boolean;
  /** Why it waited when it was last looked at. */
  readonly lastReason: (key: string) => PendingReason | undefined;
}

/** @returns those that are not considered, each with its answer */
export function backlog(
  workloads: Iterable<Workload>,
  queues: readonly QueueView[],
  known: Known,
): Map<string, NotAdmitted> {
  const beyond = new Map<string, NotAdmitted>();
  const bounds = new Map(
    queues.flatMap(({ name, maxPending }) => (maxPending === undefined ? [] : [[name, maxPending]])),
  );
  if (bounds.size === 0) return beyond;
  const tree = QuotaTree.build(queues);
  const placed = [...workloads].filter(({ key }) => !isHopeless(known.lastReason(key)));
  const waiting = countBelow(placed, tree);
  if (![...bounds].some(([queue, max]) => (waiting.get(queue) ?? 0) > max)) return beyond;
  const taken = new Map<string, number>();
  const first = ({ key }: Workload): number => (known.isNominated(key) ? 0 : 1);
  for (const workload of placed.sort((a, b) => first(a) - first(b) || compareWorkloads(a, b))) {
    const path = tree.path(workload.queue);
    const full = path.find((queue) => (taken.get(queue) ?? 0) >= (bounds.get(queue) ?? Number.POSITIVE_INFINITY));
    if (full !== undefined) {
      beyond.set(workload.key, notConsidered(workload, full, waiting.get(full) ?? 0, bounds.get(full) ?? 0));
    } else for (const queue of path) taken.set(queue, (taken.get(queue) ?? 0) + 1);
  }
  return beyond;
}

/** Those that wait in each queue and below it. */
function countBelow(workloads: readonly Workload[], tree: QuotaTree): Map<string, number> {
  const own = new Map<string, number>();
  for (const { queue } of workloads) own.set(queue, (own.get(queue) ?? 0) + 1);
  const below = new Map<string, number>();
  for (const [leaf, count] of own) {
    for (const queue of tree.path(leaf)) below.set(queue, (below.get(queue) ?? 0) + count);
  }
  return below;
}

const notConsidered = (workload: Workload, queue: string, waiting: number, max: number): NotAdmitted => ({
  workload,
  reason: PENDING_REASON.BeyondMaxPending,
  message: `${waiting} workloads wait in queue ${queue}, and its limits.maxPending is ${max}: it is considered when it is among the first ${max} by priority and age.`,
  filtered: [],
});
