import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Period, periodAt } from './periods.ts';

const span = (period: Period, timezone: string, at: string): string[] => {
  const found = periodAt(period, timezone, Date.parse(at));
  return found === null ? [] : [found.startMs, found.endMs].map((ms) => new Date(ms).toISOString());
};

describe('calendar periods', () => {
  it('begin at midnight of the time zone', () => {
    expect(span('Day', 'Asia/Shanghai', '2026-03-31T17:00:00Z')).toEqual([
      '2026-03-31T16:00:00.000Z',
      '2026-04-01T16:00:00.000Z',
    ]);
    expect(span('Day', 'UTC', '2026-03-31T17:00:00Z')[0]).toBe('2026-03-31T00:00:00.000Z');
  });

  it.each([
    // 2026-04-01 is a Wednesday.
    ['Week', '2026-03-29T16:00:00.000Z', '2026-04-05T16:00:00.000Z'],
    ['Month', '2026-03-31T16:00:00.000Z', '2026-04-30T16:00:00.000Z'],
    ['Quarter', '2026-03-31T16:00:00.000Z', '2026-06-30T16:00:00.000Z'],
    ['Year', '2025-12-31T16:00:00.000Z', '2026-12-31T16:00:00.000Z'],
  ] as const)('%s', (period, start, end) => {
    expect(span(period, 'Asia/Shanghai', '2026-03-31T17:00:00Z')).toEqual([start, end]);
  });

  it('are as long as clocks make them', () => {
    expect(span('Day', 'Europe/Berlin', '2026-03-29T12:00:00Z')).toEqual([
      '2026-03-28T23:00:00.000Z',
      '2026-03-29T22:00:00.000Z',
    ]);
    // Clocks skip midnight: the day begins at 01:00.
    expect(span('Day', 'Africa/Cairo', '2026-04-24T12:00:00Z')[0]).toBe('2026-04-23T22:00:00.000Z');
    // A day that was left out.
    expect(span('Day', 'Pacific/Apia', '2011-12-30T10:00:00Z')[0]).toBe('2011-12-30T10:00:00.000Z');
  });

  it('an unknown time zone has none', () => {
    expect(periodAt('Day', 'Asia/Atlantis', 0)).toBeNull();
  });

  it('hold the moment, and follow each other without a gap, in every zone', () => {
    const zones = ['UTC', 'Asia/Shanghai', 'Europe/Berlin', 'America/New_York', 'America/Havana', 'Africa/Cairo'];
    const periods: Period[] = ['Day', 'Week', 'Month', 'Quarter', 'Year'];
    const from = Date.parse('2001-01-01T00:00:00Z');
    fc.assert(
      fc.property(
        fc.constantFrom(...periods),
        fc.constantFrom(...zones, 'Pacific/Apia', 'America/Sao_Paulo', 'Australia/Lord_Howe'),
        fc.integer({ min: from, max: Date.parse('2036-01-01T00:00:00Z') }),
        (period, zone, ms) => {
          const found = periodAt(period, zone, ms);
          if (found === null) throw new Error('no period');
          expect(found.startMs <= ms && ms < found.endMs).toBe(true);
          expect(periodAt(period, zone, found.startMs)).toEqual(found);
          expect(periodAt(period, zone, found.endMs - 1)).toEqual(found);
          expect(periodAt(period, zone, found.endMs)?.startMs).toBe(found.endMs);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
