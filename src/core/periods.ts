/** Calendar periods in a time zone: they begin at midnight there, weeks on Monday, and follow each other without a gap. */
import { offsetAt } from './local-time.ts';

export type Period = 'Day' | 'Week' | 'Month' | 'Quarter' | 'Year';

/** In ms since the epoch; `endMs` is the first moment of the next one. */
export interface Span {
  readonly startMs: number;
  readonly endMs: number;
}

interface LocalDate {
  readonly year: number;
  /** From 0. */
  readonly month: number;
  readonly day: number;
}

const DAY_MS = 86_400_000;

/** The period that the moment is in; null: no such time zone. */
export function periodAt(period: Period, timezone: string, ms: number): Span | null {
  const shift = offsetAt(timezone, ms);
  if (shift === null) return null;
  const first = firstDay(period, new Date(ms + shift));
  // Near a change of clocks a moment can show a date of the neighbouring period.
  for (const step of [0, -1, 1]) {
    const startMs = midnight(timezone, add(period, first, step));
    const endMs = midnight(timezone, add(period, first, step + 1));
    if (startMs <= ms && ms < endMs) return { startMs, endMs };
  }
  return null;
}

/** `local` carries local time in its UTC fields. */
function firstDay(period: Period, local: Date): LocalDate {
  const [year, month, day] = [local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()];
  switch (period) {
    case 'Day':
      return { year, month, day };
    case 'Week':
      return { year, month, day: day - ((local.getUTCDay() + 6) % 7) };
    case 'Month':
      return { year, month, day: 1 };
    case 'Quarter':
      return { year, month: month - (month % 3), day: 1 };
    case 'Year':
      return { year, month: 0, day: 1 };
  }
}

/** Months and days beyond their range carry over, as Date.UTC has it. */
function add(period: Period, { year, month, day }: LocalDate, count: number): LocalDate {
  switch (period) {
    case 'Day':
      return { year, month, day: day + count };
    case 'Week':
      return { year, month, day: day + 7 * count };
    case 'Month':
      return { year, month: month + count, day };
    case 'Quarter':
      return { year, month: month + 3 * count, day };
    case 'Year':
      return { year: year + count, month, day };
  }
}

/** When the day begins there: the first moment at which clocks show its midnight, or later where they skip that. */
function midnight(timezone: string, { year, month, day }: LocalDate): number {
  const local = Date.UTC(year, month, day);
  const shiftAt = (ms: number): number => offsetAt(timezone, ms) ?? 0;
  // By the offset before, and by the one after, a change that is near.
  const either = [local - shiftAt(local - DAY_MS), local - shiftAt(local + DAY_MS)];
  const reached = either.filter((ms) => ms + shiftAt(ms) >= local);
  return reached.length > 0 ? Math.min(...reached) : Math.max(...either);
}
