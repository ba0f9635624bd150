import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drain } from './drain.ts';
import type { Running } from './model.ts';
import { Room } from './room.ts';
import { NOON, queue, snapshot } from './testing/build.ts';

const quota = (boards: number) => [{ accelerator: '*', region: '*', nominal: boards * 1000 }];
const run = (key: string, boards: number, over: Partial<Running> = {}): Running => ({
  ...{ key, namespace: 'ns', name: key, kind: 'ModelTraining', queue: 'a', cluster: 'guian', accelerator: 'H100' },
  ...{ priority: 0, preemptible: true, ending: false, admittedAt: 0, lossSince: NOON, nodes: [] },
  charges: [{ accelerator: '*', region: '*', milliGpus: boards * 1000 }],
  perPod: { gpuMilli: 0, cpuMilli: 0, memoryMi: 0 },
  ...over,
});
const roomOf = (runs: readonly Running[], boards: number): Room =>
  new Room(
    snapshot({
      queues: [
        queue('root', { quota: quota(boards) }),
        queue('a', { parent: 'root', quota: [] }),
        queue('b', { parent: 'root', quota: [] }),
      ],
      quotaUse: runs.map(({ queue: of, charges }) => ({ queue: of, charges })),
      running: () => runs,
    }),
    NOON,
  );
const stopped = (runs: readonly Running[], boards: number): string[] => {
  const room = roomOf(runs, boards);
  return room.quota
    .excess()
    .flatMap((excess) => drain(excess, room).map(({ key }) => key))
    .sort();
};

describe('a quota that was lowered', () => {
  it('takes nothing while use is within it', () => {
    expect(stopped([run('x', 8)], 8)).toEqual([]);
  });

  it('takes the lowest priority first, and no more than is needed', () => {
    const runs = [run('low', 2, { priority: 0 }), run('big', 8, { priority: 1 }), run('high', 8, { priority: 9 })];
    expect(stopped(runs, 16)).toEqual(['low']);
    expect(stopped(runs, 10)).toEqual(['big']);
  });

  it('counts on what is ending already, and spares what may not be stopped', () => {
    expect(stopped([run('gone', 8, { ending: true }), run('stay', 8)], 8)).toEqual([]);
    expect(stopped([run('fixed', 8, { preemptible: false })], 0)).toEqual([]);
  });

  it('comes to within the quota where enough may be stopped, and each that is stopped is needed', () => {
    const any = fc.record({
      boards: fc.integer({ min: 1, max: 8 }),
      priority: fc.nat(2),
      queue: fc.constantFrom('a', 'b'),
    });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 8 }), fc.nat(30), (made, boards) => {
        const runs = made.map(({ boards: held, ...over }, i) => run(`r${i}`, held, over));
        const gone = new Set(stopped(runs, boards));
        const used = (but: (key: string) => boolean) =>
          made.reduce((sum, { boards: held }, i) => sum + (but(`r${i}`) ? 0 : held), 0);
        expect(used((key) => gone.has(key))).toBeLessThanOrEqual(boards);
        for (const key of gone) expect(used((other) => gone.has(other) && other !== key)).toBeGreaterThan(boards);
      }),
    );
  });
});
