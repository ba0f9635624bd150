import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ComputeQueue, computeQueueSpec, computeQueueStatus } from '../api/index.ts';
import type { UseSource } from '../core/use.ts';
import { Store } from '../kube/store.ts';
import { FakeClock } from '../runtime/clock.ts';
import { withSums } from './budget-status.ts';
import { QueueBudgets } from './queue-budgets.ts';
import type { Holder } from './types.ts';

/** 08:00 in Shanghai. */
const MORNING = Date.parse('2026-01-15T00:00:00Z');
const HOUR = 3_600_000;
/** Each board of cluster `west` costs 20 CNY an hour, of `east` 3 USD. */
const source: UseSource = {
  share: ({ cluster, accelerator, nodes, perPod }) => {
    const gpus = (nodes.length * perPod.gpuMilli) / 1000;
    return { cluster, accelerator, gpus, nodeShare: gpus / 8 };
  },
  use: ({ cluster, gpus }, from, to) => ({
    gpuSeconds: (gpus * (to - from)) / 1000,
    facilityJoules: gpus * (to - from),
    carbonGrams: (gpus * (to - from)) / HOUR,
    costMicros: (gpus * (cluster === 'west' ? 20_000_000 : 3_000_000) * (to - from)) / HOUR,
    currency: cluster === 'west' ? 'CNY' : 'USD',
  }),
};

const holder = (key: string, queue: string, nodes: number, admittedAtMs: number, cluster = 'west'): Holder => ({
  key,
  kind: 'ModelTraining',
  uid: key,
  attempt: 1,
  run: `${key}/1`,
  namespace: 'team',
  name: key,
  cluster,
  queue,
  charges: [],
  accelerator: 'H100',
  priority: 0,
  preemptible: true,
  ending: false,
  admittedAtMs,
  lossSince: () => admittedAtMs,
  nodes: Array.from({ length: nodes }, (_, i) => `n${i}`),
  perPod: { cpuMilli: 0, memoryMi: 0, gpuMilli: 8000 },
});

/** Queues, and processes that all see who holds what; the first leads and writes. */
class World {
  readonly clock = new FakeClock(MORNING);
  readonly queues = new Store<ComputeQueue>();
  readonly holders = new Map<string, Holder>();
  /** When they are expected to end; of the others nobody can tell. */
  readonly ends = new Map<string, number>();
  readonly news: string[] = [];
  writes = 0;
  freed = 0;
  processes: QueueBudgets[] = [];
  #version = 1;

  constructor(specs: Record<string, object>, processes = 1) {
    for (const [name, spec] of Object.entries(specs)) this.put(name, spec);
    for (let i = 0; i < processes; i += 1) this.start();
  }

  get leader(): QueueBudgets {
    return this.processes[0] as QueueBudgets;
  }

