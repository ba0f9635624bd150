import { describe, expect, it } from 'vitest';
import { Cycle, runCycle } from './cycle.ts';
import type { QueueView, QuotaRowView, Snapshot, Workload } from './model.ts';
import { A100, cluster, flat, H100, manyNodes, NOON, nodes, queue, snapshot, workload } from './testing/build.ts';

const run = (workloads: readonly Workload[], over: Partial<Snapshot> = {}) => runCycle(workloads, snapshot(over), NOON);
const why = (one: Workload, over: Partial<Snapshot> = {}): string => {
  const plan = run([one], over);
  return plan.pending[0] === undefined
    ? `admitted in ${plan.admitted[0]?.cluster}`
    : `${plan.pending[0].reason}: ${plan.pending[0].message}`;
};
const quota = (nominal: number, over: Partial<QuotaRowView> = {}): Partial<QueueView> => ({
  quota: [{ accelerator: 'H100', region: '*', nominal: nominal * 1000, ...over }],
});
const gang = (pods: number, countPerNode = 8) => ({
  request: { pods, accelerators: [{ type: 'H100', countPerNode }] },
});
const down = { reason: 'Unreachable', message: 'its API server does not answer' };

describe('a workload that fits', () => {
  it('is admitted with nodes in rank order, charges and the record of the decision', () => {
    const plan = run([workload('w', gang(2))], {
      clusters: [cluster('guian'), cluster('zhongwei', { tariff: flat(900_000) }), cluster('lost', { unusable: down })],
      queues: [queue('q', quota(64))],
    });
    expect(plan.pending).toEqual([]);
    expect(plan.admitted[0]).toMatchObject({
      cluster: 'guian',
      region: 'guian',
      accelerator: 'H100',
      resourceName: 'nvidia.com/gpu',
      gpusPerNode: 8,
      nodes: ['gpu-0001', 'gpu-0002'],
      queueCharges: [{ accelerator: 'H100', region: '*', milliGpus: 16_000 }],
      decision: {
        policy: 'Balanced',
        currency: 'CNY',
        candidates: [{ cluster: 'guian', scorePermille: 1000 }, { cluster: 'zhongwei' }],
        filtered: [{ cluster: 'lost', reason: 'Unreachable', message: 'its API server does not answer' }],
      },
    });
    expect(plan.admitted[0]?.decision.reason).toMatch(/^guian: score 100 of 100; cheapest of 2 that fit/);
  });

  it('goes before others by priority, then by time, then by key; one that does not fit does not block', () => {
    const plan = run([
      workload('late', { queuedAt: 2 }),
      workload('b', { queuedAt: 1 }),
      workload('giant', { priority: 5, ...gang(9) }),
      workload('urgent', { priority: 1, queuedAt: 9 }),
      workload('a', { queuedAt: 1 }),
      workload('last', { queuedAt: 3 }),
    ]);
    expect(plan.admitted.map(({ workload: { key } }) => key)).toEqual(['urgent', 'a', 'b', 'late']);
    expect(plan.pending.map(({ workload: { key } }) => key)).toEqual(['giant', 'last']);
  });

  it('takes the first of its accelerators that fits anywhere, or the best by score', () => {
    const accelerators = [
      { type: 'H100', countPerNode: 8 },
      { type: 'A100', countPerNode: 8 },
    ];
    const clusters = [
      cluster('cheap', { accelerators: [A100] }),
      cluster('dear', { accelerators: [H100] }),
      cluster('none', { accelerators: [] }),
    ];
    const ordered = run([workload('w', { request: { accelerators } })], { clusters });
    expect(ordered.admitted[0]).toMatchObject({ cluster: 'dear', accelerator: 'H100' });
    expect(ordered.admitted[0]?.decision.filtered).toEqual([
      { cluster: 'cheap', reason: 'LaterChoice', message: 'its A100 comes after a type that fits elsewhere' },
      { cluster: 'none', reason: 'NoSuchAccelerator', message: 'it has no H100 or A100; its accelerators: none' },
    ]);
    const any = run([workload('w', { request: { accelerators, acceleratorPolicy: 'AnyOf' } })], { clusters });
    expect(any.admitted[0]).toMatchObject({ cluster: 'cheap', accelerator: 'A100' });
    const second = run([workload('w', { request: { accelerators, pods: 2 } })], {
      clusters: [clusters[0] as never, cluster('dear', { nodes: manyNodes(1) })],
    });
    expect(second.admitted[0]).toMatchObject({ cluster: 'cheap', accelerator: 'A100' });
    expect(second.admitted[0]?.decision.filtered[0]?.message).toContain('the largest region dear has 1 such node');
  });

  it('of parts of a board is charged by its part, to the quota of the board', () => {
    const mig = {
      ...H100,
      type: 'H100-1g',
      resourceName: 'nvidia.com/mig-1g.10gb',
      board: { type: 'H100', permille: 125 },
    };
    const slices = cluster('guian', { accelerators: [mig], nodes: manyNodes(1, { gpus: 56 }) });
    const ask = workload('w', { request: { accelerators: [{ type: 'H100-1g', countPerNode: 4 }], pods: 2 } });
    const queues = (boards: number) => [
      queue('q', { quota: [{ accelerator: 'H100', region: '*', nominal: boards * 1000 }] }),
    ];
    const plan = runCycle([ask], snapshot({ clusters: [slices], queues: queues(1) }), NOON);
    expect(plan.admitted[0]?.queueCharges).toEqual([{ accelerator: 'H100', region: '*', milliGpus: 1000 }]);
    const more = workload('v', { request: { accelerators: [{ type: 'H100-1g', countPerNode: 5 }], pods: 2 } });
    expect(runCycle([more], snapshot({ clusters: [slices], queues: queues(1) }), NOON).pending[0]?.reason).toBe(
      'ExceedsMaxQuota',
    );
  });

  it('of CPU only needs no quota', () => {
    expect(why(workload('w', { request: { accelerators: [] } }), { queues: [queue('q', { quota: [] })] })).toBe(
      'admitted in guian',
    );
  });

  it('stays off the nodes it avoids, in their cluster only', () => {
    const avoid = [
      { cluster: 'guian', node: 'gpu-0001' },
      { cluster: 'other', node: 'gpu-0002' },
    ];
    expect(run([workload('w', { avoid })]).admitted[0]?.nodes).toEqual(['gpu-0002']);
  });

  it('leaves what it took to nobody else, in nodes and in quota', () => {
    const plan = run([workload('a', gang(3)), workload('b', gang(1)), workload('c', gang(1))], {
      queues: [queue('q', quota(24))],
    });
    expect(plan.admitted).toHaveLength(1);
    expect(plan.pending.map(({ reason }) => reason)).toEqual(['QuotaExceeded', 'QuotaExceeded']);
  });
});

