import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ServiceHistory } from './history.ts';
import type { Candidate } from './shortest-remaining.ts';
import { costOf } from './shortest-remaining.ts';

const history = new ServiceHistory();
const job = (over: Partial<Candidate> = {}): Candidate => ({
  key: 'job',
  gpus: 8,
  attained: 100,
  waited: 0,
  isRunning: false,
  ...over,
});

describe('costOf', () => {
  it('is what a job declares to need, times its GPUs', () => {
    expect(costOf(job({ remaining: 50 }), history)).toBe(400);
    expect(costOf(job({ remaining: 50, isRunning: true }), history)).toBe(400);
  });

  it('keeps a running job whose cost is only estimated before an equal one that waits', () => {
    expect(costOf(job({ isRunning: true }), history)).toBeLessThan(costOf(job(), history));
  });

  it('does not age unless asked to', () => {
    expect(costOf(job({ waited: 1e6 }), history)).toBe(costOf(job(), history));
    expect(costOf(job({ waited: 3600 }), history, { agingSeconds: 3600 })).toBe(costOf(job(), history) / 2);
  });

  it('with aging, whatever waits long enough comes before any given job', () => {
    const positive = fc.double({ min: 1, max: 1e7, noNaN: true });
    fc.assert(
      fc.property(positive, positive, positive, (large, small, agingSeconds) => {
        const options = { agingSeconds };
        const waited = (large / small + 1) * agingSeconds;
        const old = costOf(job({ remaining: large, waited }), history, options);
        expect(old).toBeLessThanOrEqual(costOf(job({ remaining: small }), history, options));
      }),
    );
  });
});
