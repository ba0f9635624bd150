import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Cycle, runCycle } from './cycle.ts';
import type { Nomination, PreemptionPolicy, QueueView, Running, Snapshot, Workload } from './model.ts';
import { cluster, manyNodes, NOON, nodes, queue, snapshot, workload } from './testing/build.ts';

const HOUR = 3_600_000;
const ALL: PreemptionPolicy = { withinQueue: 'LowerPriority', reclaim: 'Any', borrow: 'Never' };
const quota = (boards: number) => [{ accelerator: '*', region: '*', nominal: boards * 1000 }];

/** Holds whole nodes of eight boards each. */
const running = (key: string, on: readonly string[], over: Partial<Running> = {}): Running => ({
  key,
  namespace: 'ns',
  name: key,
  kind: 'ModelTraining',
  queue: 'q',
  cluster: 'guian',
  accelerator: 'H100',
  priority: 0,
  preemptible: true,
  ending: false,
  admittedAt: NOON - HOUR,
  lossSince: NOON - HOUR,
  charges: [{ accelerator: '*', region: '*', milliGpus: on.length * 8000 }],
  nodes: on,
  perPod: { gpuMilli: 8000, cpuMilli: 8000, memoryMi: 65_536 },
  ...over,
});

/** A world of `count` nodes with these runs on them. */
function world(count: number, runs: readonly Running[], queues: QueueView[], over: Partial<Snapshot> = {}): Snapshot {
  const table = manyNodes(count);
  const taken = new Set(runs.flatMap((run) => run.nodes));
  const view = nodes(
    table.names.map((name) =>
      taken.has(name) ? { name, gpusFree: 0, cpuFree: 120_000, memoryFree: 983_040 } : { name },
    ),
  );
  return snapshot({
    clusters: [cluster('guian', { nodes: view })],
    queues,
    quotaUse: runs.map((run) => ({ queue: run.queue, charges: run.charges })),
    running: () => runs,
    ...over,
  });
}

const gpu = (number: number): string => `gpu-${String(number).padStart(4, '0')}`;
/** What lets each go. */
const rulesOf = (workloads: Workload[], state: Snapshot) =>
  runCycle(workloads, state, NOON).nominated.flatMap(({ nomination }) => nomination.victims.map(({ rule }) => rule));
const victimsOf = (workloads: Workload[], state: Snapshot): string[][] =>
  runCycle(workloads, state, NOON).nominated.map(({ nomination }) => nomination.victims.map(({ key }) => key).sort());

