import { afterEach, expect, it } from 'vitest';
import { type ComputeQueue, computeQueueSpec } from '../api/index.ts';
import type { Admit, Nomination } from '../core/model.ts';
import { workload } from '../core/testing/build.ts';
import { Store } from '../kube/store.ts';
import { Inventory, type Member, type MemberNamespace } from '../regions/index.ts';
import { aNode, aRegion, H100 } from '../regions/testing.ts';
import { FakeClock } from '../runtime/clock.ts';
import { noopLogger } from '../runtime/logger.ts';
import { noopMetrics } from '../runtime/metrics.ts';
import { Scheduler } from './scheduler.ts';
import type { BindResult } from './types.ts';

const abort = new AbortController();
afterEach(() => abort.abort());

/** A scheduler of one region with one node of 8 boards, whose decisions are written with these results. */
function setUp(results: readonly BindResult[]) {
  const clock = new FakeClock();
  const inventory = new Inventory();
  inventory.setAccelerators([H100]);
  inventory.upsertNode(aNode('n1'));
  const stores = { nodes: new Store(), pods: new Store(), foreignPods: new Store() };
  const member = { name: 'west', object: aRegion('west'), unusable: () => undefined, ...stores } as unknown as Member;
  const queues = new Store<ComputeQueue>();
  const spec = computeQueueSpec.parse({ quota: [{ nominal: 8 }], namespaceSelector: {} });
  queues.apply({ metadata: { name: 'q', uid: 'q', resourceVersion: '1', generation: 1 }, spec });
  const namespaces = new Store<MemberNamespace>();
  const metadata = { name: 'ns', uid: 'ns', resourceVersion: '1', labels: {}, annotations: {} };
  namespaces.apply({ metadata });
  const scheduler = new Scheduler({
    ...{ queues, namespaces, clock, logger: noopLogger, metrics: noopMetrics, epoch: () => 1, ready: () => true },
    members: {
      get: () => member,
      list: () => [member],
      subscribe: () => () => {},
      inventory: () => inventory,
    },
    use: {
      share: () => ({ cluster: 'west', accelerator: 'H100', gpus: 0, nodeShare: 0 }),
      use: () => ({ gpuSeconds: 0, facilityJoules: 0, carbonGrams: 0, costMicros: 0, currency: 'CNY' }),
    },
  });
  const decided: Admit[] = [];
  scheduler.register('ModelTraining', {
    bind: async (admit) => {
      decided.push(admit);
      return { result: results[decided.length - 1] ?? 'bound', resourceVersion: '9' };
    },
    nominate: async () => true,
    wake: () => {},
    notAdmitted: () => {},
  });
  void scheduler.run(abort.signal);
  return { clock, scheduler, decided };
}

const place = (untilMs: number): Nomination => ({
  ...{ cluster: 'west', region: 'west', accelerator: 'H100', nodes: ['n1'], until: untilMs },
  queueCharges: [{ accelerator: '*', region: '*', milliGpus: 8000 }],
  victims: [
    { key: 'low', namespace: 'ns', name: 'low', kind: 'ModelTraining', queue: 'q', priority: 0, lostMilliGpuHours: 1 },
  ],
});

it('keeps the place that was cleared for one whose admission could not be stored', async () => {
  const { clock, scheduler, decided } = setUp(['conflict']);
  const pending = workload('hero');
  const kind = 'ModelTraining' as const;
  scheduler.observe({ key: 'hero', kind, resourceVersion: '1', pending, nomination: place(clock.now() + 60_000) });
  for (let i = 0; i < 50 && decided.length < 2; i += 1) await clock.advance(50);
  // Who made room stands in the record of the decision, though it was made twice.
  expect(decided.map(({ decision }) => decision.victims)).toEqual([['ns/low'], ['ns/low']]);
});
