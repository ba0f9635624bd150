import { describe, expect, it } from 'vitest';
import { type ComputeQueue, computeQueueSpec, computeQueueStatus } from '../api/index.ts';
import type { QueueView, QuotaUse, Workload } from '../core/model.ts';
import { queue, workload } from '../core/testing/build.ts';
import { deriveQueueStatus, type QueueReport, queueReports } from './queue-status.ts';

const NOW = Date.parse('2026-01-15T04:00:00Z');

interface World {
  queues: QueueView[];
  holders?: QuotaUse[];
  pending?: Workload[];
  reasons?: Record<string, string>;
}

const reportsOf = ({ queues, holders = [], pending = [], reasons = {} }: World): Map<string, QueueReport> =>
  queueReports({ queues, holders, pending, reason: ({ key }) => reasons[key] });

const row = (nominal: number, accelerator = 'H100', region = '*') => ({ accelerator, region, nominal: nominal * 1000 });
const holds = (leaf: string, boards: number): QuotaUse => ({
  queue: leaf,
  charges: [{ accelerator: 'H100', region: '*', milliGpus: boards * 1000 }],
});

const tree = [
  queue('centre', { quota: [row(8)] }),
  queue('weather', { parent: 'centre', quota: [row(16)] }),
  queue('chat', { parent: 'centre', quota: [row(8)] }),
];

describe('the status of a queue', () => {
  it('says when those that wait are expected to start, and moves that only when it has changed by a tenth', () => {
    const start = (minutes: number, before?: ComputeQueue['status']) => {
      const starts = new Map([['a', NOW + minutes * 60_000]]);
      const sight = { queues: tree, holders: [], pending: [workload('a', { queue: 'chat' })], starts };
      const report = queueReports({ ...sight, reason: () => 'InsufficientGPU' }).get('chat') as QueueReport;
      const object = { metadata: { name: 'chat' }, spec: computeQueueSpec.parse({}), status: before } as ComputeQueue;
      return deriveQueueStatus(object, report, NOW);
    };
    const first = start(100);
    expect(first.head).toMatchObject([{ name: 'a', expectedStartTime: '2026-01-15T05:40:00Z' }]);
    expect(start(109, first).head).toEqual(first.head);
    expect(start(115, first).head?.[0]?.expectedStartTime).toBe('2026-01-15T05:55:00Z');
    expect(start(0.5).head?.[0]?.expectedStartTime).toBe('2026-01-15T04:01:00Z');
  });

  it('counts who holds and who waits in the whole subtree, by reason', () => {
    const reports = reportsOf({
      queues: tree,
      holders: [holds('weather', 8), holds('chat', 4)],
      pending: [
        workload('a', { queue: 'weather' }),
        workload('b', { queue: 'chat' }),
        workload('c', { queue: 'chat' }),
      ],
      reasons: { a: 'QuotaExceeded', b: 'InsufficientGPU' },
    });
    expect(reports.get('centre')).toMatchObject({
      admitted: 2,
      pending: 3,
      pendingByReason: [
        { reason: 'Evaluating', count: 1 },
        { reason: 'InsufficientGPU', count: 1 },
        { reason: 'QuotaExceeded', count: 1 },
      ],
    });
    expect(reports.get('weather')).toMatchObject({ admitted: 1, pending: 1 });
  });

  it('shows use by row with what is borrowed, and nominal with its subtree', () => {
    const reports = reportsOf({ queues: tree, holders: [holds('weather', 20)] });
    expect(reports.get('weather')?.usage).toEqual([
      { accelerator: 'H100', region: '*', nominal: 16, usedMilliGpus: 20_000, borrowedMilliGpus: 4_000 },
    ]);
    expect(reports.get('centre')?.usage).toEqual([
      { accelerator: 'H100', region: '*', nominal: 32, usedMilliGpus: 20_000, borrowedMilliGpus: 0 },
    ]);
  });

  it('gives the places of a leaf’s first hundred: priority, then who came first, then key', () => {
    const pending = Array.from({ length: 150 }, (_, i) =>
      workload(`w${String(i).padStart(3, '0')}`, { queue: 'chat', priority: i === 149 ? 9 : 0, queuedAt: 1000 - i }),
    );
    const head = reportsOf({ queues: tree, pending }).get('chat')?.head ?? [];
    expect(head).toHaveLength(100);
    expect(head[0]).toEqual({ position: 1, namespace: 'ns', name: 'w149', kind: 'ModelTraining', priority: 9 });
    expect(head[1]).toMatchObject({ position: 2, name: 'w148' });
    expect(head[99]).toMatchObject({ position: 100, name: 'w050' });
  });

  it('gives no places where nothing is admitted: above the leaves, and where the tree is broken', () => {
    const queues = [...tree, queue('orphan', { parent: 'nowhere' })];
    const pending = [workload('a', { queue: 'centre' }), workload('b', { queue: 'orphan' })];
    const reports = reportsOf({ queues, pending });
    expect(reports.get('centre')).not.toHaveProperty('head');
    expect(reports.get('orphan')).not.toHaveProperty('head');
    expect(reports.get('chat')?.head).toEqual([]);
  });

  it('ignores what names a queue that does not exist', () => {
    const reports = reportsOf({
      queues: tree,
      holders: [holds('gone', 8)],
      pending: [workload('a', { queue: 'gone' })],
    });
    expect([...reports.values()].map(({ admitted, pending }) => admitted + pending)).toEqual([0, 0, 0]);
  });

  it('is held to the bounds of the API, however many rows there are below', () => {
    const rows = Array.from({ length: 40 }, (_, i) => row(1, `T${i}`));
    const more = Array.from({ length: 40 }, (_, i) => row(1, `U${i}`));
    const reports = reportsOf({
      queues: [queue('top', { quota: rows }), queue('leaf', { parent: 'top', quota: more })],
    });
    expect(reports.get('top')?.usage).toHaveLength(64);
  });
});

