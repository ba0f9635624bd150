import { describe, expect, it } from 'vitest';
import { type ComputeQueue, computeQueueSpec } from '../api/index.ts';
import { workload } from '../core/testing/build.ts';
import type { WriteOutcome } from '../kube/status-writer.ts';
import { Store } from '../kube/store.ts';
import { FakeClock } from '../runtime/clock.ts';
import { noopLogger } from '../runtime/logger.ts';
import { noopMetrics } from '../runtime/metrics.ts';
import { FairHistory } from './fair-history.ts';
import { QueueBudgets } from './queue-budgets.ts';
import { queueController } from './queue-controller.ts';

const aQueue = (name: string, resourceVersion: string, over: Partial<ComputeQueue> = {}): ComputeQueue => ({
  metadata: { name, uid: `uid-${name}`, resourceVersion, generation: 1 },
  spec: computeQueueSpec.parse({ quota: [{ nominal: 8 }], namespaceSelector: {} }),
  ...over,
});

const noUse = {
  share: () => ({ cluster: 'c', accelerator: 'H100', gpus: 0, nodeShare: 0 }),
  use: () => ({ gpuSeconds: 0, facilityJoules: 0, carbonGrams: 0, costMicros: 0, currency: 'CNY' }),
};

function setUp(outcomes: (WriteOutcome | Error)[] = []) {
  const clock = new FakeClock();
  const queues = new Store<ComputeQueue>();
  const waiting = [workload('a', { queue: 'q' })];
  const listeners: (() => void)[] = [];
  const touched: (() => void)[] = [];
  const writes: { at: number; name: string; pending: number | undefined }[] = [];
  let version = 100;
  const state = { ready: true };
  const controller = queueController({
    queues,
    scheduler: {
      holders: () => [],
      pending: () => waiting,
      answer: () => undefined,
      costs: () => new Map(),
      forecast: () => new Map(),
      budgets: new QueueBudgets({
        ...{ queues, holders: () => [], use: noUse, clock },
        ...{ onFreed: () => {}, endsAt: () => Number.POSITIVE_INFINITY },
      }),
      history: new FairHistory({ queues, holders: () => [], clock }),
      onCycle: (listener) => {
        listeners.push(listener);
        return () => {};
      },
    },
    workloads: [{ subscribe: (handler) => touched.push(handler) }],
    status: {
      writeObject: async (_resource, object, status, store) => {
        const { name } = object.metadata;
        if (JSON.stringify(object.status) === JSON.stringify(status)) return { outcome: 'unchanged' };
        writes.push({ at: clock.monotonic(), name, pending: (status as { pending?: number }).pending });
        const outcome = outcomes.shift() ?? 'written';
        if (outcome instanceof Error) throw outcome;
        if (outcome !== 'written') return { outcome };
        version += 1;
        const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) }, status };
        store?.applyIfCurrent(stored, object.metadata.resourceVersion);
        return { outcome, object: stored };
      },
    },
    events: { event: () => {} },
    ready: () => state.ready,
    clock,
    logger: noopLogger,
    metrics: noopMetrics,
  });
  const abort = new AbortController();
  const ended = controller.run(abort.signal);
  const stop = async (): Promise<void> => {
    abort.abort();
    await ended;
  };
  const cycle = (): void => {
    for (const listener of listeners) listener();
  };
  return { clock, queues, waiting, writes, state, stop, cycle, touch: () => touched[0]?.() };
}

describe('the queue controller', () => {
  it('writes once for many events, and at most once a second a queue', async () => {
    const { clock, queues, waiting, writes, stop, cycle } = setUp();
    queues.apply(aQueue('q', '1'));
    for (let i = 0; i < 40; i += 1) {
      waiting.push(workload(`w${i}`, { queue: 'q' }));
      cycle();
      await clock.advance(100);
    }
    expect(writes.length).toBeGreaterThanOrEqual(3);
    const gaps = writes.slice(1).map((write, i) => write.at - (writes[i]?.at ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1000);
    await clock.advance(2000);
    expect(writes.at(-1)?.pending).toBe(41);
    await stop();
  });

  it('writes nothing when nothing changed', async () => {
    const { clock, queues, writes, stop, cycle } = setUp();
    queues.apply(aQueue('q', '1'));
    await clock.advance(2000);
    expect(writes).toHaveLength(1);
    cycle();
    await clock.advance(2000);
    expect(writes).toHaveLength(1);
    await stop();
  });

  it('sees a change of who waits where no cycle ran', async () => {
    const { clock, queues, waiting, writes, stop, touch } = setUp();
    queues.apply(aQueue('q', '1'));
    await clock.advance(2000);
    waiting.length = 0;
    touch();
    await clock.advance(2000);
    expect(writes.at(-1)).toMatchObject({ pending: 0 });
    await stop();
  });

  it('tries again a second later after a conflict or an error', async () => {
    const { clock, queues, writes, stop } = setUp(['conflict', new Error('the hub does not answer')]);
    queues.apply(aQueue('q', '1'));
    await clock.advance(5000);
    expect(writes).toHaveLength(3);
    expect((writes[2]?.at ?? 0) - (writes[1]?.at ?? 0)).toBeGreaterThanOrEqual(1000);
    await stop();
  });

  it('says nothing before everything was listed', async () => {
    const { clock, queues, writes, state, stop } = setUp();
    state.ready = false;
    queues.apply(aQueue('q', '1'));
    await clock.advance(3000);
    expect(writes).toEqual([]);
    state.ready = true;
    await clock.advance(1500);
    expect(writes).toHaveLength(1);
    await stop();
  });
});
