import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ledger, type LedgerState, type Share } from './ledger.ts';
import type { Entry, PodRef } from './tally.ts';

const UUIDS = ['GPU-a', 'GPU-b'];
const MAX_GAP_MS = 15_000;
const START_MS = Date.UTC(2026, 0, 1);

const pod = (name: string): PodRef => ({ uid: `uid-${name}`, namespace: 'ns', name });

type Event =
  | { readonly kind: 'read'; readonly afterMs: number; readonly watts: readonly (number | null)[] }
  | { readonly kind: 'hold'; readonly afterMs: number; readonly holders: readonly (readonly Share[])[] }
  | { readonly kind: 'jump'; readonly byMs: number }
  | { readonly kind: 'restart' };

const watts = fc.double({ min: 0, max: 1000, noNaN: true });
const shares: fc.Arbitrary<readonly Share[]> = fc.constantFrom(
  [],
  [{ pod: pod('one'), share: 1 }],
  [{ pod: pod('two'), share: 1 }],
  ['one', 'two', 'three'].map((name) => ({ pod: pod(name), share: 1 / 3 })),
  [{ pod: pod('two'), share: 2 / 7 }],
);
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      // Sometimes a gap, sometimes one of many quarters of an hour.
      afterMs: fc.oneof(
        { weight: 9, arbitrary: fc.integer({ min: 1, max: 16_000 }) },
        fc.integer({ min: 1, max: 9e6 }),
      ),
      watts: fc.array(fc.option(watts), { minLength: 2, maxLength: 2 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('hold' as const),
      afterMs: fc.integer({ min: 0, max: 90_000 }),
      holders: fc.array(shares, { minLength: 2, maxLength: 2 }),
    }),
  },
  fc.record({ kind: fc.constant('jump' as const), byMs: fc.integer({ min: -4e6, max: 4e6 }) }),
  fc.constant({ kind: 'restart' as const }),
);

/** Plays the events; a restart keeps nothing but the state's JSON. */
function play(events: readonly Event[], restarts = true): LedgerState {
  let ledger = new Ledger();
  let atMs = 0;
  let offsetMs = START_MS;
  for (const one of events) {
    if (one.kind === 'jump') offsetMs += one.byMs;
    else if (one.kind === 'restart') {
      if (restarts) ledger = new Ledger(JSON.parse(JSON.stringify(ledger.state)) as LedgerState);
    } else {
      atMs += one.afterMs;
      if (one.kind === 'hold') ledger.setHolders(atMs, new Map(UUIDS.map((uuid, i) => [uuid, one.holders[i] ?? []])));
      else {
        const readings = new Map(UUIDS.map((uuid, index) => [uuid, one.watts[index] ?? null]));
        ledger.read({ atMs, wallMs: atMs + offsetMs, maxGapMs: MAX_GAP_MS, watts: readings });
      }
    }
  }
  return ledger.state;
}

const sum = (entries: readonly Entry[], gpu: string, key: 'joules' | 'gpuSeconds' | 'gapSeconds'): number =>
  entries.filter((entry) => entry.gpu === gpu).reduce((total, entry) => total + entry[key], 0);

function expectNear(value: number, wanted: number, relative: number): void {
  expect(Math.abs(value - wanted)).toBeLessThanOrEqual(relative * Math.max(1, Math.abs(wanted)));
}

/** True one time in ten; the same for a seed. */
function dice(seed: number): () => boolean {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state < 2 ** 32 / 10;
  };
}