describe('within a queue', () => {
  const own = (preemption: PreemptionPolicy) => [queue('q', { preemption })];
  const urgent = workload('urgent', { priority: 10, queuedAt: NOON });

  it('nobody goes unless the queue says so', () => {
    expect(victimsOf([urgent], world(1, [running('a', [gpu(1)])], [queue('q')]))).toEqual([]);
    expect(victimsOf([urgent], world(1, [running('a', [gpu(1)])], own({ ...ALL, withinQueue: 'Never' })))).toEqual([]);
  });

  it('lower priority goes, equal and higher stay', () => {
    const runs = [running('high', [gpu(1)], { priority: 20 }), running('same', [gpu(2)], { priority: 10 })];
    expect(victimsOf([urgent], world(2, runs, own(ALL)))).toEqual([]);
    const low = running('low', [gpu(3)], { priority: 9 });
    expect(victimsOf([urgent], world(3, [...runs, low], own(ALL)))).toEqual([['low']]);
    expect(rulesOf([urgent], world(3, [...runs, low], own(ALL)))).toEqual(['WithinQueue']);
  });

  it('equal priority that came later goes where that is the policy', () => {
    const policy = own({ ...ALL, withinQueue: 'LowerOrNewerEqualPriority' });
    const older = workload('older', { queuedAt: NOON - 2 * HOUR });
    expect(victimsOf([older], world(1, [running('a', [gpu(1)])], policy))).toEqual([['a']]);
    expect(victimsOf([{ ...older, queuedAt: NOON }], world(1, [running('a', [gpu(1)])], policy))).toEqual([]);
  });

  it('the one that loses least goes: what it did since its last checkpoint, times what it holds', () => {
    const runs = [
      running('long', [gpu(1)], { lossSince: NOON - 5 * HOUR }),
      running('saved', [gpu(2)], { lossSince: NOON - 60_000 }),
      running('short', [gpu(3)], { lossSince: NOON - HOUR }),
    ];
    const plan = runCycle([urgent], world(3, runs, own(ALL)), NOON);
    expect(plan.nominated[0]?.nomination.victims).toMatchObject([{ key: 'saved', lostMilliGpuHours: 933 }]);
    expect(plan.pending[0]).toMatchObject({ reason: 'Preempting' });
    expect(plan.pending[0]?.message).toContain('ns/saved (queue q, priority 0)');
  });

  it('no more go than are needed', () => {
    const runs = [running('small', [gpu(1)], { lossSince: NOON }), running('pair', [gpu(2), gpu(3)])];
    const two = workload('two', { priority: 10, request: { pods: 2 } });
    expect(victimsOf([two], world(3, runs, own(ALL)))).toEqual([['pair']]);
  });

  it('whoever may not be stopped, or has not run long enough, stays', () => {
    const guarded = [queue('q', { preemption: ALL, minRuntimeMs: 2 * HOUR })];
    expect(victimsOf([urgent], world(1, [running('a', [gpu(1)])], guarded))).toEqual([]);
    expect(victimsOf([urgent], world(1, [running('a', [gpu(1)], { preemptible: false })], own(ALL)))).toEqual([]);
  });

  it('nobody goes while what is ending makes the room', () => {
    const runs = [running('leaving', [gpu(1)], { ending: true }), running('low', [gpu(2)])];
    const plan = runCycle([urgent], world(2, runs, own(ALL)), NOON);
    expect(plan.nominated).toEqual([]);
    expect(plan.pending[0]).toMatchObject({ reason: 'WaitingForCleanup' });
  });
});

describe('between queues', () => {
  const root = queue('root', { quota: [] });
  const team = (name: string, boards: number, preemption: Partial<PreemptionPolicy> = {}) =>
    queue(name, { parent: 'root', quota: quota(boards), preemption: { ...ALL, ...preemption } });
  const mine = (pods = 1, over: Partial<Workload> = {}) => workload('mine', { queue: 'a', request: { pods }, ...over });

  it('a queue gets back its own from one that uses more than its own', () => {
    const runs = [running('b1', [gpu(1)], { queue: 'b' }), running('b2', [gpu(2)], { queue: 'b' })];
    expect(victimsOf([mine()], world(2, runs, [root, team('a', 8), team('b', 8)]))).toEqual([['b1']]);
    expect(rulesOf([mine()], world(2, runs, [root, team('a', 8), team('b', 8)]))).toEqual(['Reclaim']);
  });

  it('but never takes what is the other’s own, nor more than is its own', () => {
    const runs = [running('b1', [gpu(1)], { queue: 'b' }), running('b2', [gpu(2)], { queue: 'b' })];
    expect(victimsOf([mine()], world(2, runs, [root, team('a', 8), team('b', 16)]))).toEqual([]);
    expect(victimsOf([mine(2)], world(2, runs, [root, team('a', 8), team('b', 8)]))).toEqual([]);
  });

  it('reclaims only lower priority where that is the policy', () => {
    const queues = [root, team('a', 8, { reclaim: 'LowerPriority' }), team('b', 0)];
    const high = [running('b1', [gpu(1)], { queue: 'b', priority: 5 })];
    expect(victimsOf([mine()], world(1, high, queues))).toEqual([]);
    expect(victimsOf([mine(1, { priority: 6 })], world(1, high, queues))).toEqual([['b1']]);
  });

  it('pushes out to borrow up to the threshold only', () => {
    const borrow = (max?: number) => [
      queue('root', { quota: quota(8) }),
      team('a', 0, { borrow: 'LowerPriority', ...(max === undefined ? {} : { borrowMaxPriority: max }) }),
      team('b', 0),
    ];
    const runs = [running('b1', [gpu(1)], { queue: 'b', priority: 5 })];
    expect(victimsOf([mine(1, { priority: 9 })], world(1, runs, borrow()))).toEqual([['b1']]);
    expect(rulesOf([mine(1, { priority: 9 })], world(1, runs, borrow()))).toEqual(['Borrow']);
    expect(victimsOf([mine(1, { priority: 9 })], world(1, runs, borrow(4)))).toEqual([]);
    expect(victimsOf([mine(1, { priority: 5 })], world(1, runs, borrow()))).toEqual([]);
  });

  it('reclaims quota also where the borrower runs in another region', () => {
    const far = running('far', ['far-1'], { queue: 'b', cluster: 'zhongwei' });
    const state = world(1, [far], [queue('root', { quota: [] }), team('a', 8), team('b', 0)]);
    const clusters = [...state.clusters, cluster('zhongwei', { nodes: nodes([{ name: 'far-1', gpusFree: 0 }]) })];
    const plan = runCycle([mine()], { ...state, clusters }, NOON);
    expect(plan.nominated[0]?.nomination).toMatchObject({ cluster: 'guian', victims: [{ key: 'far' }] });
  });

  it('trees are strangers: nobody of another one goes', () => {
    const runs = [running('b1', [gpu(1)], { queue: 'b' })];
    const queues = [queue('a', { quota: quota(8), preemption: ALL }), queue('b', { quota: quota(0) })];
    expect(victimsOf([mine()], world(1, runs, queues))).toEqual([]);
  });
});

