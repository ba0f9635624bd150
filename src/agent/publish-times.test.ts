import { describe, expect, it } from 'vitest';
import type { BoardHealth } from '../api/node-energy.ts';
import type { NodeNow } from './energy-map.ts';
import { PublishTimes } from './publish-times.ts';

const now = (health: BoardHealth, over: Partial<NodeNow> = {}): NodeNow => ({
  ...{ trouble: '', expected: 1, boards: [{ uuid: 'GPU-a', health, watts: 1, shares: [] }] },
  ...over,
});

describe('PublishTimes', () => {
  it('come once in a while', () => {
    const times = new PublishTimes(60_000, 0);
    times.writes(0, now('healthy'));
    expect([59_999, 60_000].map((at) => times.isDue(at, now('healthy')))).toEqual([false, true]);
    times.writes(60_000, now('healthy'));
    expect([119_999, 120_000].map((at) => times.isDue(at, now('healthy')))).toEqual([false, true]);
  });

  it('come soon with the first samples, and where boards or samples are lost, but not for each change of power', () => {
    const times = new PublishTimes(60_000, 0);
    expect([14_999, 15_000].map((at) => times.isDue(at, now('healthy')))).toEqual([false, true]);
    times.writes(15_000, now('healthy'));
    const [board] = now('healthy').boards;
    if (board === undefined) throw new Error('no board');
    expect(times.isDue(40_000, now('healthy', { boards: [{ ...board, watts: 700 }] }))).toBe(false);
    expect(times.isDue(40_000, now('lost'))).toBe(true);
    expect(times.isDue(40_000, now('healthy', { trouble: 'nvidia-smi hangs' }))).toBe(true);
    times.writes(40_000, now('lost'));
    // It wavers.
    expect([54_999, 55_000].map((at) => times.isDue(at, now('healthy')))).toEqual([false, true]);
  });
});