  put(name: string, spec: object, status = this.queues.get(name)?.status): void {
    this.#version += 1;
    const metadata = { name, uid: name, resourceVersion: String(this.#version), generation: 1 };
    this.queues.apply({ metadata, spec: computeQueueSpec.parse(spec), ...(status === undefined ? {} : { status }) });
  }

  start(): void {
    const holders = () => this.holders.values();
    const onFreed = () => {
      this.freed += 1;
    };
    const { queues, clock } = this;
    const endsAt = (key: string): number => this.ends.get(key) ?? Number.POSITIVE_INFINITY;
    this.processes.push(new QueueBudgets({ queues, holders, use: source, onFreed, endsAt, clock }));
  }

  hold(one: Holder): void {
    this.holders.set(one.key, one);
  }

  release(key: string): void {
    const one = this.holders.get(key);
    if (one === undefined) return;
    for (const process of this.processes) process.released(one);
    this.holders.delete(key);
  }

  /** The leader brings the statuses up to date. */
  pass(): void {
    const looks = this.leader.look();
    for (const queue of [...this.queues.list()]) {
      const { name } = queue.metadata;
      const look = looks.get(name);
      const found = withSums(queue, { conditions: queue.status?.conditions ?? [] }, { look, fairShare: undefined });
      if (found.closes) this.leader.closing(name, look?.states ?? []);
      if (JSON.stringify(found.status) === JSON.stringify(queue.status)) continue;
      computeQueueStatus.parse(found.status);
      this.writes += 1;
      this.news.push(...found.news.map(({ reason }) => `${name} ${reason}`));
      this.put(name, queue.spec, found.status);
    }
  }

  budget(name: string, index = 0) {
    return this.queues.get(name)?.status?.budgets?.[index];
  }

  condition(name: string) {
    return this.queues.get(name)?.status?.conditions?.find(({ type }) => type === 'WithinBudget');
  }
}

const daily = (over: object = {}) => ({ period: 'Day', gpuHours: 100, action: 'Hold', ...over });
const tree = (budgets: object[], leaf: object[] = []) => ({
  centre: { budgets },
  chat: { parent: 'centre', budgets: leaf },
  weather: { parent: 'centre' },
});

describe('the budgets of queues', () => {
  it('are booked to the queue and those above it, and hold up the subtree of the one that is used up', () => {
    const world = new World(tree([daily({ gpuHours: 1000 })], [daily()]));
    world.pass();
    world.hold(holder('a', 'chat', 5, MORNING));
    world.hold(holder('b', 'weather', 5, MORNING));
    world.clock.tick(2 * HOUR);
    world.pass();
    expect(world.budget('chat')).toMatchObject({ used: 80 * 3600, state: 'NearlyUsed' });
    expect(world.budget('chat')?.exhaustion).toBe('2026-01-15T02:30:00Z');
    expect(world.budget('centre')).toMatchObject({ used: 160 * 3600, state: 'Within', limit: 3_600_000 });
    expect([...world.leader.holds()]).toEqual([]);
    world.clock.tick(HOUR / 2);
    world.pass();
    expect(world.budget('chat')).toMatchObject({ used: 100 * 3600, state: 'Exhausted' });
    expect(world.budget('chat')).not.toHaveProperty('exhaustion');
    expect([...world.leader.holds().keys()]).toEqual(['chat']);
    expect(world.condition('chat')).toMatchObject({ status: 'False', reason: 'BudgetExhausted' });
    expect(world.condition('chat')?.message).toContain('100.0 of 100.0 GPU-hours of the day are used');
    expect(world.condition('weather')).toBeUndefined();
    expect(world.news).toEqual(['chat BudgetNearlyUsed', 'chat BudgetExhausted']);
  });

  it('begin anew with the period: a hold ends by itself', () => {
    const world = new World(tree([], [daily({ gpuHours: 8 })]));
    world.pass();
    world.hold(holder('a', 'chat', 1, MORNING));
    world.clock.tick(HOUR);
    world.pass();
    expect(world.leader.holds().size).toBe(1);
    world.release('a');
    world.clock.tick(15 * HOUR - 1000);
    expect(world.leader.isResetDue()).toBe(false);
    world.clock.tick(1000);
    expect(world.leader.isResetDue()).toBe(true);
    expect(world.freed).toBe(0);
    expect(world.leader.holds().size).toBe(0);
    expect(world.freed).toBe(1);
    expect(world.leader.isResetDue()).toBe(false);
    world.pass();
    expect(world.budget('chat')).toMatchObject({ used: 0, periodStart: '2026-01-15T16:00:00Z' });
    expect(world.news.at(-1)).toBe('chat BudgetReset');
  });

  it('tell what those that hold nodes are expected to use yet, each to its end or that of the period', () => {
    const world = new World(
      tree([daily({ gpuHours: 1000 }), daily({ kWh: 5, gpuHours: undefined, action: 'Warn' })], [daily()]),
    );
    world.pass();
    world.hold(holder('two hours', 'chat', 1, MORNING));
    world.hold(holder('for days', 'weather', 1, MORNING));
    world.hold(holder('nobody knows', 'chat', 1, MORNING));
    world.hold({ ...holder('ending', 'chat', 1, MORNING), ending: true });
    world.ends
      .set('two hours', MORNING + 2 * HOUR)
      .set('for days', MORNING + 99 * HOUR)
      .set('ending', MORNING + 9 * HOUR);
    const committed = () =>
      [...world.leader.held()].map(([name, budgets]) => [name, ...budgets.map((one) => one.committed / 3600)]);
    // The day has sixteen hours left.
    expect(committed()).toEqual([
      ['centre', 16 + 128],
      ['chat', 16],
    ]);
    // What is admitted counts at once; what ends sooner gives back.
    world.ends.set('new', MORNING + HOUR);
    world.hold(holder('new', 'chat', 2, MORNING));
    world.release('for days');
    expect(committed()).toEqual([
      ['centre', 32],
      ['chat', 32],
    ]);
    world.clock.tick(HOUR);
    expect(committed()).toEqual([
      ['centre', 8],
      ['chat', 8],
    ]);
    // It is late: it goes on for as long as is expected now.
    world.clock.tick(HOUR);
    world.ends.set('two hours', MORNING + 3 * HOUR);
    expect(committed()).toEqual([
      ['centre', 8],
      ['chat', 8],
    ]);
  });

  it('only warn where that is asked for', () => {
    const world = new World(tree([], [daily({ gpuHours: 1, action: 'Warn' })]));
    world.pass();
    world.hold(holder('a', 'chat', 1, MORNING));
    world.clock.tick(HOUR);
    world.pass();
    expect(world.condition('chat')?.status).toBe('False');
    expect(world.leader.holds().size).toBe(0);
  });

  it('in one currency do not count another, and say so', () => {
    const world = new World(tree([{ period: 'Month', costMicros: 1_000_000_000, currency: 'CNY' }]));
    world.pass();
    world.hold(holder('a', 'chat', 1, MORNING));
    world.hold(holder('b', 'chat', 1, MORNING, 'east'));
    world.clock.tick(HOUR);
    world.pass();
    expect(world.budget('centre')?.used).toBe(160_000_000);
    expect(world.condition('centre')).toMatchObject({ status: 'Unknown', reason: 'OtherCurrency' });
    expect(world.condition('centre')?.message).toContain('add a budget in that currency');
  });

  it('say that a time zone does not exist', () => {
    const world = new World(tree([daily({ timezone: 'Asia/Atlantis' })]));
    world.pass();
    expect(world.condition('centre')).toMatchObject({ status: 'Unknown', reason: 'UnknownTimeZone' });
  });

  it('are taken out of status when they are taken out of spec', () => {
    const world = new World(tree([daily()]));
    world.pass();
    world.put('centre', {});
    world.pass();
    expect(world.queues.get('centre')?.status).toEqual({ conditions: [] });
  });

  it('are written every five minutes while something runs, and not at all while nothing does', () => {
    const world = new World(tree([daily()]));
    world.pass();
    world.hold(holder('a', 'chat', 1, MORNING));
    const before = world.writes;
    for (let second = 0; second < 1800; second += 10) {
      world.clock.tick(10_000);
      world.pass();
    }
    expect(world.writes - before).toBe(6);
    world.clock.tick(10_000);
    world.release('a');
    for (let second = 0; second < 1800; second += 10) {
      world.clock.tick(10_000);
      world.pass();
    }
    expect(world.writes - before).toBe(7);
  });
});

type Step =
  | { readonly do: 'hold'; readonly nodes: number; readonly queue: string }
  | { readonly do: 'release'; readonly which: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'pass' | 'takeover' | 'restart' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('hold' as const),
    nodes: fc.integer({ min: 1, max: 64 }),
    queue: fc.constantFrom('chat', 'weather'),
  }),
  fc.record({ do: fc.constant('release' as const), which: fc.nat(20) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 2_000_000 }) }),
  fc.record({ do: fc.constantFrom('pass' as const, 'pass' as const, 'takeover' as const, 'restart' as const) }),
);