describe('a place that is being cleared', () => {
  const queues = [queue('q', { preemption: ALL })];
  const big = workload('big', { priority: 10, queuedAt: NOON, request: { pods: 2 } });
  const runs = [running('a', [gpu(1)]), running('b', [gpu(2)])];
  const first = runCycle([big], world(2, runs, queues), NOON).nominated[0]?.nomination as Nomination;
  const nominations = new Map([['big', first]]);

  it('is given to nobody else while some of it is free already', () => {
    const small = workload('small', { queuedAt: NOON });
    const half = world(2, [running('b', [gpu(2)])], queues, { nominations });
    const plan = runCycle([big, small], half, NOON + 1000);
    expect(plan.admitted).toEqual([]);
    expect(plan.nominated).toEqual([]);
    expect(plan.pending.map(({ workload: { key }, reason }) => [key, reason])).toEqual([
      ['big', 'Preempting'],
      ['small', 'InsufficientGPU'],
    ]);
  });

  it('is not taken by those that were pushed out, though their turn comes first', () => {
    const tree = [
      queue('root', { quota: quota(8) }),
      queue('mine', { parent: 'root', quota: quota(0), preemption: { ...ALL, borrow: 'LowerPriority' } }),
      queue('theirs', { parent: 'root', quota: quota(0) }),
    ];
    const winner = workload('winner', { queue: 'mine', priority: 10, request: { pods: 1 } });
    const state = world(1, [running('loser', [gpu(1)], { queue: 'theirs' })], tree);
    const [cleared] = runCycle([winner], state, NOON).nominated;
    expect(cleared?.nomination.victims).toMatchObject([{ key: 'loser' }]);
    // Older, and of a queue with as small a share.
    const loser = workload('loser', { queue: 'theirs', priority: 10, queuedAt: -1 });
    const kept = new Map([['winner', cleared?.nomination as Nomination]]);
    const plan = runCycle([winner, loser], world(1, [], tree, { nominations: kept }), NOON + 1000);
    expect(plan.admitted.map(({ workload: { key } }) => key)).toEqual(['winner']);
  });

  it('is none where a queue would lose its own, which it would take back', () => {
    const tree = [
      queue('root', { quota: quota(16) }),
      queue('mine', { parent: 'root', quota: quota(0), preemption: { ...ALL, borrow: 'LowerPriority' } }),
      queue('theirs', { parent: 'root', quota: quota(8), preemption: ALL }),
    ];
    const runs = [gpu(1), gpu(2)].map((node) => running(node, [node], { queue: 'theirs' }));
    const asks = (pods: number) => [workload('winner', { queue: 'mine', priority: 10, request: { pods } })];
    expect(victimsOf(asks(2), world(2, runs, tree))).toEqual([]);
    expect(victimsOf(asks(1), world(2, runs, tree))).toHaveLength(1);
  });

  it('is given up where its queue does not admit it any more', () => {
    const full = [queue('q', { preemption: ALL, maxRunning: 0 })];
    const plan = runCycle([big], world(2, [], full, { nominations }), NOON + 1000);
    expect(plan.lapsed).toEqual(['big']);
  });

  it('is taken when it is clear, and given up when its time is over', () => {
    const clear = world(2, [], queues, { nominations });
    expect(runCycle([big], clear, NOON + 1000).admitted[0]?.nodes).toEqual(first.nodes);
    const late = runCycle([big], world(2, runs, queues, { nominations }), first.until);
    expect(late.lapsed).toEqual(['big']);
  });

  it('is not cleared twice by two in one cycle', () => {
    const twin = workload('twin', { priority: 10, queuedAt: NOON + 1, request: { pods: 2 } });
    const plan = runCycle([big, twin], world(2, runs, queues), NOON);
    expect(plan.nominated.map(({ workload: { key } }) => key)).toEqual(['big']);
  });

  it('goes to the one cluster where least is lost', () => {
    const cheap = running('cheap', ['z-1'], { cluster: 'zhongwei', lossSince: NOON });
    const one = workload('one', { priority: 10 });
    const state = world(1, [running('dear', [gpu(1)], { lossSince: NOON - 9 * HOUR })], queues);
    const clusters = [...state.clusters, cluster('zhongwei', { nodes: nodes([{ name: 'z-1', gpusFree: 0 }]) })];
    const all = [...(state.running?.() ?? []), cheap];
    const plan = runCycle([one], { ...state, clusters, running: () => all }, NOON);
    expect(plan.nominated[0]?.nomination).toMatchObject({ cluster: 'zhongwei', victims: [{ key: 'cheap' }] });
  });
});

