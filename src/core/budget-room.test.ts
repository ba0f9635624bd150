import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { QueueBudget } from '../api/index.ts';
import type { HeldBudget } from './budget-room.ts';
import { budgetState } from './budgets.ts';
import { runCycle } from './cycle.ts';
import type { Running, Snapshot, Workload } from './model.ts';
import { quote } from './planner.ts';
import { cluster, flat, H100, manyNodes, NOON, queue, snapshot, workload } from './testing/build.ts';
import { type Commitment, committedUse, sumUse, type UseSource } from './use.ts';

const HOUR = 3_600_000;
const NOTHING = { gpuSeconds: 0, facilityJoules: 0, carbonGrams: 0, costMicros: new Map() };

/** Of the day, which ends twelve hours after noon. */
function held(over: Partial<QueueBudget>, { used = 0, committed = 0 } = {}): HeldBudget {
  const budget: QueueBudget = { period: 'Day', timezone: 'Asia/Shanghai', action: 'Hold', warnPermille: 800, ...over };
  const record = { periodStartMs: NOON - 12 * HOUR, countedFromMs: NOON - 12 * HOUR, untilMs: NOON, used };
  return { ...budgetState(budget, record, NOON, () => NOTHING), committed };
}
const gpuHours = (limit: number, used = 0, committed = 0): HeldBudget =>
  held({ gpuHours: limit }, { used: used * 3600, committed: committed * 3600 });

/** Each has 8 boards; how long in hours, undefined: nobody can tell. */
const jobs = (hours: Readonly<Record<string, number | undefined>>): Workload[] =>
  Object.keys(hours).map((key, i) => workload(key, { queue: 'leaf', queuedAt: i }));

function run(
  hours: Readonly<Record<string, number | undefined>>,
  budgets: Readonly<Record<string, readonly HeldBudget[]>>,
  over: Partial<Snapshot> = {},
) {
  const state = snapshot({
    queues: [queue('root'), queue('leaf', { parent: 'root' })],
    budgets: () => new Map(Object.entries(budgets)),
    expectedMs: ({ key }) => (hours[key] ?? Number.POSITIVE_INFINITY) * HOUR,
    ...over,
  });
  const plan = runCycle(jobs(hours), state, NOON);
  return {
    admitted: plan.admitted.map((admit) => `${admit.workload.key}@${admit.cluster}`),
    pending: plan.pending.map(({ workload: { key }, reason }) => `${key} ${reason}`),
    message: plan.pending[0]?.message,
    plan,
  };
}

describe('a budget that holds', () => {
  it('admits what it has enough left for, beside what was used and what those that run will use', () => {
    expect(run({ a: 4 }, { leaf: [gpuHours(100, 28, 40)] }).admitted).toEqual(['a@guian']);
    const { admitted, pending, message } = run({ a: 4 }, { leaf: [gpuHours(100, 28, 40.5)] });
    expect(admitted).toEqual([]);
    expect(pending).toEqual(['a BudgetCommitted']);
    expect(message).toBe(
      'it is expected to use 32.0 GPU-hours before it ends or the day does, and 31.5 GPU-hours of the budget of queue leaf are left: of 100.0 GPU-hours for the day 28.0 GPU-hours are used, and 40.5 GPU-hours are what those that hold nodes are expected to use yet; it resets at 2026-01-15T16:00:00Z.',
    );
  });

  it('counts what it has just admitted, and lets a shorter one of the same kind pass', () => {
    const { admitted, pending } = run({ a: 4, b: 4, c: 2 }, { root: [gpuHours(50)] });
    expect(admitted).toEqual(['a@guian', 'c@guian']);
    expect(pending).toEqual(['b BudgetCommitted']);
  });

  it('counts to the end of its period only', () => {
    expect(run({ a: 1000 }, { leaf: [gpuHours(96)] }).admitted).toEqual(['a@guian']);
    expect(run({ a: 1000 }, { leaf: [gpuHours(95)] }).admitted).toEqual([]);
  });

  it('counts nothing beforehand of what has no known end, as long as anything is left', () => {
    expect(run({ a: undefined, b: undefined }, { leaf: [gpuHours(10, 9, 0)] }).admitted).toHaveLength(2);
    const { pending, message } = run({ a: undefined }, { leaf: [gpuHours(10, 6, 4)] });
    expect(pending).toEqual(['a BudgetCommitted']);
    expect(message).toMatch(/^0\.0 GPU-hours of the budget of queue leaf are left: /);
  });

  it('sends work where it is cheap enough', () => {
    const dear = cluster('aaa', { accelerators: [{ ...H100, gpuHourMicros: 40_000_000 }] });
    const money = held({ costMicros: 700_000_000, currency: 'CNY' });
    // 8 boards at 20 CNY, and 8.52 kW at 0.4 CNY: 163.4 CNY an hour.
    const { admitted, plan } = run({ a: 4 }, { leaf: [money] }, { clusters: [dear, cluster('guian')] });
    expect(admitted).toEqual(['a@guian']);
    expect(plan.admitted[0]?.decision.filtered).toMatchObject([{ cluster: 'aaa', reason: 'BudgetCommitted' }]);
  });

  it.each([
    ['kWh', held({ kWh: 34 }), held({ kWh: 35 })],
    ['carbonGrams', held({ carbonGrams: 17_039 }), held({ carbonGrams: 17_040 })],
    [
      'costMicros',
      held({ costMicros: 653_631_999, currency: 'CNY' }),
      held({ costMicros: 653_632_000, currency: 'CNY' }),
    ],
  ])('in %s counts boards with all that belongs to them', (_, less, enough) => {
    expect(run({ a: 4 }, { leaf: [less] }).admitted).toEqual([]);
    expect(run({ a: 4 }, { leaf: [enough] }).admitted).toEqual(['a@guian']);
  });

  it('pushes nobody out and keeps no nodes for what it does not allow', () => {
    const victim: Running = {
      ...(jobs({ old: 1 })[0] as Workload),
      ...{ cluster: 'guian', accelerator: 'H100', preemptible: true, ending: false, charges: [], priority: -1 },
      ...{ admittedAt: NOON - HOUR, lossSince: NOON - HOUR, endsAt: NOON + HOUR, nodes: ['gpu-0001'] },
      perPod: { gpuMilli: 8000, cpuMilli: 0, memoryMi: 0 },
    };
    const world = {
      clusters: [cluster('guian', { nodes: manyNodes(1, { gpusFree: 0 }) })],
      queues: [
        queue('leaf', {
          reserveAfterMs: 0,
          preemption: { withinQueue: 'LowerPriority' as const, reclaim: 'Never' as const, borrow: 'Never' as const },
        }),
      ],
      running: () => [victim],
    };
    expect(run({ a: 4 }, { leaf: [gpuHours(32)] }, world).plan.nominated).toHaveLength(1);
    const { plan } = run({ a: 4 }, { leaf: [gpuHours(31)] }, world);
    expect([plan.nominated, plan.reservations]).toEqual([[], []]);
  });

  it('is told by quotes, for the run time that they ask for', () => {
    const state = snapshot({ budgets: () => new Map([['q', [gpuHours(40)]]]) });
    const ask = (hours: number) => quote(workload('a'), { runtimeSeconds: hours * 3600, limits: {} }, state, NOON);
    expect(ask(5).offers).toHaveLength(1);
    const long = ask(6);
    expect(long.offers).toEqual([]);
    expect(long.shortfalls).toMatchObject([{ cluster: 'guian', reason: 'BudgetCommitted' }]);
  });
});

