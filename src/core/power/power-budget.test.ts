import { describe, expect, it } from 'vitest';
import { runCycle } from '../cycle.ts';
import type { ClusterView, Running, Workload } from '../model.ts';
import { quote } from '../planner.ts';
import { A100, cluster, H100, manyNodes, NOON, nodes, queue, snapshot, workload } from '../testing/build.ts';
import { unitWatts } from './budget.ts';

/** A node of eight H100 with all that belongs to it: (8 * 700 W + 1500 W) * 1.2. */
const NODE_WATTS = 8520;
const NOTHING = { boardWatts: 0, nodeShare: 0 };

const budgeted = (
  budgetWatts: number,
  over: Partial<ClusterView> & { reserved?: typeof NOTHING } = {},
): ClusterView => {
  const { reserved = NOTHING, ...rest } = over;
  return cluster('guian', { power: { budgetWatts, reserved }, ...rest });
};
const cycle = (clusters: readonly ClusterView[], ...workloads: Workload[]) =>
  runCycle(workloads, snapshot({ clusters }), NOON);
const placed = (clusters: readonly ClusterView[], ...workloads: Workload[]): string[] =>
  cycle(clusters, ...workloads).admitted.map((admit) => `${admit.workload.key}@${admit.cluster}`);

describe('a power budget', () => {
  it('admits up to it, to the watt, and says what is short', () => {
    const both = [workload('a'), workload('b', { queuedAt: 1 })];
    expect(placed([budgeted(2 * NODE_WATTS)], ...both)).toEqual(['a@guian', 'b@guian']);
    const plan = cycle([budgeted(2 * NODE_WATTS - 1)], ...both);
    expect(plan.admitted.map(({ workload: { key } }) => key)).toEqual(['a']);
    expect(plan.pending).toMatchObject([
      {
        reason: 'InsufficientPower',
        message: 'needs 8.52 kW in guian, and 8.51 kW of its power budget of 17.03 kW are free.',
        filtered: [{ cluster: 'guian', reason: 'InsufficientPower' }],
      },
    ]);
  });

  it('counts what is held already, whoever holds it', () => {
    const reserved = { boardWatts: 5600, nodeShare: 1 };
    expect(placed([budgeted(2 * NODE_WATTS, { reserved })], workload('a'))).toEqual(['a@guian']);
    expect(placed([budgeted(2 * NODE_WATTS - 1, { reserved })], workload('a'))).toEqual([]);
    // Lowered below what runs: nothing new, and nothing breaks.
    expect(placed([budgeted(1, { reserved })], workload('a'))).toEqual([]);
  });

  it('sends work to another region that has power', () => {
    const other = cluster('zhongwei', {
      gramsPerKWh: 900,
      tariff: [{ months: [], hours: [], pricePerKWhMicros: 900_000 }],
    });
    expect(placed([budgeted(NODE_WATTS), other], workload('a'), workload('b', { queuedAt: 1 }))).toEqual([
      'a@guian',
      'b@zhongwei',
    ]);
  });

  it('tells what is larger than all of it, and looks at other regions first', () => {
    const gang = workload('gang', { request: { pods: 2 } });
    const [never] = cycle([budgeted(NODE_WATTS)], gang).pending;
    expect(never?.message).toBe('needs 13.44 kW in guian, more than all of its power budget of 8.52 kW.');
    const busy = cluster('zhongwei', { nodes: nodes([{ name: 'x', gpusFree: 1 }, { name: 'y' }]) });
    expect(cycle([budgeted(NODE_WATTS), busy], gang).pending).toMatchObject([{ reason: 'InsufficientGPU' }]);
  });

  it('counts work without boards by its part of a node', () => {
    const cpu = (key: string) => workload(key, { request: { accelerators: [], cpuMilli: 64_000 } });
    // Half a node: 1500 W / 2 * 1.2.
    expect(placed([budgeted(900)], cpu('a'), cpu('b'))).toEqual(['a@guian']);
    expect(placed([budgeted(1800)], cpu('a'), cpu('b'))).toEqual(['a@guian', 'b@guian']);
  });

  it('admits nothing where the boards’ power is not known', () => {
    const view = budgeted(1_000_000, { accelerators: [{ ...H100, boardWatts: 0 }] });
    expect(cycle([view], workload('a')).pending).toMatchObject([
      {
        reason: 'InsufficientPower',
        message: expect.stringMatching(/guian has a power budget, but boardWatts of its H100 is 0/),
      },
    ]);
  });

  it('counts a cap where caps are applied, and no less than the board can be held to', () => {
    const capped = (capWatts: number) => workload('a', { request: { capWatts } });
    const applied = { accelerators: [{ ...H100, minPowerLimitWatts: 200 }] };
    const watts = (8 * 400 + 1500) * 1.2;
    expect(placed([budgeted(watts, applied)], capped(400))).toEqual(['a@guian']);
    expect(placed([budgeted(watts - 1, applied)], capped(400))).toEqual([]);
    expect(placed([budgeted(watts)], capped(400))).toEqual([]);
    expect(placed([budgeted((8 * 200 + 1500) * 1.2 - 1, applied)], capped(50))).toEqual([]);
    // The decision tells the same figure.
    const [admit] = cycle([budgeted(watts, applied)], capped(400)).admitted;
    expect(admit?.decision.candidates[0]?.watts).toBe(watts);
  });

  it('is asked by quotes', () => {
    const state = snapshot({ clusters: [budgeted(NODE_WATTS - 1)] });
    const answer = quote(workload('a'), { runtimeSeconds: 3600, limits: {} }, state, NOON);
    expect(answer.offers).toEqual([]);
    expect(answer.shortfalls).toMatchObject([{ cluster: 'guian', reason: 'InsufficientPower' }]);
  });
});

