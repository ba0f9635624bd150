import { CONDITION, type ComputeQueue, type ComputeQueueStatus, PENDING_REASON } from '../api/index.ts';
import { iso } from '../core/iso.ts';
import type { QueueView, QuotaUse, Workload } from '../core/model.ts';
import { QuotaTree } from '../core/quota.ts';
import { compareByCost, compareWorkloads } from '../core/turns.ts';
import { FirstInOrder } from './queue-order.ts';

/** Everything the statuses of all queues follow from. */
export interface QueueSight {
  readonly queues: readonly QueueView[];
  readonly holders: Iterable<QuotaUse>;
  readonly pending: Iterable<Workload>;
  /** Estimated costs, for queues that go by them. */
  readonly costs?: ReadonlyMap<string, number>;
  /** When those that wait are expected to start, in ms by Workload.key. */
  readonly starts?: ReadonlyMap<string, number>;
  /** Queues whose budget admits nothing new, each with a sentence. */
  readonly budgetHolds?: ReadonlyMap<string, string>;
  /** Why it waits, one word; undefined: not looked at yet. */
  readonly reason: (workload: Workload) => string | undefined;
}

/** What is true of one queue now; the status without its times. */
export interface QueueReport {
  readonly admitted: number;
  readonly pending: number;
  readonly pendingByReason: NonNullable<ComputeQueueStatus['pendingByReason']>;
  readonly usage: NonNullable<ComputeQueueStatus['usage']>;
  /** Of a leaf only. */
  readonly head?: NonNullable<ComputeQueueStatus['head']>;
  readonly ready: { readonly status: 'True' | 'False'; readonly reason: string; readonly message: string };
}

/** Bounds of the lists in a status. */
const MAX_HEAD = 100;
const MAX_USAGE = 64;
const MAX_REASONS = 32;
const MAX_NAMED = 8;

interface Tally {
  admitted: number;
  pending: number;
  readonly reasons: Map<string, number>;
}

interface Own extends Tally {
  readonly head: FirstInOrder<Workload>;
}

/** The reports of all queues, in one pass over what waits and what holds. */
export function queueReports(sight: QueueSight): Map<string, QueueReport> {
  const tree = QuotaTree.build(sight.queues);
  const byCost = compareByCost(sight.costs ?? new Map());
  const own = new Map(
    sight.queues.map(({ name, ordering }) => [
      name,
      newOwn(ordering === 'ShortestRemaining' ? byCost : compareWorkloads),
    ]),
  );
  for (const holder of sight.holders) {
    tree.add(holder);
    const counted = own.get(holder.queue);
    if (counted !== undefined) counted.admitted += 1;
  }
  for (const workload of sight.pending) {
    const counted = own.get(workload.queue);
    if (counted === undefined) continue;
    const reason = sight.reason(workload) ?? PENDING_REASON.Evaluating;
    counted.pending += 1;
    counted.reasons.set(reason, (counted.reasons.get(reason) ?? 0) + 1);
    counted.head.add(workload);
  }
  const sums = subtreeSums(sight.queues, own);
  const report = (view: QueueView): QueueReport => {
    const sum = sums.get(view.name) ?? newTally();
    const mine = own.get(view.name) ?? newOwn();
    return {
      admitted: sum.admitted,
      pending: sum.pending,
      pendingByReason: [...sum.reasons]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .slice(0, MAX_REASONS)
        .map(([reason, count]) => ({ reason, count })),
      usage: usageOf(tree, view.name),
      ...(tree.isLeaf(view.name) ? { head: headOf(mine.head, sight.starts) } : {}),
      ready: readiness(tree, view, mine, sight.budgetHolds),
    };
  };
  return new Map(sight.queues.map((view) => [view.name, report(view)]));
}

const newTally = (): Tally => ({ admitted: 0, pending: 0, reasons: new Map() });
const newOwn = (compare = compareWorkloads): Own => ({ ...newTally(), head: new FirstInOrder(MAX_HEAD, compare) });

/** Of each queue and all below it; where parents form a circle, each of them counts all. */
function subtreeSums(queues: readonly QueueView[], own: ReadonlyMap<string, Tally>): Map<string, Tally> {
  const parents = new Map(queues.map(({ name, parent }) => [name, parent]));
  const sums = new Map(queues.map(({ name }) => [name, newTally()]));
  for (const [name, tally] of own) {
    const seen = new Set<string>();
    for (let at: string | undefined = name; at !== undefined && !seen.has(at); at = parents.get(at)) {
      seen.add(at);
      const sum = sums.get(at);
      if (sum === undefined) break;
      sum.admitted += tally.admitted;
      sum.pending += tally.pending;
      for (const [reason, count] of tally.reasons) sum.reasons.set(reason, (sum.reasons.get(reason) ?? 0) + count);
    }
  }
  return sums;
}

