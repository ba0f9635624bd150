import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runCycle } from './cycle.ts';
import type { Admit, Running, Workload } from './model.ts';
import { cluster, NOON, nodes, queue, snapshot, workload } from './testing/build.ts';

const NODES = 6;
const job = fc.record({
  pods: fc.integer({ min: 1, max: NODES }),
  minutes: fc.integer({ min: 1, max: 60 }),
  arrives: fc.integer({ min: 0, max: 120 }),
});
type Job = { pods: number; minutes: number; arrives: number };

/** Runs the jobs to the end, with all run times known. @returns when each started, and the first start each was promised */
function simulate(jobs: readonly Job[]) {
  const at = (minute: number): number => NOON + minute * 60_000;
  const started = new Map<string, number>();
  const promised = new Map<string, number>();
  const holds = new Map<string, { admit: Admit; end: number }>();
  const all = jobs.map((one, i) => ({
    ...one,
    workload: workload(`w${String(i).padStart(3, '0')}`, { queuedAt: at(one.arrives), request: { pods: one.pods } }),
  }));
  const minutesOf = ({ key }: Workload): number => all.find((one) => one.workload.key === key)?.minutes ?? 0;
  for (let minute = 0; started.size < jobs.length && minute < 10_000; minute += 1) {
    for (const [key, { end }] of holds) if (end <= minute) holds.delete(key);
    const taken = new Set([...holds.values()].flatMap(({ admit }) => admit.nodes));
    const table = Array.from({ length: NODES }, (_, i) => `n${i}`).map((name) => ({
      name,
      gpusFree: taken.has(name) ? 0 : 8,
    }));
    const running = [...holds.values()].map(
      ({ admit, end }): Running => ({
        ...admit.workload,
        ...{ cluster: 'guian', accelerator: 'H100', preemptible: false, ending: false, charges: [] },
        ...{ admittedAt: NOON, lossSince: NOON, endsAt: at(end), nodes: admit.nodes },
        perPod: { gpuMilli: 8000, cpuMilli: 0, memoryMi: 0 },
      }),
    );
    const waiting = all
      .filter((one) => one.arrives <= minute && !started.has(one.workload.key))
      .map((one) => one.workload);
    const plan = runCycle(
      waiting,
      snapshot({
        clusters: [cluster('guian', { nodes: nodes(table) })],
        queues: [queue('q', { reserveAfterMs: 0 })],
        running: () => running,
        runMs: (one) => minutesOf(one) * 60_000,
      }),
      at(minute),
    );
    for (const { workload: one, startsAt } of plan.reservations) {
      if (!promised.has(one.key)) promised.set(one.key, (startsAt - NOON) / 60_000);
    }
    for (const admit of plan.admitted) {
      const { key } = admit.workload;
      started.set(key, minute);
      holds.set(key, { admit, end: minute + minutesOf(admit.workload) });
    }
  }
  return { started, promised, count: jobs.length };
}

describe('reservations, where run times are known', () => {
  it('are kept: who was promised a start starts by then, and everything starts in the end', () => {
    fc.assert(
      fc.property(fc.array(job, { minLength: 1, maxLength: 14 }), (jobs) => {
        const { started, promised, count } = simulate(jobs);
        expect(started.size).toBe(count);
        for (const [key, by] of promised) expect(started.get(key)).toBeLessThanOrEqual(by);
      }),
      { numRuns: 150 },
    );
  });
});
