import {
  CONDITION,
  type ComputeQueue,
  type ComputeQueueStatus,
  type Condition,
  type QueueBudgetStatus,
} from '../api/index.ts';
import { type BudgetState, budgetKey, exhaustion, stateText } from '../core/budgets.ts';
import { iso } from '../core/iso.ts';
import { minimalMergePatch } from '../kube/merge-patch.ts';
import type { BudgetLook } from './queue-budgets.ts';

export interface BudgetNews {
  readonly type: 'Normal' | 'Warning';
  readonly reason: 'BudgetExhausted' | 'BudgetNearlyUsed' | 'BudgetReset';
  readonly message: string;
  /** Of several budgets each is told. */
  readonly key: string;
}

/** What is summed up over time for a queue. */
export interface Sums {
  /** undefined: it has no budgets. */
  readonly look: BudgetLook | undefined;
  /** undefined: its past does not count in whose turn it is. */
  readonly fairShare: ComputeQueueStatus['fairShare'];
}

export interface WithSums {
  readonly status: ComputeQueueStatus;
  /** The sums move up to now with this status. */
  readonly closes: boolean;
  /** To be told when the status is stored. */
  readonly news: readonly BudgetNews[];
}

/** Budgets are closed at transitions, and so long after the last time. */
const CLOSE_MS = 300_000;

/**
 * A queue's status with what is summed up over time. `status`: without it. The sums are moved up when something else is
 * written anyway, a budget's state or period changes, work was given back, or five minutes are over: each is one write.
 */
export function withSums(queue: ComputeQueue, status: ComputeQueueStatus, sums: Sums): WithSums {
  const { look, fairShare } = sums;
  const old = queue.status ?? {};
  const conditions = (status.conditions ?? []).filter(({ type }) => type !== CONDITION.WithinBudget);
  const before: ComputeQueueStatus = {
    ...status,
    conditions: look === undefined ? conditions : [...conditions, conditionOf(queue, look)],
    ...(look === undefined || old.budgets === undefined ? {} : { budgets: old.budgets }),
    ...(fairShare === undefined || old.fairShare === undefined ? {} : { fairShare: old.fairShare }),
  };
  const closes =
    (look !== undefined && (look.isBehind || mustClose(look, old.budgets ?? []))) ||
    (old.fairShare === undefined) !== (fairShare === undefined) ||
    minimalMergePatch(old, before) !== undefined;
  if (!closes) return { status: before, closes, news: [] };
  const states = look?.states ?? [];
  return {
    status: {
      ...before,
      ...(look === undefined ? {} : { budgets: states.map((state) => statusOf(state, look)) }),
      ...(fairShare === undefined ? {} : { fairShare }),
    },
    closes,
    news: states.flatMap((state) => newsOf(queue, state, entryOf(old.budgets ?? [], state))),
  };
}

const entryOf = (entries: readonly QueueBudgetStatus[], { budget, measure }: BudgetState) =>
  entries.find((entry) => budgetKey(entry) === budgetKey({ ...budget, measure }));

function mustClose({ states, nowMs }: BudgetLook, entries: readonly QueueBudgetStatus[]): boolean {
  if (entries.length !== states.length) return true;
  return states.some((state) => {
    const entry = entryOf(entries, state);
    if (entry === undefined || entry.state !== state.state || entry.limit !== state.limit) return true;
    if (Date.parse(entry.periodStart) !== state.periodStartMs) return true;
    return nowMs - Date.parse(entry.until) >= CLOSE_MS && Math.round(state.used) !== entry.used;
  });
}

function statusOf(state: BudgetState, { nowMs, useBetween }: BudgetLook): QueueBudgetStatus {
  const { budget, measure, period } = state;
  const until = exhaustion(state, nowMs, useBetween);
  return {
    period: budget.period,
    measure,
    ...(budget.currency === undefined ? {} : { currency: budget.currency }),
    state: state.state,
    periodStart: iso(period.startMs),
    periodEnd: iso(period.endMs),
    countedFrom: iso(state.countedFromMs),
    until: iso(state.untilMs),
    used: Math.round(state.used),
    limit: state.limit,
    ...(until === undefined ? {} : { exhaustion: iso(until) }),
  };
}