describe('readiness of a queue', () => {
  const ready = (world: World, name: string) => reportsOf(world).get(name)?.ready;

  it('is True for leaves and for what is above them', () => {
    expect(ready({ queues: tree }, 'chat')).toEqual({
      status: 'True',
      reason: 'Ready',
      message: 'it takes workloads.',
    });
    expect(ready({ queues: tree }, 'centre')).toMatchObject({ status: 'True' });
  });

  it('names a circle and a missing parent, and leaves the other queues alone', () => {
    const queues = [
      ...tree,
      queue('a', { parent: 'b' }),
      queue('b', { parent: 'a' }),
      queue('orphan', { parent: 'nowhere' }),
    ];
    const pending = [workload('x', { queue: 'a' }), workload('y', { queue: 'orphan' })];
    expect(ready({ queues, pending }, 'a')).toMatchObject({ status: 'False', reason: 'CycleInTree' });
    expect(ready({ queues, pending }, 'a')?.message).toContain('a -> b -> a');
    expect(ready({ queues, pending }, 'orphan')).toMatchObject({ status: 'False', reason: 'ParentNotFound' });
    expect(ready({ queues, pending }, 'chat')).toMatchObject({ status: 'True' });
    expect(reportsOf({ queues, pending }).get('b')).toMatchObject({ pending: 1 });
  });

  it('says where workloads are to go that name a queue with queues below it', () => {
    const world = { queues: tree, pending: [workload('x', { queue: 'centre' })] };
    expect(ready(world, 'centre')).toMatchObject({ status: 'False', reason: 'ParentHoldsWorkloads' });
    expect(ready(world, 'centre')?.message).toContain('one of chat, weather.');
    expect(ready(world, 'chat')).toMatchObject({ status: 'True' });
  });

  it('is False while a queue on the path to the root is held', () => {
    const queues = [queue('centre', { stopPolicy: 'Hold' }), queue('chat', { parent: 'centre' })];
    expect(ready({ queues }, 'centre')).toMatchObject({ status: 'False', reason: 'Held' });
    expect(ready({ queues }, 'chat')).toMatchObject({ status: 'False', reason: 'Held' });
    expect(ready({ queues }, 'chat')?.message).toContain('queue centre above it');
  });
});

describe('the status object of a queue', () => {
  const object = (status?: ComputeQueue['status']): ComputeQueue => ({
    metadata: { name: 'chat', generation: 3 },
    spec: computeQueueSpec.parse({}),
    ...(status === undefined ? {} : { status }),
  });
  const report = (name: string, world: World) => reportsOf(world).get(name) as QueueReport;

  it('is what the API takes', () => {
    const status = deriveQueueStatus(object(), report('chat', { queues: tree }), NOW);
    expect(computeQueueStatus.parse(status)).toEqual(status);
    expect(status.conditions).toEqual([
      {
        type: 'Ready',
        status: 'True',
        reason: 'Ready',
        message: 'it takes workloads.',
        lastTransitionTime: '2026-01-15T04:00:00Z',
        observedGeneration: 3,
      },
    ]);
  });

  it('is equal to the old one while nothing changes, and keeps the time while readiness stays', () => {
    const first = deriveQueueStatus(object(), report('chat', { queues: tree }), NOW);
    expect(deriveQueueStatus(object(first), report('chat', { queues: tree }), NOW + 60_000)).toEqual(first);
    const held = tree.map((view) => ({ ...view, stopPolicy: 'Hold' as const }));
    const after = deriveQueueStatus(object(first), report('chat', { queues: held }), NOW + 60_000);
    expect(after.conditions?.[0]).toMatchObject({ reason: 'Held', lastTransitionTime: '2026-01-15T04:01:00Z' });
  });
});