it('whatever is admitted, what was used and will be used stays within the budget', () => {
  const some = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 400 })), { maxLength: 20 });
  fc.assert(
    fc.property(some, fc.integer({ min: 1, max: 400 }), fc.nat(200), (list, limit, used) => {
      const waiting = list.map(([pods, minutes], i) => ({ minutes, job: workload(`w${i}`, { request: { pods } }) }));
      const minutesOf = (key: string): number => waiting.find(({ job }) => job.key === key)?.minutes ?? 0;
      const state = snapshot({
        clusters: [cluster('guian', { tariff: flat(0), nodes: manyNodes(20) })],
        budgets: () => new Map([['q', [gpuHours(limit, used)]]]),
        expectedMs: ({ key }) => minutesOf(key) * 60_000,
      });
      const plan = runCycle(
        waiting.map(({ job }) => job),
        state,
        NOON,
      );
      const hours = plan.admitted.reduce(
        (sum, { nodes, workload: { key } }) => sum + (nodes.length * 8 * minutesOf(key)) / 60,
        0,
      );
      if (plan.admitted.length > 0) expect(used + hours).toBeLessThanOrEqual(limit + 1e-6);
      for (const {
        reason,
        workload: { key, request },
      } of plan.pending) {
        if (reason !== 'BudgetCommitted') continue;
        expect(used + hours + (request.pods * 8 * minutesOf(key)) / 60).toBeGreaterThan(limit);
      }
    }),
  );
});

it('what is committed is the sum of each for itself', () => {
  /** Twice as dear in every second hour. */
  const source: UseSource = {
    share: () => ({ cluster: '', accelerator: '', gpus: 0, nodeShare: 0 }),
    use: ({ gpus, nodeShare, cluster: name }, from, to) => {
      let dear = 0;
      for (let at = from; at < to; ) {
        const end = Math.min(to, (Math.floor(at / HOUR) + 1) * HOUR);
        dear += (end - at) * (1 + (Math.floor(at / HOUR) % 2));
        at = end;
      }
      const seconds = (to - from) / 1000;
      return {
        gpuSeconds: gpus * seconds,
        facilityJoules: (gpus * 700 + nodeShare * 1500) * seconds,
        carbonGrams: gpus * seconds,
        costMicros: (gpus * dear) / 1000,
        currency: name === 'a' ? 'CNY' : 'USD',
      };
    },
  };
  const one = fc.record({
    share: fc.record({
      cluster: fc.constantFrom('a', 'b'),
      accelerator: fc.constantFrom('H100', 'A100'),
      gpus: fc.nat(64),
      nodeShare: fc.nat(8),
    }),
    untilMs: fc.integer({ min: NOON - HOUR, max: NOON + 20 * HOUR }),
  });
  fc.assert(
    fc.property(fc.array(one, { maxLength: 12 }), (list: Commitment[]) => {
      const all = committedUse(list, source, NOON, NOON + 12 * HOUR);
      const each = list.map(({ share, untilMs }) => ({ queue: '', share, fromMs: NOON, toMs: untilMs }));
      const naive = sumUse(each, source, NOON, NOON + 12 * HOUR);
      expect(all.gpuSeconds).toBeCloseTo(naive.gpuSeconds, 3);
      expect(all.facilityJoules).toBeCloseTo(naive.facilityJoules, 0);
      for (const currency of ['CNY', 'USD']) {
        expect(all.costMicros.get(currency) ?? 0).toBeCloseTo(naive.costMicros.get(currency) ?? 0, 2);
      }
    }),
  );
});
