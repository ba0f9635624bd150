import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runCycle } from './cycle.ts';
import type { Admit, Running, Workload } from './model.ts';
import { A100, cluster, H100, NOON, nodes, queue, snapshot, workload } from './testing/build.ts';

const NODES = 6;
const TYPES = [H100, A100];

interface Job {
  readonly pods: number;
  readonly minutes: number;
  readonly arrives: number;
  readonly type: 0 | 1;
}

/** Of whole nodes; nothing else draws power in this centre. */
const wattsOf = ({ pods, type }: Pick<Job, 'pods' | 'type'>): number => pods * 8 * (TYPES[type]?.boardWatts ?? 0);

const jobs = (types: fc.Arbitrary<0 | 1>, most: number): fc.Arbitrary<Job[]> =>
  fc.array(
    fc.record({
      pods: fc.integer({ min: 1, max: most }),
      minutes: fc.integer({ min: 1, max: 60 }),
      arrives: fc.integer({ min: 0, max: 120 }),
      type: types,
    }),
    { minLength: 1, maxLength: 14 },
  );

/** What a centre has: the type of each node, and how much may be drawn. */
interface Centre {
  readonly types: readonly (0 | 1)[];
  readonly budgetWatts: number | undefined;
}

/** Runs the jobs to the end, with all run times known. @returns when each started, and by when those that came first were told to */
function simulate(all: readonly Job[], { types, budgetWatts }: Centre) {
  const at = (minute: number): number => NOON + minute * 60_000;
  const started = new Map<string, number>();
  const promised = new Map<string, number>();
  const holds = new Map<string, { admit: Admit; job: Job; end: number }>();
  const byKey = new Map(all.map((job, i) => [`w${String(i).padStart(3, '0')}`, job]));
  const asked = [...byKey].map(([key, { pods, arrives, type }]) =>
    workload(key, {
      queuedAt: at(arrives),
      request: { pods, accelerators: [{ type: TYPES[type]?.type ?? '', countPerNode: 8 }] },
    }),
  );
  const minutesOf = ({ key }: Workload): number => byKey.get(key)?.minutes ?? 0;
  let drawn = 0;
  for (let minute = 0; started.size < all.length && minute < 10_000; minute += 1) {
    for (const [key, { end }] of holds) if (end <= minute) holds.delete(key);
    const taken = new Set([...holds.values()].flatMap(({ admit }) => admit.nodes));
    const table = types.map((accelerator, i) => ({
      ...{ name: `n${i}`, accelerator, gpusFree: taken.has(`n${i}`) ? 0 : 8 },
    }));
    const boardWatts = [...holds.values()].reduce((sum, { job }) => sum + wattsOf(job), 0);
    drawn = Math.max(drawn, boardWatts);
    const running = [...holds.values()].map(
      ({ admit, end }): Running => ({
        ...admit.workload,
        ...{ cluster: 'guian', accelerator: admit.accelerator, preemptible: false, ending: false, charges: [] },
        ...{ admittedAt: NOON, lossSince: NOON, endsAt: at(end), nodes: admit.nodes },
        perPod: { gpuMilli: 8000, cpuMilli: 0, memoryMi: 0 },
      }),
    );
    const view = cluster('guian', {
      ...{ accelerators: TYPES, nodes: nodes(table), nodeOverheadWatts: 0, puePermille: 1000 },
      ...(budgetWatts === undefined ? {} : { power: { budgetWatts, reserved: { boardWatts, nodeShare: 0 } } }),
    });
    const plan = runCycle(
      asked.filter(({ key, queuedAt }) => queuedAt <= at(minute) && !started.has(key)),
      snapshot({
        clusters: [view],
        queues: [queue('q', { reserveAfterMs: 0 })],
        running: () => running,
        runMs: (one) => minutesOf(one) * 60_000,
      }),
      at(minute),
    );
    // Of several reservations only the first is a promise: what waits between the first and the second may go before it.
    const [first] = plan.reservations;
    if (first !== undefined && !promised.has(first.workload.key)) {
      promised.set(first.workload.key, (first.startsAt - NOON) / 60_000);
    }
    for (const admit of plan.admitted) {
      const { key } = admit.workload;
      started.set(key, minute);
      holds.set(key, { admit, job: byKey.get(key) as Job, end: minute + minutesOf(admit.workload) });
    }
  }
  return { started, promised, drawn };
}

function expectKept(all: readonly Job[], centre: Centre): void {
  const { started, promised, drawn } = simulate(all, centre);
  expect(started.size).toBe(all.length);
  expect(drawn).toBeLessThanOrEqual(centre.budgetWatts ?? Number.POSITIVE_INFINITY);
  for (const [key, by] of promised) expect(started.get(key)).toBeLessThanOrEqual(by);
}

describe('reservations, where run times are known', () => {
  const ONE_TYPE = Array.from({ length: NODES }, () => 0 as const);

  it('are kept: who was promised a start starts by then, and everything starts in the end', () => {
    fc.assert(
      fc.property(jobs(fc.constant(0), NODES), (all) => expectKept(all, { types: ONE_TYPE, budgetWatts: undefined })),
      { numRuns: 150 },
    );
  });

  it('are kept where power is what is short', () => {
    const cases = fc
      .integer({ min: 1, max: NODES })
      .chain((powered) => fc.tuple(fc.constant(powered), jobs(fc.constant(0), powered)));
    fc.assert(
      fc.property(cases, ([powered, all]) =>
        expectKept(all, { types: ONE_TYPE, budgetWatts: wattsOf({ pods: powered, type: 0 }) }),
      ),
      { numRuns: 150 },
    );
  });

  it('are kept against work on other accelerators, with which only the power is shared', () => {
    const types = ONE_TYPE.map((_, node) => (node % 2 === 0 ? 0 : 1));
    const enough = wattsOf({ pods: NODES / 2, type: 0 });
    const cases = fc.tuple(jobs(fc.constantFrom(0, 1), NODES / 2), fc.integer({ min: enough, max: 2 * enough }));
    fc.assert(
      fc.property(cases, ([all, budgetWatts]) => expectKept(all, { types, budgetWatts })),
      { numRuns: 150 },
    );
  });
});
