/**
 * Budgets of queues over calendar periods. What was used is a closed sum up to a moment (status) plus what is held since;
 * both move together, so that nothing is counted twice or lost, whoever counts and however often it starts anew.
 */

import type { BudgetMeasure, QueueBudget } from '../api/index.ts';
import { iso } from './iso.ts';
import { type Period, periodAt, type Span } from './periods.ts';
import type { Use, UseBetween } from './use.ts';

/** Closed sum of a budget, as status keeps it. */
export interface BudgetRecord {
  readonly periodStartMs: number;
  readonly countedFromMs: number;
  /** Use up to then is in `used`. */
  readonly untilMs: number;
  /** In the unit of `MEASURES`. */
  readonly used: number;
}

export interface BudgetState extends BudgetRecord {
  readonly budget: QueueBudget;
  readonly measure: BudgetMeasure;
  readonly period: Span;
  /** The calendar of UTC stands in for a time zone that does not exist. */
  readonly isZoneUnknown: boolean;
  /** In the unit of `used`. */
  readonly limit: number;
  readonly state: 'Within' | 'NearlyUsed' | 'Exhausted';
}

interface Measure {
  /** One of the budget's units in those that are counted. */
  readonly unit: number;
  readonly of: (use: Use, currency: string) => number;
  /** A number of the counted units as people read it. */
  readonly text: (value: number, currency: string) => string;
}

const grouped = (value: number, digits: number): string =>
  value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ',');

export const MEASURES: Readonly<Record<BudgetMeasure, Measure>> = {
  gpuHours: {
    unit: 3600,
    of: ({ gpuSeconds }) => gpuSeconds,
    text: (value) => `${grouped(value / 3600, 1)} GPU-hours`,
  },
  kWh: {
    unit: 3_600_000,
    of: ({ facilityJoules }) => facilityJoules,
    text: (value) => `${grouped(value / 3_600_000, 1)} kWh`,
  },
  costMicros: {
    unit: 1,
    of: ({ costMicros }, currency) => costMicros.get(currency) ?? 0,
    text: (value, currency) => `${grouped(value / 1_000_000, 2)} ${currency}`,
  },
  carbonGrams: { unit: 1, of: ({ carbonGrams }) => carbonGrams, text: (value) => `${grouped(value / 1000, 3)} kg CO2` },
};

export function measureOf(budget: QueueBudget): BudgetMeasure {
  if (budget.gpuHours !== undefined) return 'gpuHours';
  if (budget.kWh !== undefined) return 'kWh';
  return budget.costMicros !== undefined ? 'costMicros' : 'carbonGrams';
}

/** Equal for the budget and the closed sum that belongs to it; a limit that changes keeps the sum. */
export const budgetKey = (of: { period: Period; measure: BudgetMeasure; currency?: string | undefined }): string =>
  `${of.period} ${of.measure} ${of.currency ?? ''}`;

/** Use in the units that are counted. */
export const countOf = (budget: QueueBudget, use: Use): number =>
  MEASURES[measureOf(budget)].of(use, budget.currency ?? '');

/** `12.0 of 100.0 GPU-hours`, of numbers in the units that are counted. */
export function usedText(measure: BudgetMeasure, used: number, limit: number, currency = ''): string {
  const { text } = MEASURES[measure];
  return `${text(used, currency).split(' ')[0]} of ${text(limit, currency)}`;
}

export const stateText = ({ budget, measure, used, limit }: BudgetState): string =>
  usedText(measure, used, limit, budget.currency);

/** The budget now. Without a record it counts from now on. */
export function budgetState(
  budget: QueueBudget,
  record: BudgetRecord | undefined,
  nowMs: number,
  useBetween: UseBetween,
): BudgetState {
  const measure = measureOf(budget);
  const known = periodAt(budget.period, budget.timezone, nowMs);
  const period = known ?? (periodAt(budget.period, 'UTC', nowMs) as Span);
  const counted = countUp(budget, record, period, nowMs, useBetween);
  const limit = (budget[measure] ?? 0) * MEASURES[measure].unit;
  const isNear = counted.used * 1000 >= limit * budget.warnPermille;
  return {
    budget,
    measure,
    period,
    isZoneUnknown: known === null,
    limit,
    ...counted,
    state: counted.used >= limit ? 'Exhausted' : isNear ? 'NearlyUsed' : 'Within',
  };
}

function countUp(
  budget: QueueBudget,
  record: BudgetRecord | undefined,
  period: Span,
  nowMs: number,
  useBetween: UseBetween,
): BudgetRecord {
  const { startMs } = period;
  if (record === undefined) return { periodStartMs: startMs, countedFromMs: nowMs, untilMs: nowMs, used: 0 };
  // A sum that reaches into the period is of this period, also where another time zone makes it begin elsewhere.
  const goesOn = record.untilMs > startMs || record.periodStartMs === startMs;
  const fromMs = Math.max(startMs, record.untilMs);
  // A clock that is behind adds nothing until it has caught up.
  const untilMs = Math.max(nowMs, fromMs);
  const added = nowMs > fromMs ? countOf(budget, useBetween(fromMs, nowMs)) : 0;
  return {
    periodStartMs: startMs,
    countedFromMs: goesOn ? Math.max(record.countedFromMs, startMs) : startMs,
    untilMs,
    used: (goesOn ? record.used : 0) + added,
  };
}

const HOUR_MS = 3_600_000;
const DAY_HOURS = 24;

/** When it is used up if what is held now goes on: hour by hour for a day, then as that day; undefined: not in this period. */
export function exhaustion(of: BudgetState, nowMs: number, useBetween: UseBetween): number | undefined {
  const left = of.limit - of.used;
  if (left <= 0) return undefined;
  const within = (ms: number): number | undefined => (ms < of.period.endMs ? Math.ceil(ms) : undefined);
  let added = 0;
  for (let hour = 0; hour < DAY_HOURS; hour += 1) {
    const from = nowMs + hour * HOUR_MS;
    const more = countOf(of.budget, useBetween(from, from + HOUR_MS));
    if (added + more >= left) return within(from + ((left - added) / more) * HOUR_MS);
    added += more;
  }
  return added > 0 ? within(nowMs + (left / added) * DAY_HOURS * HOUR_MS) : undefined;
}

/** When a threshold or the period's end is next reached, at the latest in so many ms. */
export function nextChange(of: BudgetState, nowMs: number, horizonMs: number, useBetween: UseBetween): number {
  const horizon = Math.min(nowMs + horizonMs, of.period.endMs);
  const added = countOf(of.budget, useBetween(nowMs, horizon));
  const thresholds = [(of.limit * of.budget.warnPermille) / 1000, of.limit].filter((value) => value > of.used);
  const reached = thresholds.filter((value) => of.used + added >= value);
  if (reached.length === 0) return horizon;
  return nowMs + ((Math.min(...reached) - of.used) / added) * (horizon - nowMs);
}

/** Why nothing is admitted, a sentence; undefined: the budget does not hold anything up. */
export function holdSentence(queue: string, of: BudgetState): string | undefined {
  if (of.budget.action !== 'Hold' || of.state !== 'Exhausted') return undefined;
  const resets = iso(of.period.endMs);
  return `queue ${queue} has used ${stateText(of)} of its budget for the ${of.budget.period.toLowerCase()}: nothing new is admitted until it resets at ${resets}, or the budget is raised.`;
}
