import { describe, expect, it } from 'vitest';
import { backlog, type Known } from './backlog.ts';
import { runCycle } from './cycle.ts';
import type { Snapshot, Workload } from './model.ts';
import { cluster, manyNodes, NOON, queue, snapshot, workload } from './testing/build.ts';
import { compareWorkloads } from './turns.ts';

const keys = (list: readonly Workload[]): string[] => list.map(({ key }) => key);
const split = (list: readonly Workload[], { queues }: Snapshot, over: Partial<Known> = {}) => {
  const known = { isNominated: () => false, lastReason: () => undefined, ...over };
  const beyond = backlog(list, queues, known);
  const inOrder = [...list].sort(compareWorkloads);
  return { considered: inOrder.filter(({ key }) => !beyond.has(key)), beyond: [...beyond.values()] };
};
const tree = (root: object, a: object = {}) =>
  snapshot({
    queues: [queue('root', root), queue('a', { parent: 'root', ...a }), queue('b', { parent: 'root' })],
  });
const waiting = (key: string, over: Partial<Workload> = {}) => workload(key, { queue: 'a', ...over });

describe('the bound on those that wait', () => {
  it('takes all, in any order, where nothing is bounded or the bound is not passed', () => {
    const list = [waiting('y', { queuedAt: 2 }), waiting('x', { queuedAt: 1 })];
    expect(split(list, tree({}, {})).beyond).toEqual([]);
    expect(split(list, tree({ maxPending: 2 })).beyond).toEqual([]);
  });

  it('takes the first by priority and age, and tells the others the numbers', () => {
    const list = [
      waiting('old', { queuedAt: 1 }),
      waiting('young', { queuedAt: 3 }),
      waiting('urgent', { queuedAt: 9, priority: 5 }),
    ];
    const { considered, beyond } = split(list, tree({}, { maxPending: 2 }));
    expect(keys(considered)).toEqual(['urgent', 'old']);
    expect(beyond).toMatchObject([
      {
        workload: { key: 'young' },
        reason: 'BeyondMaxPending',
        message:
          '3 workloads wait in queue a, and its limits.maxPending is 2: it is considered when it is among the first 2 by priority and age.',
      },
    ]);
  });

  it('counts the whole subtree, and leaves other trees alone', () => {
    const state = tree({ maxPending: 2 });
    const list = [
      waiting('a1', { queuedAt: 1 }),
      waiting('b1', { queue: 'b', queuedAt: 2 }),
      waiting('a2', { queuedAt: 3 }),
      waiting('lost', { queue: 'nowhere', queuedAt: 4 }),
    ];
    const { considered, beyond } = split(list, state);
    expect(keys(considered)).toEqual(['a1', 'b1', 'lost']);
    expect(beyond[0]?.message).toMatch(/^3 workloads wait in queue root/);
  });

  it('one that is beyond the bound of its leaf takes no place above it', () => {
    const state = tree({ maxPending: 2 }, { maxPending: 1 });
    const list = [
      waiting('a1', { queuedAt: 1 }),
      waiting('a2', { queuedAt: 2 }),
      waiting('b1', { queue: 'b', queuedAt: 3 }),
    ];
    expect(keys(split(list, state).considered)).toEqual(['a1', 'b1']);
  });

  it('keeps whoever has a place being cleared, though others are more urgent', () => {
    const isNominated = (key: string) => key === 'young';
    const list = [waiting('urgent', { priority: 9 }), waiting('young', { queuedAt: 7 })];
    expect(keys(split(list, tree({}, { maxPending: 1 }), { isNominated }).considered)).toEqual(['young']);
  });

  it('gives no place to those that waiting does not help', () => {
    const lastReason = (key: string) => (key === 'giant' ? ('ExceedsEveryRegion' as const) : undefined);
    const list = [
      waiting('giant', { queuedAt: 1 }),
      waiting('small', { queuedAt: 2 }),
      waiting('next', { queuedAt: 3 }),
    ];
    const { considered, beyond } = split(list, tree({}, { maxPending: 1 }), { lastReason });
    expect(keys(considered)).toEqual(['giant', 'small']);
    expect(beyond[0]?.message).toMatch(/^2 workloads wait/);
  });

  it('lets those move up that were beyond it, until all had their turn', () => {
    const state = {
      ...tree({}, { maxPending: 2 }),
      clusters: [cluster('guian', { nodes: manyNodes(8) })],
    };
    let left: Workload[] = Array.from({ length: 5 }, (_, i) => waiting(`w${i}`, { queuedAt: i }));
    const batches: string[][] = [];
    while (left.length > 0) {
      const { considered, beyond } = split(left, state);
      const plan = runCycle(considered, state, NOON);
      batches.push(keys(plan.admitted.map((admit) => admit.workload)));
      left = [...plan.pending, ...beyond].map((one) => one.workload);
    }
    expect(batches).toEqual([['w0', 'w1'], ['w2', 'w3'], ['w4']]);
  });
});
