import { describe, expect, it } from 'vitest';
import type { Workload } from '../core/model.ts';
import { queue, workload } from '../core/testing/build.ts';
import { Estimates } from './estimates.ts';
import type { Service } from './types.ts';

const service = (over: Partial<Service> = {}): Service => ({
  queue: 'q',
  group: 'a',
  gpus: 8,
  submittedAtMs: 0,
  attainedSeconds: 0,
  ...over,
});
const shortest = queue('q', { ordering: 'ShortestRemaining' });
const waiting = (key: string, over: Partial<Workload> = {}) => workload(key, over);
/** Trainings of a group that ran so long and ended. */
const ended = (estimates: Estimates, group: string, seconds: number, from = 0): void => {
  for (let i = 0; i < 20; i += 1) {
    const at = from + i * 1000;
    estimates.observe(`${group}${i}`, service({ group, submittedAtMs: at, attainedSeconds: seconds, end: 'Ended' }));
  }
};

describe('the estimated cost of a completion', () => {
  it('is told only of queues that go by it', () => {
    const costs = new Estimates().costs([waiting('w')], [queue('q'), queue('other')], 0);
    expect(costs.size).toBe(0);
  });

  it('is learned from what ended in the queue, by group', () => {
    const estimates = new Estimates();
    ended(estimates, 'quick', 60);
    ended(estimates, 'slow', 60_000);
    estimates.observe('q1', service({ group: 'quick', submittedAtMs: 30_000 }));
    estimates.observe('s1', service({ group: 'slow', submittedAtMs: 30_000 }));
    const costs = estimates.costs([waiting('q1'), waiting('s1')], [shortest], 40_000);
    expect((costs.get('s1') ?? 0) / (costs.get('q1') ?? 1)).toBeGreaterThan(10);
  });

  it('grows with the accelerators asked for', () => {
    const wide = waiting('wide', { request: { ...waiting('x').request, pods: 4 } });
    const costs = new Estimates().costs([waiting('one'), wide], [shortest], 0);
    expect(costs.get('wide')).toBeCloseTo(4 * (costs.get('one') ?? 0));
  });

  it('falls with age where that is asked for', () => {
    const aging = queue('q', { ordering: 'ShortestRemaining', agingSeconds: 100 });
    const old = new Estimates().costs([waiting('w', { queuedAt: 0 })], [aging], 100_000).get('w') ?? 0;
    const fresh = new Estimates().costs([waiting('w', { queuedAt: 100_000 })], [aging], 100_000).get('w') ?? 0;
    expect(old).toBeCloseTo(fresh / 2);
  });

  it('does not depend on the order in which the past is seen after a restart', () => {
    const seen = Array.from({ length: 12 }, (_, i): [string, Service] => [
      `k${i}`,
      service({
        submittedAtMs: i * 5000,
        attainedSeconds: (i + 1) * 100,
        ...(i < 10 ? { end: 'Ended' as const } : {}),
      }),
    ]);
    const costAfter = (order: readonly [string, Service][]) => {
      const estimates = new Estimates();
      for (const [key, one] of order) estimates.observe(key, one);
      return estimates.costs([waiting('k11')], [shortest], 100_000).get('k11');
    };
    expect(costAfter([...seen].reverse())).toBe(costAfter(seen));
  });
});

