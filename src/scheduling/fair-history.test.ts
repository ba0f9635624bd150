import { describe, expect, it } from 'vitest';
import { type ComputeQueue, computeQueueSpec, computeQueueStatus } from '../api/index.ts';
import { Store } from '../kube/store.ts';
import { FakeClock } from '../runtime/clock.ts';
import { withSums } from './budget-status.ts';
import { FairHistory } from './fair-history.ts';
import type { Holder } from './types.ts';

const HOUR = 3_600_000;

function setUp(fairShare: object | null = { halfLifeSeconds: 3600, entryPenaltySeconds: 0 }) {
  const clock = new FakeClock(Date.parse('2026-01-15T00:00:00Z'));
  const queues = new Store<ComputeQueue>();
  const holders = new Map<string, Holder>();
  let version = 0;
  const put = (name: string, spec: object, status?: ComputeQueue['status']): void => {
    version += 1;
    const metadata = { name, uid: name, resourceVersion: String(version), generation: 1 };
    queues.apply({ metadata, spec: computeQueueSpec.parse(spec), ...(status === undefined ? {} : { status }) });
  };
  put('root', { quota: [{ nominal: 64 }], ...(fairShare === null ? {} : { fairShare }) });
  put('a', { parent: 'root', quota: [{ nominal: 0 }] });
  const start = (): FairHistory => new FairHistory({ queues, holders: () => holders.values(), clock });
  const hold = (key: string, boards: number): void => {
    const charges = [{ accelerator: '*', region: '*', milliGpus: boards * 1000 }];
    holders.set(key, { key, queue: 'a', charges } as unknown as Holder);
  };
  return { clock, queues, holders, put, start, hold };
}
const mean = (history: FairHistory): number => (history.look().get('a')?.[0]?.milliGpus ?? 0) / 1000;

describe('the past of queues', () => {
  it('follows what is used above its own, by the half-life', () => {
    const { clock, holders, start, hold } = setUp();
    const history = start();
    expect(mean(history)).toBe(0);
    hold('w', 8);
    expect(mean(history)).toBe(0);
    clock.tick(HOUR);
    expect(mean(history)).toBeCloseTo(4);
    holders.delete('w');
    clock.tick(1000);
    expect(mean(history)).toBeCloseTo(4, 2);
    clock.tick(HOUR);
    expect(mean(history)).toBeCloseTo(2, 2);
  });

  it('has each admission pay once, also where it runs for no time at all', () => {
    const { clock, holders, start, hold } = setUp({ halfLifeSeconds: 3600, entryPenaltySeconds: 3600 });
    const history = start();
    history.look();
    for (let i = 0; i < 3; i += 1) {
      hold(`short${i}`, 8);
      history.look();
      history.look();
      holders.clear();
    }
    expect(mean(history)).toBeCloseTo(12);
    clock.tick(HOUR);
    // Use is that of the look before: nothing was left.
    expect(mean(history)).toBeLessThan(12);
  });

  it('goes on from status in the next process, with what is used since', () => {
    const { clock, queues, put, start, hold } = setUp();
    const first = start();
    first.look();
    hold('w', 8);
    first.look();
    clock.tick(HOUR);
    first.look();
    const queue = queues.get('a') as ComputeQueue;
    const { status, closes } = withSums(queue, {}, { look: undefined, fairShare: first.status('a') });
    expect(closes).toBe(true);
    expect(computeQueueStatus.parse(status).fairShare).toEqual({
      until: '2026-01-15T01:00:00Z',
      borrowed: [{ accelerator: '*', region: '*', meanMilliGpus: 4000 }],
    });
    put('a', queue.spec, status);
    clock.tick(HOUR);
    expect(mean(start())).toBeCloseTo(6);
    expect(mean(first)).toBeCloseTo(6);
  });

  it('is written with what else is written, and with nothing else', () => {
    const { queues, put, start } = setUp();
    const history = start();
    history.look();
    const queue = queues.get('a') as ComputeQueue;
    put('a', queue.spec, { admitted: 1, conditions: [], fairShare: { until: '2026-01-01T00:00:00Z', borrowed: [] } });
    const stored = queues.get('a') as ComputeQueue;
    const of = (admitted: number) =>
      withSums(stored, { admitted, conditions: [] }, { look: undefined, fairShare: history.status('a') });
    expect(of(1)).toMatchObject({ closes: false, status: { fairShare: { until: '2026-01-01T00:00:00Z' } } });
    expect(of(2)).toMatchObject({ closes: true, status: { fairShare: { until: '2026-01-15T00:00:00Z' } } });
  });

  it('is none where no root counts it', () => {
    const { start, hold, clock } = setUp(null);
    const history = start();
    hold('w', 8);
    clock.tick(HOUR);
    expect(history.look().size).toBe(0);
    expect(history.status('a')).toBeUndefined();
  });
});