/** The worst that is so of any budget. The message is rewritten only with status, reason or generation. */
function conditionOf(queue: ComputeQueue, look: BudgetLook): Condition {
  const now = judge(look);
  const generation = queue.metadata.generation ?? 1;
  const old = queue.status?.conditions?.find(({ type }) => type === CONDITION.WithinBudget);
  const sameStatus = old?.status === now.status;
  const same = sameStatus && old.reason === now.reason && old.observedGeneration === generation;
  return {
    type: CONDITION.WithinBudget,
    ...now,
    message: (same ? old.message : now.message).slice(0, 4096),
    lastTransitionTime: sameStatus ? old.lastTransitionTime : iso(look.nowMs),
    observedGeneration: generation,
  };
}

type Judgement = Pick<Condition, 'status' | 'reason' | 'message'>;

function judge(look: BudgetLook): Judgement {
  const { states } = look;
  const those = (wanted: BudgetState['state']): BudgetState[] => states.filter(({ state }) => state === wanted);
  const list = (some: readonly BudgetState[]): string => some.map((state) => sentence(state)).join('; ');
  if (those('Exhausted').length > 0) {
    return { status: 'False', reason: 'BudgetExhausted', message: `${list(those('Exhausted'))}.` };
  }
  const lost = states.find(({ isZoneUnknown }) => isZoneUnknown);
  if (lost !== undefined) {
    return {
      status: 'Unknown',
      reason: 'UnknownTimeZone',
      message: `budgets[].timezone "${lost.budget.timezone}" is not a known time zone, and UTC is used: set an IANA name such as Asia/Shanghai.`,
    };
  }
  const other = otherCurrency(look);
  if (other !== undefined) return { status: 'Unknown', reason: 'OtherCurrency', message: other };
  if (those('NearlyUsed').length > 0) {
    return { status: 'True', reason: 'BudgetNearlyUsed', message: `${list(those('NearlyUsed'))}.` };
  }
  return { status: 'True', reason: 'WithinBudget', message: 'no budget is nearly used up.' };
}

const sentence = (state: BudgetState): string =>
  `${stateText(state)} of the ${state.budget.period.toLowerCase()} are used; it resets at ${iso(state.period.endMs)}${
    state.budget.action === 'Hold' && state.state === 'Exhausted' ? ', nothing new is admitted until then' : ''
  }`;

/** Money that is spent now in a currency that no budget of costMicros counts; sums of currencies are not added. */
function otherCurrency({ states, useBetween, nowMs }: BudgetLook): string | undefined {
  const counted = new Set(states.flatMap(({ budget }) => budget.currency ?? []));
  if (counted.size === 0) return undefined;
  const spent = [...useBetween(nowMs, nowMs + 60_000).costMicros.keys()].filter((currency) => !counted.has(currency));
  if (spent.length === 0) return undefined;
  return `what runs costs ${spent.sort().join(' and ')}, too, which the budget in ${[...counted].sort().join(' and ')} does not count: add a budget in that currency.`;
}

function newsOf(queue: ComputeQueue, state: BudgetState, old: QueueBudgetStatus | undefined): BudgetNews[] {
  if (state.state === (old?.state ?? 'Within')) return [];
  const eased = state.state === 'Within' || old?.state === 'Exhausted';
  return [
    {
      type: eased ? 'Normal' : 'Warning',
      reason: eased ? 'BudgetReset' : state.state === 'Exhausted' ? 'BudgetExhausted' : 'BudgetNearlyUsed',
      message: `queue ${queue.metadata.name}: ${sentence(state)}.`,
      key: `${budgetKey({ ...state.budget, measure: state.measure })} ${state.periodStartMs}`,
    },
  ];
}
