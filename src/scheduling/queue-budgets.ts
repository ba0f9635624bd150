import type { ComputeQueue, QueueBudget, QueueBudgetStatus } from '../api/index.ts';
import type { HeldBudget } from '../core/budget-room.ts';
import {
  type BudgetRecord,
  type BudgetState,
  budgetKey,
  budgetState,
  countOf,
  holdSentence,
  measureOf,
  nextChange,
} from '../core/budgets.ts';
import { type Commitment, committedUse, type Segment, sumUse, type UseBetween, type UseSource } from '../core/use.ts';
import type { Store } from '../kube/store.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Holder } from './types.ts';
import { UseLog } from './use-log.ts';

export interface QueueBudgetsOptions {
  readonly queues: Store<ComputeQueue>;
  readonly holders: () => Iterable<Holder>;
  readonly use: UseSource;
  /** When a workload that holds nodes is expected to end, in ms; infinite: nobody can tell. */
  readonly endsAt: (key: string, nowMs: number) => number;
  /** A queue is not held up any more. */
  readonly onFreed: () => void;
  readonly clock: Clock;
}

/** The budgets of one queue now. */
export interface BudgetLook {
  readonly nowMs: number;
  readonly states: readonly BudgetState[];
  /** Of its subtree; not of times before the sums in status were closed. */
  readonly useBetween: UseBetween;
  /** Something was given back in the subtree that is in no sum in status yet. */
  readonly isBehind: boolean;
}

interface ExpectedEnd {
  readonly untilMs: number;
  /** By the monotonic clock. */
  readonly lookedAt: number;
}

/** A look is good for so long: budgets move slowly, cycles come often. */
const LOOK_MS = 1_000;
const HORIZON_MS = 300_000;
/** Expected ends move slowly, too, and there may be thousands. */
const ENDS_MS = 60_000;

/**
 * What the queues have used of their budgets, by the sums in their status and what is held since. It only counts: the
 * queue controller writes the sums, the cycle is told which queues are held up.
 */
export class QueueBudgets {
  readonly #options: QueueBudgetsOptions;
  readonly #log: UseLog;
  #looks: ReadonlyMap<string, BudgetLook> | undefined;
  #last: ReadonlyMap<string, BudgetLook> = new Map();
  #lookedAt = 0;
  #nextResetMs = Number.POSITIVE_INFINITY;
  #ends: ReadonlyMap<string, ExpectedEnd> = new Map();
  /** Sums before they were rounded for status. */
  readonly #exact = new Map<string, Pick<BudgetRecord, 'untilMs' | 'used'>>();

  constructor(options: QueueBudgetsOptions) {
    this.#options = options;
    this.#log = new UseLog(options.use);
    options.queues.subscribe(() => {
      this.#looks = undefined;
    });
  }

  /** Its nodes were given back. */
  released(holder: Holder): void {
    if (this.#queuesWithBudgets().length === 0) return;
    this.#log.released(holder, this.#options.clock.now());
    this.#looks = undefined;
  }

  /** Of the queues that have budgets, by name. */
  look(): ReadonlyMap<string, BudgetLook> {
    const { clock } = this.#options;
    const now = clock.monotonic();
    if (this.#looks === undefined || now - this.#lookedAt >= LOOK_MS || this.isResetDue()) {
      const before = this.#last;
      this.#looks = this.#last = this.#look();
      this.#lookedAt = now;
      this.#nextResetMs = Math.min(
        ...[...this.#looks.values()].flatMap(({ states }) =>
          states.filter(isHolding).map(({ period }) => period.endMs),
        ),
        Number.POSITIVE_INFINITY,
      );
      const stillHeld = (name: string): boolean => this.#last.get(name)?.states.some(isHolding) === true;
      if ([...before].some(([name, { states }]) => states.some(isHolding) && !stillHeld(name))) {
        this.#options.onFreed();
      }
    }
    return this.#looks;
  }

