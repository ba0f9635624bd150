import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Backoff, fullJitterMs } from './backoff.ts';

describe('fullJitterMs', () => {
  it('doubles its ceiling up to the maximum', () => {
    const config = { baseMs: 800, maxMs: 30_000 };
    expect([0, 1, 2, 6, 1000].map((n) => fullJitterMs(n, config, () => 1))).toEqual([800, 1600, 3200, 30_000, 30_000]);
  });

  it('stays between its bounds', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, random) => {
        const ms = fullJitterMs(attempt, { baseMs: 100, maxMs: 5000, minMs: 20 }, () => random);
        return ms >= 20 && ms <= 5000;
      }),
    );
  });
});

it('Backoff starts again after a reset', () => {
  const backoff = new Backoff({ baseMs: 10, maxMs: 1000 }, () => 1);
  expect([backoff.next(), backoff.next(), backoff.next()]).toEqual([10, 20, 40]);
  backoff.reset();
  expect(backoff.next()).toBe(10);
  expect(backoff.attempt).toBe(1);
});
