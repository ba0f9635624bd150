import { describe, expect, it } from 'vitest';
import { runCycle } from './cycle.ts';
import type { QueueView, Running, Snapshot, Workload } from './model.ts';
import { A100, cluster, H100, manyNodes, NOON, nodes, queue, snapshot, workload } from './testing/build.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const gang = (pods: number) => ({ request: { pods } });
const old = NOON - 2 * HOUR;

/** Holds one whole node. */
const running = (key: string, node: string, endsIn: number | undefined, over: Partial<Running> = {}): Running => ({
  key,
  namespace: 'ns',
  name: key,
  kind: 'ModelTraining',
  queue: 'q',
  cluster: 'guian',
  accelerator: 'H100',
  priority: 0,
  preemptible: false,
  ending: false,
  admittedAt: NOON - HOUR,
  lossSince: NOON - HOUR,
  ...(endsIn === undefined ? {} : { endsAt: NOON + endsIn }),
  charges: [],
  nodes: [node],
  perPod: { gpuMilli: 8000, cpuMilli: 8000, memoryMi: 65_536 },
  ...over,
});

const busy = (name: string) => ({ name, gpusFree: 0, cpuFree: 120_000, memoryFree: 983_040 });
/** a and b are free; c is busy for an hour, d for two, e for ever. */
const WORLD = {
  clusters: [cluster('guian', { nodes: nodes([{ name: 'a' }, { name: 'b' }, busy('c'), busy('d'), busy('e')]) })],
  running: () => [running('rc', 'c', HOUR), running('rd', 'd', 2 * HOUR), running('re', 'e', undefined)],
} satisfies Partial<Snapshot>;

function run(workloads: readonly Workload[], over: Partial<Snapshot> = {}, view: Partial<QueueView> = {}) {
  const plan = runCycle(
    workloads,
    snapshot({ ...WORLD, queues: [queue('q', { reserveAfterMs: HOUR, ...view })], ...over }),
    NOON,
  );
  return {
    admitted: plan.admitted.map((admit) => `${admit.workload.key} on ${admit.nodes.join(',')}`),
    pending: plan.pending.map(({ workload: { key }, reason }) => `${key} ${reason}`),
    reservations: plan.reservations,
    messages: plan.pending.map(({ message }) => message),
  };
}

const lasts = (times: Readonly<Record<string, number>>) => ({
  runMs: ({ key }: Workload): number => times[key] ?? Number.POSITIVE_INFINITY,
});