  /** Queues that admit nothing by a budget of their own, each with a sentence. */
  holds(): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    for (const [name, { states }] of this.look()) {
      const sentence = states.map((state) => holdSentence(name, state)).find((one) => one !== undefined);
      if (sentence !== undefined) found.set(name, sentence);
    }
    return found;
  }

  /** Budgets with action Hold by queue, with what those that hold nodes now are expected to use yet. */
  held(): ReadonlyMap<string, readonly HeldBudget[]> {
    const found = new Map<string, readonly HeldBudget[]>();
    const looks = this.look();
    const holding = [...looks].filter(([, { states }]) => states.some(({ budget }) => budget.action === 'Hold'));
    if (holding.length === 0) return found;
    const commitments = this.#commitments();
    const children = this.#children();
    for (const [name, { nowMs, states }] of holding) {
      const mine = [...below(name, children)].flatMap((queue) => commitments.get(queue) ?? []);
      const committed = ({ budget, period }: BudgetState): number =>
        countOf(budget, committedUse(mine, this.#options.use, nowMs, period.endMs));
      const held = states.filter(({ budget }) => budget.action === 'Hold');
      found.set(
        name,
        held.map((state) => ({ ...state, committed: committed(state) })),
      );
    }
    return found;
  }

  /** What holds nodes and has an end that can be told, by queue. */
  #commitments(): Map<string, Commitment[]> {
    const byQueue = new Map<string, Commitment[]>();
    const ends = new Map<string, ExpectedEnd>();
    const [now, at] = [this.#options.clock.now(), this.#options.clock.monotonic()];
    for (const holder of this.#options.holders()) {
      const { key, run, queue, ending } = holder;
      const last = this.#ends.get(run);
      const isGood = last !== undefined && at - last.lookedAt < ENDS_MS && last.untilMs > now;
      const end = isGood ? last : { untilMs: this.#options.endsAt(key, now), lookedAt: at };
      ends.set(run, end);
      if (ending || end.untilMs === Number.POSITIVE_INFINITY) continue;
      const list = byQueue.get(queue) ?? [];
      list.push({ share: this.#log.share(holder), untilMs: end.untilMs });
      byQueue.set(queue, list);
    }
    this.#ends = ends;
    return byQueue;
  }

  /** A budget that holds a queue up has begun anew since the last look. */
  isResetDue(): boolean {
    return this.#options.clock.now() >= this.#nextResetMs;
  }

  /** When a threshold is reached or a period ends, at the latest in five minutes; undefined: there are no budgets. */
  nextChangeMs(): number | undefined {
    const times = [...this.look().values()].flatMap(({ nowMs, states, useBetween }) =>
      states.map((state) => nextChange(state, nowMs, HORIZON_MS, useBetween)),
    );
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** These sums go into status, rounded; the fractions are kept for as long as this process counts. */
  closing(queue: string, states: readonly BudgetState[]): void {
    for (const { budget, measure, untilMs, used } of states) {
      this.#exact.set(`${queue} ${budgetKey({ ...budget, measure })}`, { untilMs, used });
    }
  }

  #children(): Map<string, ComputeQueue[]> {
    return Map.groupBy(this.#options.queues.list(), ({ spec }) => spec.parent ?? '');
  }

  #queuesWithBudgets(): ComputeQueue[] {
    return [...this.#options.queues.list()].filter(({ spec }) => spec.budgets.length > 0);
  }

  #look(): Map<string, BudgetLook> {
    const queues = this.#queuesWithBudgets();
    if (queues.length === 0) return new Map();
    // Whole seconds, as the times in status.
    const nowMs = Math.floor(this.#options.clock.now() / 1000) * 1000;
    const closedUpTo = (queue: ComputeQueue): number =>
      Math.min(nowMs, ...(queue.status?.budgets ?? []).map(({ until }) => Date.parse(until)));
    const sinceMs = Math.min(...queues.map(closedUpTo));
    this.#log.forgetBefore(sinceMs);
    const byQueue = this.#log.since(sinceMs, this.#options.holders());
    const children = this.#children();
    return new Map(
      queues.map((queue) => {
        const segments = [...below(queue.metadata.name, children)].flatMap((name) => byQueue.get(name) ?? []);
        return [queue.metadata.name, this.#lookAt(queue, segments, closedUpTo(queue), nowMs)];
      }),
    );
  }

  #lookAt(queue: ComputeQueue, segments: readonly Segment[], closedMs: number, nowMs: number): BudgetLook {
    const useBetween: UseBetween = (from, to) => sumUse(segments, this.#options.use, from, to);
    return {
      nowMs,
      states: queue.spec.budgets.map((budget) => budgetState(budget, this.#record(queue, budget), nowMs, useBetween)),
      useBetween,
      isBehind: segments.some(({ toMs }) => closedMs < toMs && toMs <= nowMs),
    };
  }

  #record({ metadata, status }: ComputeQueue, budget: QueueBudget): BudgetRecord | undefined {
    const key = budgetKey({ ...budget, measure: measureOf(budget) });
    const kept = status?.budgets?.find((entry) => budgetKey(entry) === key);
    if (kept === undefined) return undefined;
    const record = recordOf(kept);
    const exact = this.#exact.get(`${metadata.name} ${key}`);
    const isSame = exact?.untilMs === record.untilMs && Math.round(exact.used) === record.used;
    return isSame ? { ...record, used: exact.used } : record;
  }
}

const isHolding = ({ budget, state }: BudgetState): boolean => budget.action === 'Hold' && state === 'Exhausted';

const recordOf = ({ periodStart, countedFrom, until, used }: QueueBudgetStatus): BudgetRecord => ({
  periodStartMs: Date.parse(periodStart),
  countedFromMs: Date.parse(countedFrom),
  untilMs: Date.parse(until),
  used,
});

/** Itself and all below it, also where parents form a circle. */
function below(name: string, children: ReadonlyMap<string, readonly ComputeQueue[]>, found = new Set<string>()) {
  if (found.has(name)) return found;
  found.add(name);
  for (const { metadata } of children.get(name) ?? []) below(metadata.name, children, found);
  return found;
}
