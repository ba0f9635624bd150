import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fold, type NodeBook, type Posting } from './node-book.ts';
import { aReportedPod, FakeAgent } from './testing.ts';

const START = Date.UTC(2026, 0, 1, 6, 50);
const PODS = [null, aReportedPod('a/1'), aReportedPod('b/1')];
const MINUTE = 60_000;
const QUARTER = 900_000;

interface Minute {
  readonly pod: number;
  readonly joules: number;
  /** Whether its report is seen, or the hub is away. */
  readonly isSeen: boolean;
  /** How often it is seen. */
  readonly times: number;
}
const minute: fc.Arbitrary<Minute> = fc.record({
  pod: fc.integer({ min: 0, max: 2 }),
  joules: fc.double({ min: 0, max: 40_000, noNaN: true }),
  isSeen: fc.boolean(),
  times: fc.integer({ min: 1, max: 2 }),
});

const joulesOf = (postings: readonly Posting[], key: (posting: Posting) => string): Map<string, number> => {
  const sums = new Map<string, number>();
  for (const one of postings) sums.set(key(one), (sums.get(key(one)) ?? 0) + one.amounts[0]);
  return sums;
};

/** @returns all postings and the agent; the hub has seen an empty report at the start, and sees the last one */
function play(minutes: readonly Minute[]): { postings: Posting[]; agent: FakeAgent; used: Map<number, number> } {
  const agent = new FakeAgent('n', 's', START);
  const postings: Posting[] = [];
  const used = new Map<number, number>();
  let book: NodeBook | undefined = fold(undefined, agent.report(START))?.book;
  minutes.forEach(({ pod, joules, isSeen, times }, index) => {
    const atMs = START + (index + 1) * MINUTE;
    // In the minute before.
    const quarter = Math.floor((atMs - 1) / QUARTER);
    agent.use(atMs - 1, PODS[pod] ?? null, 'GPU-a', [joules, 60, 0]);
    used.set(quarter, (used.get(quarter) ?? 0) + joules);
    const report = agent.report(atMs);
    if (!isSeen && index < minutes.length - 1) return;
    for (let time = 0; time < times; time += 1) {
      const folded = fold(book, report);
      book = folded?.book;
      postings.push(...(folded?.postings ?? []));
    }
  });
  return { postings, agent, used };
}

describe('fold', () => {
  it('books of each pod what it has used, whichever reports are seen, however often', () => {
    fc.assert(
      fc.property(fc.array(minute, { minLength: 1, maxLength: 120 }), (minutes) => {
        const { postings, agent } = play(minutes);
        const booked = joulesOf(postings, ({ pod }) => pod?.uid ?? '');
        for (const pod of PODS) {
          const uid = pod?.uid ?? '';
          const used = minutes.reduce((sum, one) => sum + (PODS[one.pod]?.uid === pod?.uid ? one.joules : 0), 0);
          expect(Math.abs((booked.get(uid) ?? 0) - used)).toBeLessThanOrEqual(1e-6 * (1 + used));
        }
        expect([...booked.values()].reduce((a, b) => a + b, 0)).toBeCloseTo(agent.sum(), 3);
      }),
    );
  });

  it('books each quarter of an hour at its own time, but for a minute at its border', () => {
    fc.assert(
      fc.property(fc.array(minute, { minLength: 40, maxLength: 120 }), (minutes) => {
        const { postings, used } = play(minutes);
        const booked = joulesOf(postings, ({ fromMs, toMs }) => String(Math.floor((fromMs + toMs) / 2 / QUARTER)));
        const last = Math.floor((START + minutes.length * MINUTE) / QUARTER);
        for (const { fromMs, toMs } of postings) {
          expect(Math.ceil(toMs / QUARTER) - Math.floor(fromMs / QUARTER)).toBeLessThanOrEqual(1);
        }
        for (const [quarter, joules] of used) {
          // The last two are not closed yet.
          if (quarter >= last - 1) continue;
          const minuteOfUse = 40_000 * 2;
          expect(Math.abs((booked.get(String(quarter)) ?? 0) - joules)).toBeLessThanOrEqual(minuteOfUse);
        }
      }),
    );
  });

  it('books exactly by quarters of an hour what was told by closed ones only', () => {
    fc.assert(
      fc.property(fc.array(minute, { minLength: 40, maxLength: 200 }), (minutes) => {
        // The hub was away all the time.
        const away = minutes.map((one) => ({ ...one, isSeen: false }));
        const { postings, used } = play(away);
        const booked = joulesOf(postings, ({ fromMs, toMs }) => String(Math.floor((fromMs + toMs) / 2 / QUARTER)));
        const last = Math.floor((START + minutes.length * MINUTE - MINUTE) / QUARTER);
        for (const [quarter, joules] of used) {
          // In the first one was the first report: what is before it is not known.
          if (quarter > Math.floor(START / QUARTER) && quarter < last)
            expect(booked.get(String(quarter)) ?? 0).toBeCloseTo(joules, 3);
        }
      }),
    );
  });
});
