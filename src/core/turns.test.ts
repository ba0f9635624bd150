import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { QueueView, Workload } from './model.ts';
import { QuotaTree } from './quota.ts';
import { queue, workload } from './testing/build.ts';
import { compareWorkloads, Turns } from './turns.ts';

const quota = (boards: number) => [{ accelerator: '*', region: '*', nominal: boards * 1000 }];
const leaf = (name: string, boards: number, over: Partial<QueueView> = {}): QueueView =>
  queue(name, { parent: 'root', quota: quota(boards), ...over });
const root = queue('root', { quota: [] });

/** Takes turns; `fits` says what becomes of each, and what is admitted is counted. */
function order(queues: QueueView[], workloads: Workload[], fits = (_: Workload) => true): string[] {
  const tree = QuotaTree.build(queues);
  const turns = new Turns(workloads, tree);
  const taken: string[] = [];
  for (let next = turns.next(); next !== undefined; next = turns.next()) {
    const admitted = fits(next);
    taken.push(next.key);
    if (admitted) tree.add({ queue: next.queue, charges: tree.charges(next.queue, 'H100', '', 8000) ?? [] });
    taken.push(...turns.done(next, admitted).map(({ key }) => `${key} behind`));
  }
  return taken;
}

const many = (name: string, count: number, over: Partial<Workload> = {}) =>
  Array.from({ length: count }, (_, i) => workload(`${name}${i}`, { queue: name, queuedAt: i, ...over }));

describe('turns', () => {
  it('go by priority, then time, then key within a queue', () => {
    const [a, b, c] = [
      workload('c', { priority: 1, queuedAt: 5 }),
      workload('b', { priority: 0, queuedAt: 1 }),
      workload('a', { priority: 0, queuedAt: 1 }),
    ];
    expect(order([queue('q')], [b, c, a] as Workload[])).toEqual(['c', 'a', 'b']);
  });

  it('serve queues within their own quota before any that borrows, whatever the priority', () => {
    const rich = many('rich', 2, { priority: 100 });
    const poor = many('poor', 2);
    expect(order([root, leaf('rich', 8), leaf('poor', 16)], [...rich, ...poor])).toEqual([
      'rich0',
      'poor0',
      'poor1',
      'rich1',
    ]);
  });

  it('share what is idle by weight', () => {
    const queues = [queue('root', { quota: quota(72) }), leaf('one', 0), leaf('two', 0, { weight: 2 })];
    const first = order(queues, [...many('one', 9), ...many('two', 9)]).slice(0, 9);
    expect(first.filter((key) => key.startsWith('two'))).toHaveLength(6);
  });

  it('compare level by level: a subtree with many queues has no more turns than one with few', () => {
    const queues = [
      queue('root', { quota: quota(64) }),
      queue('big', { parent: 'root', quota: [] }),
      ...['a', 'b', 'c'].map((name) => queue(name, { parent: 'big', quota: [] })),
      leaf('lone', 0),
    ];
    const all = [...['a', 'b', 'c'].flatMap((name) => many(name, 4)), ...many('lone', 4)];
    const first = order(queues, all).slice(0, 8);
    expect(first.filter((key) => key.startsWith('lone'))).toHaveLength(4);
  });

  it('let others pass one that does not fit, except in a strict queue', () => {
    const fits = ({ key }: Workload) => key !== 'q0';
    expect(order([queue('q')], many('q', 3), fits)).toEqual(['q0', 'q1', 'q2']);
    expect(order([queue('q', { ordering: 'StrictFIFO' })], many('q', 3), fits)).toEqual([
      'q0',
      'q1 behind',
      'q2 behind',
    ]);
  });

  it('go by what a completion is estimated to cost where the queue says so, after priority', () => {
    const waiting = [
      workload('dear', { queuedAt: 0 }),
      workload('cheap', { queuedAt: 9 }),
      workload('first', { priority: 1 }),
    ];
    const costs = new Map([
      ['dear', 900],
      ['cheap', 10],
      ['first', 5000],
    ]);
    const inTurn = (ordering: NonNullable<QueueView['ordering']>) => {
      const turns = new Turns(waiting, QuotaTree.build([queue('q', { ordering })]), undefined, costs);
      const keys: string[] = [];
      for (let next = turns.next(); next !== undefined; next = turns.next()) {
        keys.push(next.key);
        turns.done(next, false);
      }
      return keys;
    };
    expect(inTurn('ShortestRemaining')).toEqual(['first', 'cheap', 'dear']);
    expect(inTurn('BestEffortFIFO')).toEqual(['first', 'dear', 'cheap']);
  });

  it('come to everybody once, also in queues that are no leaves, whatever the input order', () => {
    const queues = [root, leaf('x', 8), leaf('y', 16, { weight: 3 }), queue('lost', { parent: 'nobody' })];
    const any = fc.record({
      queue: fc.constantFrom('x', 'y', 'root', 'lost', 'absent'),
      priority: fc.integer({ min: -2, max: 2 }),
      queuedAt: fc.nat(3),
      fits: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 12 }), (made) => {
        const all = made.map(({ fits: _, ...over }, i) => workload(`w${i}`, over));
        const fits = ({ key }: Workload) => made[Number(key.slice(1))]?.fits === true;
        const once = order(queues, all, fits);
        expect([...once].sort()).toEqual(all.map(({ key }) => key).sort());
        expect(order(queues, [...all].reverse(), fits)).toEqual(once);
      }),
    );
  });

  it('are a total order', () => {
    const any = fc
      .tuple(fc.integer({ min: 0, max: 2 }), fc.nat(2), fc.constantFrom('a', 'b', 'c'))
      .map(([priority, queuedAt, key]) => workload(key, { priority, queuedAt }));
    fc.assert(
      fc.property(any, any, any, (a, b, c) => {
        expect(Math.sign(compareWorkloads(a, b)) + Math.sign(compareWorkloads(b, a))).toBe(0);
        if (compareWorkloads(a, b) <= 0 && compareWorkloads(b, c) <= 0)
          expect(compareWorkloads(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});