describe('what is booked', () => {
  it('is what was held, to the second, however often sums are closed, leaders change and processes start anew', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const world = new World(tree([daily({ period: 'Year', gpuHours: 1_000_000 })], [daily()]), 2);
        world.pass();
        const periods: { queue: string; gpus: number; from: number; to: number }[] = [];
        const since = new Map<string, (typeof periods)[number]>();
        let serial = 0;
        let rounded = 0;
        for (const one of steps) {
          const now = world.clock.now();
          if (one.do === 'hold') {
            serial += 1;
            // As status keeps it: whole seconds.
            const from = Math.floor(now / 1000) * 1000;
            const key = `w${serial}`;
            world.hold(holder(key, one.queue, one.nodes, from));
            const period = { queue: one.queue, gpus: one.nodes * 8, from, to: Number.POSITIVE_INFINITY };
            periods.push(period);
            since.set(key, period);
          } else if (one.do === 'release') {
            const key = [...world.holders.keys()][one.which];
            if (key === undefined) continue;
            world.release(key);
            (since.get(key) as (typeof periods)[number]).to = now;
          } else if (one.do === 'wait') world.clock.tick(one.ms);
          else if (one.do === 'pass') world.pass();
          else {
            rounded += 1;
            if (one.do === 'takeover') world.processes.reverse();
            else {
              // What was given back is in the sums: with it they were written.
              world.clock.tick(1000);
              world.pass();
              world.processes = [];
              world.start();
              world.start();
            }
          }
        }
        const now = Math.floor(world.clock.now() / 1000) * 1000;
        const held = (queues: readonly string[], from: number): number =>
          periods
            .filter(({ queue }) => queues.includes(queue))
            .reduce(
              (sum, { gpus, ...p }) => sum + (gpus * Math.max(0, Math.min(now, p.to) - Math.max(p.from, from))) / 1000,
              0,
            );
        const looks = world.leader.look();
        const [year] = looks.get('centre')?.states ?? [];
        const [day] = looks.get('chat')?.states ?? [];
        const error = (used: number | undefined, expected: number): number => Math.abs((used ?? Number.NaN) - expected);
        expect(error(year?.used, held(['chat', 'weather'], MORNING))).toBeLessThanOrEqual(rounded + 1e-3);
        expect(error(day?.used, held(['chat'], Math.max(MORNING, day?.periodStartMs ?? 0)))).toBeLessThanOrEqual(
          rounded + 1e-3,
        );
      }),
      { numRuns: 150 },
    );
  });
});