describe('unitWatts', () => {
  it('is never above the board, and a part of a board has no cap of its own', () => {
    expect(unitWatts({ boardWatts: 700, minPowerLimitWatts: 200 }, 900)).toBe(700);
    expect(unitWatts({ boardWatts: 100, minPowerLimitWatts: 200 }, 150)).toBe(100);
    expect(unitWatts({ boardWatts: 100, minPowerLimitWatts: 50, board: { type: 'H100', permille: 143 } }, 60)).toBe(
      100,
    );
  });
});

describe('preemption for power', () => {
  const running = (key: string, accelerator: string, node: string, over: Partial<Running> = {}): Running => ({
    key,
    namespace: 'ns',
    name: key,
    kind: 'ModelTraining',
    queue: 'q',
    cluster: 'guian',
    accelerator,
    priority: 0,
    preemptible: true,
    ending: false,
    admittedAt: NOON - 3_600_000,
    lossSince: NOON - 3_600_000,
    endsAt: NOON + 1000,
    charges: [{ accelerator: '*', region: '*', milliGpus: 8000 }],
    nodes: [node],
    perPod: { gpuMilli: 8000, cpuMilli: 8000, memoryMi: 1 },
    ...over,
  });
  const table = nodes([{ name: 'h' }, { name: 'a', accelerator: 1, gpusFree: 0 }]);
  const held = { boardWatts: 3200, nodeShare: 1 };
  const view = (budgetWatts: number) =>
    budgeted(budgetWatts, { accelerators: [H100, A100], nodes: table, reserved: held });
  const state = (budgetWatts: number, run: Running) =>
    snapshot({
      clusters: [view(budgetWatts)],
      queues: [queue('q', { preemption: { withinQueue: 'LowerPriority', reclaim: 'Never', borrow: 'Never' } })],
      running: () => [run],
    });
  const urgent = workload('urgent', { priority: 10, queuedAt: NOON });

  it('pushes out whatever draws it, also another type of accelerator', () => {
    const plan = runCycle([urgent], state(NODE_WATTS, running('old', 'A100', 'a')), NOON);
    expect(plan.nominated.map(({ nomination }) => nomination.victims.map(({ key }) => key))).toEqual([['old']]);
  });

  it('pushes nobody out where there is power, or where it would not suffice', () => {
    expect(runCycle([urgent], state(NODE_WATTS + 6000, running('old', 'A100', 'a')), NOON).admitted).toHaveLength(1);
    expect(runCycle([urgent], state(NODE_WATTS - 1, running('old', 'A100', 'a')), NOON).nominated).toEqual([]);
  });

  it('keeps the power of a nominated place for it', () => {
    const run = running('old', 'A100', 'a');
    const nomination = {
      cluster: 'guian',
      region: 'guian',
      accelerator: 'H100',
      queueCharges: [],
      nodes: ['h'],
      victims: [{ ...run, lostMilliGpuHours: 1 }],
      until: NOON + 1,
    };
    const small = workload('small', { queuedAt: 0, request: { accelerators: [], cpuMilli: 1000, memoryMi: 1 } });
    const given = { ...state(NODE_WATTS, run), nominations: new Map([['urgent', nomination]]) };
    const plan = runCycle([urgent, small], given, NOON);
    expect(plan.admitted).toEqual([]);
    expect(plan.pending.map(({ reason }) => reason).sort()).toEqual(['InsufficientPower', 'Preempting']);
  });

  it('waits for what is ending already', () => {
    const ending = running('old', 'A100', 'a', { ending: true });
    const plan = runCycle([urgent], state(NODE_WATTS, ending), NOON);
    expect(plan.pending).toMatchObject([{ reason: 'WaitingForCleanup' }]);
  });

  it('offers a time when the power is expected to be free', () => {
    const answer = quote(
      workload('later'),
      { runtimeSeconds: 60, limits: {} },
      state(NODE_WATTS, running('old', 'A100', 'a')),
      NOON,
    );
    expect(answer.offers).toMatchObject([
      { cluster: 'guian', startTime: new Date(NOON + 1000).toISOString().replace('.000', '') },
    ]);
  });
});

it('a node of many small pods is counted once', () => {
  const small = Array.from({ length: 8 }, (_, i) =>
    workload(`w${i}`, { request: { accelerators: [{ type: 'H100', countPerNode: 1 }], cpuMilli: 1000, memoryMi: 1 } }),
  );
  const view = budgeted(NODE_WATTS, { nodes: manyNodes(1) });
  expect(placed([view], ...small)).toHaveLength(8);
});
