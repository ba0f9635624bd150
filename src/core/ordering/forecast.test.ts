import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Ending, forecastStarts, type Waiting } from './forecast.ts';

const NEVER = Number.POSITIVE_INFINITY;
const ends = (gpus: number, at: number, cluster = 0): Ending => ({ cluster, gpus, at });
const waits = (gpus: number, seconds = NEVER, clusters = [0]): Waiting => ({ gpus, seconds, clusters });

describe('forecastStarts', () => {
  it('is now where enough is free', () => {
    expect(forecastStarts([8], [], [waits(8)])).toEqual([0]);
  });

  it('is when enough of what runs has ended', () => {
    const running = [ends(32, 300), ends(32, 100)];
    expect(forecastStarts([0], running, [waits(32)])).toEqual([100]);
    expect(forecastStarts([0], running, [waits(33)])).toEqual([300]);
  });

  it('is after those that stand before it, for as long as they run', () => {
    expect(forecastStarts([0], [ends(64, 100)], [waits(64, 50), waits(64)])).toEqual([100, 150]);
    expect(forecastStarts([0], [ends(64, 100)], [waits(32, 50), waits(32)])).toEqual([100, 100]);
    expect(forecastStarts([0], [ends(64, 100)], [waits(64), waits(64)])).toEqual([100, NEVER]);
  });

  it('lets pass who fits while the one before does not', () => {
    expect(forecastStarts([8], [ends(56, 100)], [waits(64, 10), waits(8, 20)])).toEqual([100, 0]);
  });

  it('is never where it is larger than all there is, or may run nowhere', () => {
    expect(forecastStarts([64], [], [waits(65), waits(8), waits(8, 1, [])])).toEqual([NEVER, 0, NEVER]);
  });

  it('takes the first cluster it may run in that has room', () => {
    const running = [ends(8, 10, 0), ends(8, 20, 1)];
    expect(forecastStarts([0, 0], running, [waits(8, NEVER, [1]), waits(8, NEVER, [1, 0])])).toEqual([20, 10]);
  });

  it('is kept by a first come, first served queue of equal jobs, whatever their run times', () => {
    const seconds = fc.integer({ min: 1, max: 1000 });
    fc.assert(
      fc.property(
        fc.array(seconds, { minLength: 1, maxLength: 8 }),
        fc.array(seconds, { maxLength: 30 }),
        (now, later) => {
          // The list scheduling of Graham: each starts on the machine that is free first.
          const machines = [...now];
          const expected = later.map((lasts) => {
            machines.sort((a, b) => a - b);
            const start = machines.shift() ?? 0;
            machines.push(start + lasts);
            return start;
          });
          const starts = forecastStarts(
            [0],
            now.map((at) => ends(8, at)),
            later.map((lasts) => waits(8, lasts)),
          );
          expect(starts).toEqual(expected);
        },
      ),
    );
  });
});