describe('what a program declares', () => {
  it('is the cost of one that waits again, and goes before what was learned', () => {
    const estimates = new Estimates();
    ended(estimates, 'a', 60);
    const interrupted = { submittedAtMs: 30_000, attainedSeconds: 50_000 };
    estimates.observe('near', service({ ...interrupted, declaredSeconds: 10 }));
    estimates.observe('late', service({ ...interrupted, declaredSeconds: -5 }));
    const costs = estimates.costs([waiting('near'), waiting('late'), waiting('none')], [shortest], 40_000);
    const { request } = waiting('near');
    const gpus = (request.accelerators[0]?.countPerNode ?? 0) * request.pods;
    expect(costs.get('near')).toBe(10 * gpus);
    expect(costs.get('late')).toBe(0);
    expect(costs.get('none')).toBeGreaterThan(0);
  });

  it('is when it is expected to end, and runs on with the clock', () => {
    const estimates = new Estimates();
    estimates.observe('r', service({ attainedSeconds: 3600, runningAtMs: 1_000_000, declaredSeconds: 600 }));
    expect(estimates.expectedMs('r', 1_000_000)).toBe(600_000);
    expect(estimates.expectedMs('r', 1_400_000)).toBe(200_000);
    // It waits: its words stand still.
    estimates.observe('w', service({ attainedSeconds: 3600, declaredSeconds: 600 }));
    expect(estimates.expectedMs('w', 9_000_000)).toBe(600_000);
  });

  it('is bounded by the deadline', () => {
    const estimates = new Estimates();
    const limits = { attainedSeconds: 3600, runningAtMs: 0, limitSeconds: 3700 };
    estimates.observe('r', service({ ...limits, declaredSeconds: 600 }));
    expect(estimates.expectedMs('r', 0)).toBe(100_000);
    expect(estimates.expectedMs('r', 60_000)).toBe(40_000);
  });

  it('that has proved wrong is as wrong again at least, unless more is known', () => {
    const estimates = new Estimates();
    estimates.observe('r', service({ attainedSeconds: 100, runningAtMs: 0, declaredSeconds: 20 }));
    expect(estimates.expectedMs('r', 20_000)).toBe(0);
    expect(estimates.expectedMs('r', 25_000)).toBe(5000);
    expect(estimates.expectedMs('r', 10_000_000)).toBeLessThanOrEqual(estimates.remainingMs('r', 0.5, 10_000_000));
  });

  it('says nothing of what is sure', () => {
    const [told, silent] = [new Estimates(), new Estimates()];
    told.observe('r', service({ attainedSeconds: 3600, runningAtMs: 0, declaredSeconds: 1 }));
    silent.observe('r', service({ attainedSeconds: 3600, runningAtMs: 0 }));
    expect(told.remainingMs('r', 0.9, 0)).toBe(silent.remainingMs('r', 0.9, 0));
    expect(silent.expectedMs('r', 0)).toBe(silent.remainingMs('r', 0.5, 0));
    expect(silent.expectedMs('unknown', 0)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('the time that is left', () => {
  const left = (estimates: Estimates, key: string, p = 0.5, nowMs = 0): number => estimates.remainingMs(key, p, nowMs);
  const NEVER = Number.POSITIVE_INFINITY;

  it('of what nobody has told of is not known', () => {
    expect(left(new Estimates(), 'serving/0')).toBe(NEVER);
  });

  it('of one that has not run, in a queue where hardly any has ended, is bounded by its deadline alone', () => {
    const estimates = new Estimates();
    estimates.observe('w', service());
    estimates.observe('bound', service({ limitSeconds: 600 }));
    expect(left(estimates, 'w', 0.9)).toBe(NEVER);
    expect(left(estimates, 'bound', 0.9)).toBe(600_000);
  });

  it('is learned from what has ended', () => {
    const estimates = new Estimates();
    ended(estimates, 'a', 100);
    estimates.observe('w', service({ submittedAtMs: 30_000 }));
    expect(left(estimates, 'w', 0.9)).toBeGreaterThan(80_000);
    expect(left(estimates, 'w', 0.9)).toBeLessThan(200_000);
  });

  it('of one that has run so long is about as long again, and runs on with the clock', () => {
    const estimates = new Estimates();
    estimates.observe('w', service({ attainedSeconds: 3600, runningAtMs: 1_000_000 }));
    const now = left(estimates, 'w', 0.5, 1_000_000);
    expect(now / 3_600_000).toBeCloseTo(1, 0);
    expect(left(estimates, 'w', 0.5, 1_000_000 + 3_600_000)).toBeGreaterThan(1.5 * now);
    estimates.observe('v', service({ attainedSeconds: 3600, runningAtMs: 0, limitSeconds: 4000 }));
    expect(left(estimates, 'v', 0.5, 0)).toBe(400_000);
    expect(left(estimates, 'v', 0.5, 900_000)).toBe(0);
  });
});