describe('Ledger', () => {
  it('shares out all of each board’s energy and time, and no more, by pods as by quarters of an hour', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const { gpus, totals, buckets } = play(events);
        const inBuckets = [...buckets.open, ...buckets.closed].flatMap(({ entries }) => entries);
        for (const gpu of gpus) {
          for (const key of ['joules', 'gpuSeconds', 'gapSeconds'] as const) {
            expectNear(sum(totals, gpu.uuid, key), gpu[key], 1e-6);
            expectNear(sum(inBuckets, gpu.uuid, key), gpu[key], 1e-6);
          }
          expect(gpu.gapSeconds).toBeLessThanOrEqual(gpu.gpuSeconds);
        }
      }),
    );
  });

  it('watches all the time that passes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1 }), (steps) => {
        const events = [0, ...steps].map((afterMs): Event => ({ kind: 'read', afterMs, watts: [100, 100] }));
        const seconds = steps.reduce((total, ms) => total + ms, 0) / 1000;
        const gaps = steps.filter((ms) => ms > MAX_GAP_MS).reduce((total, ms) => total + ms, 0) / 1000;
        for (const gpu of play(events).gpus) {
          expectNear(gpu.gpuSeconds, seconds, 1e-9);
          expectNear(gpu.gapSeconds, gaps, 1e-9);
          expectNear(gpu.joules, 100 * (seconds - gaps), 1e-9);
        }
      }),
    );
  });

  it('is exact for power that goes in straight lines', () => {
    const step = fc.record({ afterMs: fc.integer({ min: 1, max: MAX_GAP_MS }), watts });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 200 }), (steps) => {
        const events = steps.map(({ afterMs, watts: w }): Event => ({ kind: 'read', afterMs, watts: [w, w] }));
        let joules = 0;
        for (const [index, { afterMs, watts: to }] of steps.entries()) {
          const from = steps[index - 1]?.watts;
          if (from !== undefined) joules += ((from + to) / 2) * (afterMs / 1000);
        }
        expectNear(play(events).gpus[0]?.joules ?? Number.NaN, joules, 1e-9);
      }),
    );
  });

  it('gives a pod exactly what was drawn while it held the board', () => {
    // Power rises from 0 by 10 W a second; the pod holds the board between two moments.
    const moment = fc.integer({ min: 0, max: 100_000 });
    fc.assert(
      fc.property(moment, moment, (a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const ledger = new Ledger();
        const polls = Array.from({ length: 21 }, (_, index) => index * 5_000);
        for (const atMs of [...polls, from, to].sort((x, y) => x - y)) {
          const isHeld = atMs >= from && atMs < to;
          ledger.setHolders(atMs, new Map([['GPU-a', isHeld ? [{ pod: pod('one'), share: 1 }] : []]]));
          if (!polls.includes(atMs)) continue;
          const reading = { atMs, wallMs: START_MS + atMs, maxGapMs: MAX_GAP_MS };
          ledger.read({ ...reading, watts: new Map([['GPU-a', atMs / 100]]) });
        }
        const entry = ledger.state.totals.find(({ pod: { name } }) => name === 'one');
        expectNear(entry?.gpuSeconds ?? 0, (to - from) / 1000, 1e-9);
        expectNear(entry?.joules ?? 0, (5 * (to ** 2 - from ** 2)) / 1e6, 1e-9);
      }),
    );
  });

  it('with a tenth of the readings missing, energy and gaps times mean power are within 2 %', () => {
    // Minutes of steady load, from idle to full.
    const level = fc.record({ load: fc.integer({ min: 70, max: 700 }), samples: fc.integer({ min: 60, max: 120 }) });
    fc.assert(
      fc.property(fc.array(level, { minLength: 10, maxLength: 20 }), fc.nat(), (levels, seed) => {
        const trace = levels.flatMap(({ load, samples }) => Array<number>(samples).fill(load));
        const isMissing = dice(seed);
        const events = trace.map((w, index): Event => {
          const isInside = index > 0 && index < trace.length - 1;
          return { kind: 'read', afterMs: 5_000, watts: isInside && isMissing() ? [null, null] : [w, w] };
        });
        const truth = trace.slice(1).reduce((total, w, index) => total + ((trace[index] ?? 0) + w) * 2.5, 0);
        const gpu = play(events).gpus[0];
        if (gpu === undefined) throw new Error('no board');
        const meanWatts = gpu.joules / (gpu.gpuSeconds - gpu.gapSeconds);
        expectNear(gpu.joules + gpu.gapSeconds * meanWatts, truth, 0.02);
      }),
    );
  });

  it('loses and doubles nothing over a restart', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        expect(play(events)).toEqual(play(events, false));
      }),
    );
  });

  it('numbers closed quarters of an hour without holes, and keeps two days of them', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const { closed, nextSequence } = play(events).buckets;
        expect(closed.map(({ sequence }) => sequence)).toEqual(
          closed.map((_, index) => nextSequence - closed.length + index),
        );
        expect(closed.length).toBeLessThanOrEqual(192);
      }),
    );
  });
});