describe('a gang that has waited long for nodes', () => {
  const big = workload('big', { queuedAt: old, ...gang(3) });

  it('has those kept that are free for it first', () => {
    const { reservations } = run([big]);
    expect(reservations).toMatchObject([
      {
        workload: { key: 'big' },
        cluster: 'guian',
        accelerator: 'H100',
        nodes: ['a', 'b', 'c'],
        startsAt: NOON + HOUR,
      },
    ]);
  });

  it('lets only that go before it which is sure to end before', () => {
    const small = ['long', 'short', 'unknown'].map((key, i) => workload(key, { queuedAt: NOON + i }));
    const { admitted, pending, messages } = run([big, ...small], lasts({ short: 50 * MINUTE, long: 61 * MINUTE }));
    expect(admitted).toEqual(['short on a']);
    expect(pending).toEqual(['big InsufficientGPU', 'long BehindReservation', 'unknown BehindReservation']);
    expect(messages[1]).toContain('are kept for ns/big (queue q)');
  });

  it('leaves to others what it does not need', () => {
    const wide = {
      ...WORLD.clusters[0],
      nodes: nodes([{ name: 'a' }, { name: 'b' }, busy('c'), { name: 'z', gpus: 4 }]),
    };
    const four = workload('four', { queuedAt: NOON, request: { accelerators: [{ type: 'H100', countPerNode: 4 }] } });
    const { admitted } = run([big, four], { clusters: [wide as never] });
    expect(admitted).toEqual(['four on z']);
  });

  it('holds back nobody who comes before it', () => {
    const urgent = workload('urgent', { queuedAt: NOON, priority: 9 });
    expect(run([big, urgent]).admitted).toEqual(['urgent on a']);
  });

  it('keeps nothing before it has waited as long as its queue says, or where the queue says nothing', () => {
    const young = workload('big', { queuedAt: NOON - HOUR + 1, ...gang(3) });
    expect(run([young]).reservations).toEqual([]);
    const queues = [queue('q')];
    expect(run([big], { queues }).reservations).toEqual([]);
  });

  it('keeps nothing where it would not fit after all that ends has ended', () => {
    expect(run([workload('huge', { queuedAt: old, ...gang(5) })]).reservations).toEqual([]);
  });

  it('keeps nothing while it is quota that it lacks', () => {
    const quota = [{ accelerator: '*', region: '*', nominal: 16_000 }];
    expect(run([big], {}, { quota }).reservations).toEqual([]);
  });

  it('goes where it can start first', () => {
    const soon = cluster('zhongwei', { nodes: nodes([{ name: 'x' }, busy('y'), busy('z')]) });
    const there = ['y', 'z'].map((node) => running(`r${node}`, node, MINUTE, { cluster: 'zhongwei' }));
    const { reservations } = run([big], {
      clusters: [...WORLD.clusters, soon],
      running: () => [...WORLD.running(), ...there],
    });
    expect(reservations).toMatchObject([{ cluster: 'zhongwei', startsAt: NOON + MINUTE }]);
  });

  it('counts on what is late or ending already to end at any moment', () => {
    const late = [running('rc', 'c', -HOUR), running('rd', 'd', undefined, { ending: true })];
    const four = workload('four', { queuedAt: old, ...gang(4) });
    expect(run([big], { running: () => late }).reservations).toMatchObject([{ startsAt: NOON }]);
    expect(run([four], { running: () => late }).reservations).toMatchObject([
      { startsAt: NOON, nodes: ['a', 'b', 'c', 'd'] },
    ]);
  });

  it('is one at a time in a cluster; the next keeps off its nodes', () => {
    const second = workload('second', { queuedAt: old + 1, ...gang(2) });
    const { reservations, pending } = run([big, second]);
    expect(reservations.map((one) => one.workload.key)).toEqual(['big']);
    expect(pending).toEqual(['big InsufficientGPU', 'second BehindReservation']);
  });

  describe('and for power', () => {
    /** A node of eight H100: (8 * 700 W + 1500 W) * 1.2. */
    const NODE_WATTS = 8520;
    const five = ['a', 'b', 'c', 'd', 'e'].map((name) => (name === 'c' ? busy(name) : { name }));
    /** c is busy for an hour, and there is power for so many nodes. */
    const powered = (power: number, over: Partial<Snapshot> = {}): Partial<Snapshot> => ({
      clusters: [
        cluster('guian', {
          accelerators: [H100, A100],
          nodes: nodes([...five, { name: 'f', accelerator: 1 }]),
          power: { budgetWatts: power * NODE_WATTS, reserved: { boardWatts: 5600, nodeShare: 1 } },
        }),
      ],
      running: () => [running('rc', 'c', HOUR)],
      ...over,
    });
    const asA100 = { request: { accelerators: [{ type: 'A100', countPerNode: 8 }] } };

    it('has the watts kept, too, from all that is not sure to end before', () => {
      const small = ['long', 'short', 'unknown'].map((key, i) => workload(key, { queuedAt: NOON + i }));
      const { admitted, pending, messages } = run(
        [big, ...small],
        powered(3, lasts({ short: 50 * MINUTE, long: 61 * MINUTE })),
      );
      expect(admitted).toEqual(['short on a']);
      expect(pending).toEqual(['big InsufficientPower', 'long BehindReservation', 'unknown BehindReservation']);
      expect(messages[1]).toContain('nodes or power of guian that would do are kept for ns/big (queue q)');
    });

    it('leaves to others the watts that it does not need', () => {
      const small = ['first', 'second'].map((key, i) => workload(key, { queuedAt: NOON + i }));
      expect(run([big, ...small], powered(5)).admitted).toEqual(['big on a,b,d', 'first on e']);
      const four = workload('big', { queuedAt: old, ...gang(5) });
      const { admitted, pending } = run([four, workload('other', { queuedAt: NOON, ...asA100 })], powered(5));
      expect([...admitted, ...pending]).toEqual(['big InsufficientGPU', 'other BehindReservation']);
      // The A100 node draws (8 * 400 W + 1500 W) * 1.2.
      const enough = powered(5 + 5640 / NODE_WATTS);
      expect(run([four, workload('other', { queuedAt: NOON, ...asA100 })], enough).admitted).toEqual(['other on f']);
    });

    it('tells of clusters that were out by it', () => {
      const next = cluster('zhongwei');
      const { clusters = [], ...rest } = powered(3);
      const plan = runCycle(
        [
          workload('big', { queuedAt: old, ...gang(3), regions: { cluster: 'guian' } }),
          workload('next', { queuedAt: NOON }),
        ],
        snapshot({ ...rest, clusters: [...clusters, next], queues: [queue('q', { reserveAfterMs: HOUR })] }),
        NOON,
      );
      expect(plan.admitted.map((admit) => admit.cluster)).toEqual(['zhongwei']);
      expect(plan.admitted[0]?.decision.filtered).toMatchObject([
        {
          cluster: 'guian',
          reason: 'InsufficientPower',
          message:
            'needs 8.52 kW in guian, and 0.00 kW of its power budget of 25.56 kW are free and not kept for ns/big',
        },
      ]);
    });

    it('holds back nobody who comes before it', () => {
      const urgent = workload('urgent', { queuedAt: NOON, priority: 9 });
      expect(run([big, urgent], powered(3)).admitted).toEqual(['urgent on a']);
    });
  });

  it('changes nothing of the snapshot, and nothing for who comes after in other clusters', () => {
    const free = cluster('zhongwei', { nodes: manyNodes(1) });
    const before = WORLD.clusters[0]?.nodes.gpuFree.slice();
    const { admitted } = run([big, workload('next', { queuedAt: NOON })], { clusters: [...WORLD.clusters, free] });
    expect(admitted).toEqual(['next on gpu-0001']);
    expect(WORLD.clusters[0]?.nodes.gpuFree).toEqual(before);
  });
});