describe('any world', () => {
  const root = queue('root', { quota: quota(16) });
  const anyPolicy = fc.record({
    withinQueue: fc.constantFrom('Never', 'LowerPriority', 'LowerOrNewerEqualPriority'),
    reclaim: fc.constantFrom('Never', 'LowerPriority', 'Any'),
    borrow: fc.constantFrom('Never', 'LowerPriority'),
  }) as fc.Arbitrary<PreemptionPolicy>;
  const anyWorld = fc.record({
    queues: fc.tuple(
      ...['a', 'b', 'c'].map((name) =>
        fc
          .record({ preemption: anyPolicy, boards: fc.nat(3) })
          .map(({ preemption, boards }) => queue(name, { parent: 'root', quota: quota(boards * 8), preemption })),
      ),
    ),
    runs: fc.array(
      fc.record({
        queue: fc.constantFrom('a', 'b', 'c'),
        priority: fc.nat(2),
        size: fc.integer({ min: 1, max: 2 }),
        age: fc.nat(5),
        preemptible: fc.boolean(),
      }),
      { maxLength: 6 },
    ),
    asks: fc.array(
      fc.record({ queue: fc.constantFrom('a', 'b', 'c'), priority: fc.nat(3), pods: fc.integer({ min: 1, max: 3 }) }),
      { minLength: 1, maxLength: 4 },
    ),
  });

  type World = typeof anyWorld extends fc.Arbitrary<infer T> ? T : never;
  function build({ queues, runs, asks }: World) {
    let next = 1;
    const made = runs.map(({ queue: of, priority, size, age, preemptible }, i) => {
      const on = Array.from({ length: size }, () => gpu(next++));
      const since = NOON - age * HOUR;
      return running(`r${i}`, on, { queue: of, priority, preemptible, admittedAt: since, lossSince: since });
    });
    const state = world(Math.max(2, next), made, [root, ...queues]);
    const workloads = asks.map((ask, i) =>
      workload(`w${i}`, { queue: ask.queue, priority: ask.priority, queuedAt: NOON + i, request: { pods: ask.pods } }),
    );
    return { state, workloads, made };
  }

  it('pushes out only whom a policy gives up, none twice, and each nominee fits when they are gone', () => {
    fc.assert(
      fc.property(anyWorld, (any) => {
        const { state, workloads, made } = build(any);
        const plan = runCycle(workloads, state, NOON);
        const seen = new Set<string>();
        for (const { workload: nominee, nomination } of plan.nominated) {
          for (const { key, rule } of nomination.victims) {
            expect(seen.has(key)).toBe(false);
            seen.add(key);
            const victim = made.find((run) => run.key === key);
            expect(victim?.preemptible).toBe(true);
            expect(rule === 'WithinQueue').toBe(victim?.queue === nominee.queue);
            const policy = state.queues.find(({ name }) => name === nominee.queue)?.preemption;
            const field = { WithinQueue: 'withinQueue', Reclaim: 'reclaim', Borrow: 'borrow' } as const;
            expect(rule && policy?.[field[rule]]).toMatch(/^(?!Never)./);
            if (victim?.queue === nominee.queue) expect(victim.priority).toBeLessThanOrEqual(nominee.priority);
          }
        }
        const [first] = plan.nominated;
        if (first === undefined || plan.nominated.length > 1 || plan.admitted.length > 0) return;
        const gone = new Set(first.nomination.victims.map(({ key }) => key));
        const left = made.filter(({ key }) => !gone.has(key));
        const after = world(state.clusters[0]?.nodes.count ?? 0, left, [...state.queues]);
        expect(runCycle([first.workload], after, NOON).admitted).toHaveLength(1);
        // Each victim is needed.
        for (const key of gone) {
          const kept = world(
            state.clusters[0]?.nodes.count ?? 0,
            [...left, ...made.filter((run) => run.key === key)],
            [...state.queues],
          );
          expect(runCycle([first.workload], kept, NOON).admitted).toHaveLength(0);
        }
      }),
    );
  });

  it('never lets a victim push its preemptor out again', () => {
    fc.assert(
      fc.property(anyWorld, (any) => {
        const { state, workloads, made } = build({ ...any, asks: any.asks.slice(0, 1) });
        const [found] = runCycle(workloads, state, NOON).nominated;
        if (found === undefined) return;
        const { nomination, workload: nominee } = found;
        const gone = new Set(nomination.victims.map(({ key }) => key));
        const left = made.filter(({ key }) => !gone.has(key));
        const winner = running(nominee.key, nomination.nodes, {
          ...{ queue: nominee.queue, priority: nominee.priority, admittedAt: NOON, lossSince: NOON },
        });
        const back = made
          .filter(({ key }) => gone.has(key))
          .map(({ key, queue: of, priority, nodes: on, admittedAt }) =>
            workload(key, { queue: of, priority, queuedAt: admittedAt, request: { pods: on.length } }),
          );
        const after = world(state.clusters[0]?.nodes.count ?? 0, [...left, winner], [...state.queues]);
        for (const { nomination: again } of runCycle(back, after, NOON).nominated) {
          expect(again.victims.map(({ key }) => key)).not.toContain(nominee.key);
        }
      }),
    );
  });

  it('gives the same plan for the same input in any order, and leaves the snapshot as it was', () => {
    fc.assert(
      fc.property(anyWorld, (any) => {
        const { state, workloads, made } = build(any);
        const before = JSON.stringify([state.clusters, state.queues, state.quotaUse]);
        const plan = runCycle(workloads, state, NOON);
        const shuffled = { ...state, running: () => [...made].reverse(), queues: [...state.queues].reverse() };
        expect(runCycle([...workloads].reverse(), shuffled, NOON)).toEqual(plan);
        expect(JSON.stringify([state.clusters, state.queues, state.quotaUse])).toBe(before);
        const slices = new Cycle(workloads, state, NOON);
        while (!slices.step(1));
        expect(slices.plan()).toEqual(plan);
      }),
    );
  });
});
