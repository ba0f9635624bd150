import { describe, expect, it } from 'vitest';
import type { Clock } from '../runtime/clock.ts';
import { SkewEstimate } from './skew.ts';

/** What is made of answers of a server that many ms ahead, one every 1.1 s. */
function estimated(aheadMs: number, answers = 9): number | undefined {
  let ms = Date.parse('2026-11-26T08:00:00.700Z');
  const estimate = new SkewEstimate({ now: () => ms, monotonic: () => ms } as Clock);
  for (let answer = 0; answer < answers; answer += 1) {
    estimate.observe(new Date(ms + aheadMs).toUTCString(), ms);
    ms += 1100;
  }
  return estimate.skewMs;
}

describe('the estimate of a server’s clock', () => {
  it('is none before the first answer', () => {
    expect(estimated(0, 0)).toBeUndefined();
  });

  it.each([0, 300, -300])('is 0 where the clocks are as close as %i ms: a header tells whole seconds', (ms) => {
    for (let answers = 1; answers <= 9; answers += 1) expect(estimated(ms, answers)).toBe(0);
  });

  it.each([5000, -5000, 3_600_000])('is right to half a second for %i ms', (ms) => {
    for (let answers = 1; answers <= 9; answers += 1) {
      expect(Math.abs((estimated(ms, answers) ?? 0) - ms)).toBeLessThanOrEqual(500);
    }
  });
});
