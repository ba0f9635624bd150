import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { QueueBudget } from '../api/index.ts';
import {
  type BudgetRecord,
  type BudgetState,
  budgetState,
  exhaustion,
  holdSentence,
  nextChange,
  stateText,
} from './budgets.ts';
import type { UseBetween } from './use.ts';

const HOUR = 3_600_000;
/** 08:00 in Shanghai. */
const MORNING = Date.parse('2026-01-15T00:00:00Z');
const NEXT_DAY = Date.parse('2026-01-15T16:00:00Z');

const budget = (over: Partial<QueueBudget> = {}): QueueBudget => ({
  period: 'Day',
  timezone: 'Asia/Shanghai',
  gpuHours: 100,
  action: 'Hold',
  warnPermille: 800,
  ...over,
});
/** So many boards are held, always. */
const boards =
  (count: number): UseBetween =>
  (from, to) => ({
    gpuSeconds: (count * (to - from)) / 1000,
    facilityJoules: (count * 1000 * (to - from)) / 1000,
    carbonGrams: (count * (to - from)) / HOUR,
    costMicros: new Map([
      ['CNY', (count * 20_000_000 * (to - from)) / HOUR],
      ['USD', (count * 3_000_000 * (to - from)) / HOUR],
    ]),
  });
const record = (over: Partial<BudgetRecord> = {}): BudgetRecord => ({
  periodStartMs: NEXT_DAY - 24 * HOUR,
  countedFromMs: NEXT_DAY - 24 * HOUR,
  untilMs: MORNING,
  used: 36_000,
  ...over,
});

describe('a budget', () => {
  it('adds what is held since the closed sum', () => {
    const state = budgetState(budget(), record(), MORNING + 2 * HOUR, boards(8));
    expect(state).toMatchObject({
      used: 36_000 + 16 * 3600,
      limit: 360_000,
      state: 'Within',
      untilMs: MORNING + 2 * HOUR,
    });
    expect(stateText(state)).toBe('26.0 of 100.0 GPU-hours');
  });

  it('is nearly used from its threshold on, and exhausted from the limit on', () => {
    const at = (used: number) => budgetState(budget(), record({ used }), MORNING, boards(0)).state;
    expect([287_999, 288_000, 359_999, 360_000, 400_000].map(at)).toEqual([
      'Within',
      'NearlyUsed',
      'NearlyUsed',
      'Exhausted',
      'Exhausted',
    ]);
  });

  it('counts from when it is set, and says so', () => {
    const state = budgetState(budget(), undefined, MORNING, boards(8));
    expect(state).toMatchObject({
      used: 0,
      countedFromMs: MORNING,
      untilMs: MORNING,
      periodStartMs: NEXT_DAY - 24 * HOUR,
    });
  });

  it('begins at 0 with the next period, to the second, also where nobody looked for days', () => {
    const at = NEXT_DAY + 24 * HOUR * 3 + HOUR;
    const state = budgetState(budget(), record({ used: 360_000 }), at, boards(8));
    expect(state).toMatchObject({ used: 8 * 3600, state: 'Within', countedFromMs: NEXT_DAY + 24 * HOUR * 3 });
    const just = budgetState(budget(), record({ used: 360_000, untilMs: NEXT_DAY }), NEXT_DAY, boards(8));
    expect(just).toMatchObject({ used: 0, countedFromMs: NEXT_DAY });
  });

  it('keeps its sum where the limit or the time zone changes', () => {
    expect(budgetState(budget({ gpuHours: 5 }), record(), MORNING, boards(0)).state).toBe('Exhausted');
    const moved = budgetState(budget({ timezone: 'Europe/Berlin' }), record(), MORNING + HOUR, boards(1));
    expect(moved).toMatchObject({ used: 36_000 + 3600, periodStartMs: Date.parse('2026-01-14T23:00:00Z') });
  });

  it('takes the calendar of UTC where the time zone does not exist, and goes on counting', () => {
    const state = budgetState(
      budget({ timezone: 'Asia/Atlantis' }),
      record({ untilMs: MORNING + 1000 }),
      MORNING + HOUR,
      boards(1),
    );
    expect(state).toMatchObject({ isZoneUnknown: true, used: 36_000 + 3599, periodStartMs: MORNING });
  });

  it('adds nothing while the clock is behind the closed sum', () => {
    const late = record({ untilMs: MORNING + HOUR });
    expect(budgetState(budget(), late, MORNING, boards(8))).toMatchObject({ used: 36_000, untilMs: MORNING + HOUR });
  });

  it('counts money of its currency only', () => {
    const { gpuHours: _, ...rest } = budget({ costMicros: 30_000_000, currency: 'CNY' });
    const state = budgetState(rest, record({ used: 0 }), MORNING + HOUR, boards(1));
    expect(state).toMatchObject({ used: 20_000_000, measure: 'costMicros' });
    expect(stateText(state)).toBe('20.00 of 30.00 CNY');
    const { costMicros: __, currency: ___, ...other } = rest;
    expect(stateText(budgetState({ ...other, kWh: 2000 }, record({ used: 0 }), MORNING + HOUR, boards(1000)))).toBe(
      '1,000.0 of 2,000.0 kWh',
    );
  });

  it('holds only where it is to and when it is used up, and says the numbers and when it resets', () => {
    const spent = record({ used: 360_000 });
    expect(holdSentence('q', budgetState(budget(), spent, MORNING, boards(0)))).toBe(
      'queue q has used 100.0 of 100.0 GPU-hours of its budget for the day: nothing new is admitted until it resets at 2026-01-15T16:00:00Z, or the budget is raised.',
    );
    expect(holdSentence('q', budgetState(budget({ action: 'Warn' }), spent, MORNING, boards(0)))).toBeUndefined();
    expect(holdSentence('q', budgetState(budget(), record(), MORNING, boards(0)))).toBeUndefined();
  });
});