const usageOf = (tree: QuotaTree, queue: string): QueueReport['usage'] =>
  tree
    .usage(queue)
    .slice(0, MAX_USAGE)
    .map(({ accelerator, region, nominalMilli, usedMilli, borrowedMilli }) => ({
      accelerator,
      region,
      nominal: Math.floor(nominalMilli / 1000),
      usedMilliGpus: usedMilli,
      borrowedMilliGpus: borrowedMilli,
    }));

type Head = NonNullable<QueueReport['head']>;

const headOf = (first: FirstInOrder<Workload>, starts: QueueSight['starts']): Head =>
  first.list().map(({ key, namespace, name, kind, priority }, i) => {
    const start = starts?.get(key);
    const expected = start === undefined ? {} : { expectedStartTime: toTheMinute(start) };
    return { position: i + 1, namespace, name, kind, priority, ...expected };
  });

const toTheMinute = (ms: number): string => iso(Math.ceil(ms / 60_000) * 60_000);

/** Keeps what was expected before while the wait has hardly changed: a forecast of hours is no news each second. */
function settled(head: Head, before: Head, nowMs: number): Head {
  const known = new Map(before.map((entry) => [`${entry.namespace}/${entry.name}`, entry.expectedStartTime]));
  return head.map((entry) => {
    const [now, then] = [entry.expectedStartTime, known.get(`${entry.namespace}/${entry.name}`)];
    if (now === undefined || then === undefined) return entry;
    const [wait, moved] = [Date.parse(now) - nowMs, Math.abs(Date.parse(now) - Date.parse(then))];
    return moved <= Math.max(60_000, wait / 10) ? { ...entry, expectedStartTime: then } : entry;
  });
}

function readiness(
  tree: QuotaTree,
  { name, stopPolicy }: QueueView,
  own: Tally,
  budgetHolds: ReadonlyMap<string, string> = new Map(),
): QueueReport['ready'] {
  const no = (reason: string, message: string): QueueReport['ready'] => ({ status: 'False', reason, message });
  const problem = tree.problems.get(name);
  if (problem !== undefined) return no(problem.reason, problem.message);
  const children = tree.children(name);
  if (children.length > 0 && own.admitted + own.pending > 0) {
    return no(
      'ParentHoldsWorkloads',
      `workloads name it, but it has queues below it and only leaves take workloads: suspend them and set their spec.queue to one of ${named(children)}.`,
    );
  }
  const held = tree.heldBy(name);
  if (held === name) return no('Held', `its stopPolicy is ${stopPolicy}: it admits nothing new.`);
  if (held !== undefined) return no('Held', `queue ${held} above it has a stopPolicy: it admits nothing new.`);
  const spent = budgetHolds.get(tree.path(name).find((one) => budgetHolds.has(one)) ?? '');
  if (spent !== undefined) return no(PENDING_REASON.BudgetExhausted, spent);
  const message = children.length > 0 ? 'its leaves take workloads.' : 'it takes workloads.';
  return { status: 'True', reason: 'Ready', message };
}

const named = (names: readonly string[]): string =>
  names.slice(0, MAX_NAMED).join(', ') + (names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '');

/** The status that is true now. */
export function deriveQueueStatus(queue: ComputeQueue, report: QueueReport, nowMs: number): ComputeQueueStatus {
  const { ready, head, ...figures } = report;
  const generation = queue.metadata.generation ?? 1;
  const before = queue.status?.conditions?.find((entry) => entry.type === CONDITION.Ready);
  const since = before?.status === ready.status ? before.lastTransitionTime : undefined;
  return {
    observedGeneration: generation,
    conditions: [
      ...(queue.status?.conditions ?? []).filter((entry) => entry.type !== CONDITION.Ready),
      {
        type: CONDITION.Ready,
        ...ready,
        lastTransitionTime: since ?? iso(nowMs),
        observedGeneration: generation,
      },
    ],
    ...figures,
    ...(head === undefined ? {} : { head: settled(head, queue.status?.head ?? [], nowMs) }),
  };
}