describe('a workload that waits says why', () => {
  it('about its queue', () => {
    const queues = [
      queue('q', { parent: 'org', stopPolicy: 'None' }),
      queue('org', { stopPolicy: 'Hold' }),
      queue('ring', { parent: 'ring' }),
      queue('closed', { namespaceSelector: { matchLabels: { team: 'x' } } }),
      (({ namespaceSelector: _, ...rest }) => rest)(queue('nobody')),
      queue('held', { stopPolicy: 'HoldAndDrain' }),
    ];
    const said = (name: string) => why(workload('w', { queue: name }), { queues });
    expect(said('x')).toBe('QueueNotFound: queue x does not exist: create it or set spec.queue.');
    expect(said('org')).toBe(
      'QueueNotLeaf: queue org has queues below it, and only leaves take workloads: set spec.queue to one of q.',
    );
    expect(said('ring')).toBe(
      'QueueInvalid: queue ring: it is its own ancestor (ring -> ring): change spec.parent of one of them.',
    );
    expect(said('closed')).toBe(
      'NamespaceNotAllowed: queue closed does not select namespace ns: change its spec.namespaceSelector or spec.queue.',
    );
    expect(said('nobody')).toMatch(/^NamespaceNotAllowed/);
    expect(said('q')).toBe('QueueHeld: queue org above queue q has stopPolicy Hold: it admits nothing new.');
    expect(said('held')).toBe('QueueHeld: queue held has stopPolicy HoldAndDrain: it admits nothing new.');
  });

  it('about its quota', () => {
    const a100 = { ...quota(8), quota: [{ accelerator: 'A100', region: '*', nominal: 8000 }] };
    expect(why(workload('w'), { queues: [queue('q', a100)] })).toBe(
      'NoQuotaForAccelerator: no quota row covers H100 in guian: add one to queue q or to a queue above it.',
    );
    expect(why(workload('w', gang(4)), { queues: [queue('q', quota(8))] })).toBe(
      'ExceedsMaxQuota: needs 32 x H100, more than the 8 that queue q can ever have (nominal 8 in queue q).',
    );
    const quotaUse = [{ queue: 'q', charges: [{ accelerator: 'H100', region: '*', milliGpus: 60_000 }] }];
    expect(why(workload('w', gang(2)), { queues: [queue('q', quota(64))], quotaUse })).toBe(
      'QuotaExceeded: needs 16 x H100, 4 of 64 free in queue q (nominal 64, used 60).',
    );
  });

  it('about regions', () => {
    expect(why(workload('w', { regions: { allowed: ['x'], jurisdictions: [['SG']] } }))).toBe(
      'NoRegionAllowed: no region is allowed: guian: region guian is not in placement.regions.allowed (x).',
    );
    expect(why(workload('w'), { clusters: [] })).toBe('NoRegionAllowed: there is no RegionalCluster: create one.');
    const clusters = [cluster('guian', { accelerators: [H100, A100] }), cluster('zhongwei', { accelerators: [A100] })];
    expect(why(workload('w', { request: { accelerators: [{ type: 'H200', countPerNode: 8 }] } }), { clusters })).toBe(
      'NoSuchAccelerator: no allowed region has H200: there are A100 (guian, zhongwei), H100 (guian).',
    );
    expect(
      why(workload('w'), {
        clusters: [cluster('guian', { unusable: down }), cluster('small', { nodes: manyNodes(0) })],
      }),
    ).toBe(
      'RegionUnreachable: it can only run where nothing can be placed now: guian: its API server does not answer.',
    );
    expect(why(workload('w'), { clusters: [cluster('guian', { unusable: down, nodes: manyNodes(0) })] })).toMatch(
      /^RegionUnreachable/,
    );
    expect(why(workload('w', gang(5)), { clusters: [cluster('guian', { unusable: down })] })).toMatch(
      /^ExceedsEveryRegion/,
    );
  });

  it('about size that no region has', () => {
    const clusters = [cluster('guian', { nodes: manyNodes(72, { gpusFree: 0 }) }), cluster('zhongwei')];
    expect(why(workload('w', gang(128)), { clusters })).toBe(
      'ExceedsEveryRegion: needs 128 nodes x 8 H100 = 1024; the largest region guian has 72 such nodes (576 H100): 56 nodes (448 H100) short.',
    );
    expect(why(workload('w', gang(17, 2)))).toBe(
      'ExceedsEveryRegion: needs 17 pods x 2 H100 = 34; the largest region guian has room for 16 such pods (32 H100): 1 pod (2 H100) short.',
    );
    expect(why(workload('w', { request: { nodeSelector: { zone: 'x' } } }))).toBe(
      'ExceedsEveryRegion: needs 1 node x 8 H100 = 8; the largest region guian has 0 such nodes (0 H100): 1 node (8 H100) short; 4 of its 4 nodes do not suit nodeSelector and tolerations.',
    );
    expect(why(workload('w', { request: { cpuMilli: 200_000 } }))).toContain(
      '; its nodes have too little cpu for more.',
    );
    expect(why(workload('w', { request: { accelerators: [], cpuMilli: 64_000, pods: 9 } }))).toBe(
      'ExceedsEveryRegion: needs 9 pods x 64 cpu and 65536 MiB; the largest region guian has room for 8 such pods: 1 pod short.',
    );
  });

  it('about nodes that are busy', () => {
    const busy = nodes(Array.from({ length: 16 }, (_, i) => ({ name: `n${i}`, gpusFree: i < 8 ? 8 : 7 })));
    const clusters = [
      cluster('zhongwei', { nodes: manyNodes(16, { gpusFree: 2 }) }),
      cluster('guian', { nodes: busy }),
    ];
    expect(why(workload('w', gang(16)), { clusters })).toBe(
      'InsufficientGPU: needs 16 pods x 8 H100; now free: guian 8, zhongwei 0 such pods; short 8 in guian.',
    );
    expect(
      why(workload('w', gang(4)), { clusters: [cluster('guian', { nodes: manyNodes(4, { cpuFree: 1000 }) })] }),
    ).toBe(
      'InsufficientNodeResources: needs 4 pods x 8 H100; now free: guian 0 such pods; short 4 in guian, limited by cpu (accelerators alone would do).',
    );
    const plain = cluster('guian', { nodes: manyNodes(1, { cpuFree: 1000 }) });
    expect(why(workload('w', { request: { accelerators: [] } }), { clusters: [plain] })).toMatch(
      /^InsufficientNodeResources: needs 1 pod x 8 cpu and 65536 MiB; now free: guian 0/,
    );
    const avoid = [{ cluster: 'guian', node: 'gpu-0001' }];
    expect(why(workload('w', { avoid, ...gang(4) }))).toBe(
      'InsufficientGPU: needs 4 pods x 8 H100; now free: guian 3 such pods; short 1 in guian, 1 node avoided after failures.',
    );
  });

  it('by what came nearest to running', () => {
    const rows = [
      { accelerator: 'H100', region: 'quotaless', nominal: 8000 },
      { accelerator: 'H100', region: 'busy', nominal: 80_000 },
    ];
    const plan = run([workload('w', gang(2))], {
      clusters: [
        cluster('busy', { nodes: manyNodes(4, { gpusFree: 1 }) }),
        cluster('quotaless'),
        cluster('denied'),
        cluster('uncovered'),
      ],
      queues: [queue('q', { quota: rows })],
    });
    expect(plan.pending[0]).toMatchObject({
      reason: 'InsufficientGPU',
      filtered: [
        { cluster: 'busy', reason: 'InsufficientGPU', message: '0 of 2 pods fit now' },
        { cluster: 'denied', reason: 'NoQuotaForAccelerator' },
        { cluster: 'quotaless', reason: 'ExceedsMaxQuota' },
        { cluster: 'uncovered', reason: 'NoQuotaForAccelerator' },
      ],
    });
  });
});

describe('a cycle', () => {
  const many = Array.from({ length: 10 }, (_, i) => workload(`w${i}`, { queuedAt: i }));

  it('can be run in slices with the same plan', () => {
    const cycle = new Cycle(many, snapshot(), NOON);
    let steps = 0;
    while (!cycle.step(3)) steps += 1;
    expect(steps).toBe(3);
    expect(cycle.plan()).toEqual(run(many));
  });

  it('stops after the limit of admissions and leaves the rest unanswered', () => {
    const plan = runCycle(many, snapshot(), NOON, { limit: 2 });
    expect([plan.admitted.length, plan.pending.length]).toEqual([2, 0]);
    expect(new Cycle([], snapshot(), NOON).step(1)).toBe(true);
  });
});