describe('the forecast', () => {
  const month = budget({ period: 'Month', gpuHours: 1000 });
  const now = (used: number): BudgetState => budgetState(month, record({ used }), MORNING, boards(0));

  it('is when it will be used up at the present rate', () => {
    expect(exhaustion(now(996 * 3600), MORNING, boards(8))).toBe(MORNING + HOUR / 2);
    expect(exhaustion(now(0), MORNING, boards(8))).toBe(MORNING + 125 * HOUR);
  });

  it('knows the tariffs of the coming day', () => {
    // Nothing for ten hours, then 8 boards.
    const later: UseBetween = (from, to) => boards(from < MORNING + 10 * HOUR ? 0 : 8)(from, to);
    expect(exhaustion(now(996 * 3600), MORNING, later)).toBe(MORNING + 10.5 * HOUR);
  });

  it('says nothing where it lasts for the period, where nothing runs, and where it is over', () => {
    expect(exhaustion(now(0), MORNING, boards(1))).toBeUndefined();
    expect(exhaustion(now(0), MORNING, boards(0))).toBeUndefined();
    expect(exhaustion(now(1001 * 3600), MORNING, boards(8))).toBeUndefined();
  });

  it('the next look is when a threshold is reached, else when the horizon or the period is', () => {
    expect(nextChange(now(798 * 3600), MORNING, HOUR, boards(8))).toBe(MORNING + HOUR / 4);
    expect(nextChange(now(996 * 3600), MORNING, HOUR, boards(8))).toBe(MORNING + HOUR / 2);
    expect(nextChange(now(0), MORNING, HOUR, boards(8))).toBe(MORNING + HOUR);
    const day = budgetState(budget(), record({ used: 0 }), NEXT_DAY - HOUR / 2, boards(0));
    expect(nextChange(day, NEXT_DAY - HOUR / 2, HOUR, boards(0))).toBe(NEXT_DAY);
  });
});

describe('closing sums', () => {
  it('any number of times comes to the same as once, over whatever periods', () => {
    const closings = fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(closings, fc.constantFrom('Day', 'Week', 'Month'), fc.nat(64), (seconds, period, count) => {
        const asked = budget({ period });
        let at = MORNING;
        let kept: BudgetRecord = budgetState(asked, undefined, at, boards(count));
        for (const step of seconds) {
          at += step * 1000;
          kept = budgetState(asked, kept, at, boards(count));
        }
        expect(kept.used).toBeCloseTo((count * (at - Math.max(MORNING, kept.periodStartMs))) / 1000, 3);
        expect(kept.countedFromMs).toBe(Math.max(MORNING, kept.periodStartMs));
      }),
    );
  });
});
