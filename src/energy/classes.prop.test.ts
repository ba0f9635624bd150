import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addClasses, CLASSES, classesOf, NO_CLASSES, type RunTimes, withCheckpoint, withSlice } from './classes.ts';

const START = Date.UTC(2026, 0, 1, 6, 50);
const MINUTE = 60_000;
const at = (minutes: number): number => START + minutes * MINUTE;
/** A slice of a watt that lasts so many minutes. */
const slice = (from: number, to: number) => ({
  fromMs: at(from),
  toMs: at(to),
  gpuSeconds: (to - from) * 60,
  facilityJoules: (to - from) * 60,
});
const checkpoint = (minutes: number, tookSeconds: number) => ({ atMs: at(minutes), tookMs: tookSeconds * 1000 });
const timesWith = (checkpoints: readonly ReturnType<typeof checkpoint>[], times: RunTimes = {}): RunTimes =>
  checkpoints.reduce(withCheckpoint, times);
const busyOf = ({ checkpoints = [] }: RunTimes): number => checkpoints.reduce((sum, { busyMs }) => sum + busyMs, 0);

describe('classesOf', () => {
  const joules = (times: RunTimes, of = slice(0, 10)) => {
    const by = classesOf(of, times);
    return Object.fromEntries(CLASSES.map((name) => [name, Math.round(by[name].facilityJoules)]));
  };

  it('tells the time of checkpoints apart from what a run got done', () => {
    const times = timesWith([checkpoint(4, 30), checkpoint(8, 30)], { readyMs: at(1), end: 'well' });
    expect(joules(times)).toEqual({ startup: 60, useful: 480, lost: 0, checkpoint: 60 });
  });

  it('keeps what the last checkpoint of a run that was cut off took: only what came after it is lost', () => {
    const times = timesWith([checkpoint(4, 30)], { readyMs: at(0), end: 'cutOff' });
    expect(joules(times)).toEqual({ startup: 0, useful: 210, lost: 360, checkpoint: 30 });
  });

  it('knows of no checkpoint where no program says how long it took', () => {
    const times = timesWith([checkpoint(4, 0)], { readyMs: at(0), end: 'well' });
    expect(joules(times)).toEqual({ startup: 0, useful: 600, lost: 0, checkpoint: 0 });
  });

  it('never takes more than there was since the run was ready', () => {
    const times = timesWith([checkpoint(4, 9_000_000)], { readyMs: at(1), end: 'well' });
    expect(joules(times)).toEqual({ startup: 60, useful: 360, lost: 0, checkpoint: 180 });
  });
});

describe('withCheckpoint', () => {
  it('counts once what several pods tell', () => {
    const times = timesWith([checkpoint(10, 60), checkpoint(10, 60), checkpoint(9, 30), checkpoint(10.5, 60)]);
    expect(times.checkpointMs).toBe(at(10.5));
    expect(busyOf(times)).toBe(1.5 * MINUTE);
  });

  it('keeps all time it was told of, in a bounded list', () => {
    const times = timesWith(Array.from({ length: 2000 }, (_, index) => checkpoint(index * 7, 30)));
    expect(busyOf(times)).toBe(2000 * 30_000);
    expect(times.checkpoints).toHaveLength(24);
  });

  it('keeps stretches in order and apart, whatever it is told', () => {
    const told = fc.record({
      atMs: fc.integer({ min: START, max: at(600) }),
      tookMs: fc.integer({ min: 0, max: 40 * MINUTE }),
    });
    fc.assert(
      fc.property(fc.array(told, { maxLength: 80 }), (all) => {
        const { checkpoints = [], checkpointMs } = timesWith(all);
        expect(checkpointMs).toBe(all.length === 0 ? undefined : Math.max(...all.map(({ atMs }) => atMs)));
        checkpoints.forEach(({ fromMs, toMs, busyMs }, index) => {
          expect(busyMs).toBeLessThanOrEqual(toMs - fromMs);
          expect(busyMs).toBeGreaterThan(0);
          expect(fromMs).toBeGreaterThanOrEqual(checkpoints[index - 1]?.toMs ?? Number.NEGATIVE_INFINITY);
        });
      }),
    );
  });
});

describe('the classes of a run', () => {
  it('add up to all it used, none below 0, whatever is told and when', () => {
    const told = fc.tuple(fc.integer({ min: 0, max: 240 }), fc.integer({ min: 0, max: 1800 }));
    const used = fc.tuple(fc.integer({ min: 0, max: 240 }), fc.integer({ min: 0, max: 15 }));
    const end = fc.constantFrom('well' as const, 'cutOff' as const);
    fc.assert(
      fc.property(
        fc.array(told),
        fc.array(used),
        fc.option(fc.integer({ min: 0, max: 240 })),
        end,
        (saves, uses, ready, how) => {
          const times = timesWith(
            saves.map(([minutes, seconds]) => checkpoint(minutes, seconds)),
            { ...(ready === null ? {} : { readyMs: at(ready) }), end: how },
          );
          const slices = uses.map(([from, minutes]) => slice(from, from + minutes)).reduce(withSlice, [] as never[]);
          const by = slices.map((one) => classesOf(one, times)).reduce(addClasses, NO_CLASSES);
          const booked = uses.reduce((sum, [, minutes]) => sum + minutes * 60, 0);
          let sum = 0;
          for (const name of CLASSES) {
            expect(by[name].facilityJoules).toBeGreaterThanOrEqual(0);
            sum += by[name].facilityJoules;
          }
          expect(sum).toBeCloseTo(booked, 6);
          if (how === 'well') expect(by.lost.facilityJoules).toBe(0);
          if (ready === null) expect(by.checkpoint.facilityJoules).toBe(0);
        },
      ),
    );
  });
});
