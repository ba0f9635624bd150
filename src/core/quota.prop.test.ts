import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { QueueView, QuotaUse } from './model.ts';
import { QuotaTree } from './quota.ts';

const limit = fc.option(
  fc.nat(12).map((boards) => boards * 1000),
  { nil: undefined },
);
const rowOf = (accelerator: string) =>
  fc
    .record({ nominal: fc.nat(12).map((boards) => boards * 1000), borrowingLimit: limit, lendingLimit: limit })
    .map(({ nominal, borrowingLimit, lendingLimit }) => ({
      accelerator,
      region: '*',
      nominal,
      ...(borrowingLimit === undefined ? {} : { borrowingLimit }),
      ...(lendingLimit === undefined ? {} : { lendingLimit }),
    }));

/** A sound forest: each queue's parent stands before it. */
const forest: fc.Arbitrary<QueueView[]> = fc
  .array(
    fc.record({
      parent: fc.option(fc.nat(), { nil: undefined }),
      rows: fc.tuple(fc.option(rowOf('H100')), fc.option(rowOf('*'))),
    }),
    { minLength: 1, maxLength: 10 },
  )
  .map((list) =>
    list.map(({ parent, rows }, i) => ({
      name: `q${i}`,
      ...(parent === undefined || i === 0 ? {} : { parent: `q${parent % i}` }),
      quota: rows.flatMap((row) => row ?? []),
      stopPolicy: 'None' as const,
    })),
  );

const asks = fc.array(fc.record({ queue: fc.nat(), boards: fc.integer({ min: 1, max: 12 }), leaves: fc.boolean() }), {
  maxLength: 25,
});

/** The same definitions once more, from scratch and by recursion, over what is used now. */
class Oracle {
  readonly #queues: readonly QueueView[];
  readonly #uses: readonly QuotaUse[];
  readonly #key: string;

  constructor(queues: readonly QueueView[], uses: readonly QuotaUse[], key: string) {
    this.#queues = queues;
    this.#uses = uses;
    this.#key = key;
  }

  queue = (name: string): QueueView => this.#queues.find((queue) => queue.name === name) as QueueView;
  children = (name: string): QueueView[] => this.#queues.filter((queue) => queue.parent === name);
  row = (name: string) => this.queue(name).quota.find((row) => row.accelerator === this.#key);
  borrowing = (name: string): number => this.row(name)?.borrowingLimit ?? Number.POSITIVE_INFINITY;

  subtree(name: string): number {
    const lent = this.children(name).map((child) => this.subtree(child.name) - this.guaranteed(child.name));
    return (this.row(name)?.nominal ?? 0) + lent.reduce((a, b) => a + b, 0);
  }

  guaranteed(name: string): number {
    const lending = this.row(name)?.lendingLimit;
    if (lending === undefined || this.queue(name).parent === undefined) return 0;
    return Math.max(0, this.subtree(name) - lending);
  }

  usage(name: string): number {
    const own = this.#uses
      .filter((use) => use.queue === name)
      .flatMap((use) => use.charges)
      .filter((charge) => charge.accelerator === this.#key)
      .reduce((sum, charge) => sum + charge.milliGpus, 0);
    const above = this.children(name).map((child) => Math.max(0, this.usage(child.name) - this.guaranteed(child.name)));
    return own + above.reduce((a, b) => a + b, 0);
  }

  available(name: string): number {
    const { parent } = this.queue(name);
    if (parent === undefined) return this.subtree(name) - this.usage(name);
    const [guaranteed, used] = [this.guaranteed(name), this.usage(name)];
    const stored = this.subtree(name) - guaranteed - Math.max(0, used - guaranteed);
    const above = Math.min(this.available(parent), stored + this.borrowing(name));
    return used < guaranteed ? guaranteed - used + Math.max(0, above) : above;
  }
}

/** Admits what passes; returns what was admitted. */
function fill(
  tree: QuotaTree,
  queues: readonly QueueView[],
  list: readonly { queue: number; boards: number }[],
): QuotaUse[] {
  const leaves = queues.filter((queue) => tree.isLeaf(queue.name));
  const uses: QuotaUse[] = [];
  for (const { queue, boards } of list) {
    const name = leaves[queue % leaves.length]?.name ?? '';
    const charges = tree.charges(name, 'H100', 'guian', boards * 1000);
    if (charges === undefined || !tree.check(name, charges).ok) continue;
    uses.push({ queue: name, charges });
    tree.add({ queue: name, charges });
  }
  return uses;
}

describe('quota of any tree', () => {
  it('has what a naive recursion says is available', () => {
    fc.assert(
      fc.property(forest, asks, (queues, list) => {
        const tree = QuotaTree.build(queues);
        const uses = fill(tree, queues, list);
        for (const key of ['H100', '*']) {
          const oracle = new Oracle(queues, uses, key);
          for (const { name } of queues.filter((queue) => tree.isLeaf(queue.name))) {
            if (!tree.charges(name, 'H100', 'guian', 1000)?.some((charge) => charge.accelerator === key)) continue;
            const answer = tree.check(name, [{ accelerator: key, region: '*', milliGpus: 1_000_000 }]);
            expect(answer).toMatchObject({ ok: false, availableMilli: Math.max(0, oracle.available(name)) });
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is never exceeded, nor borrowed or lent above a limit, at any queue', () => {
    fc.assert(
      fc.property(forest, asks, (queues, list) => {
        const tree = QuotaTree.build(queues);
        const uses = fill(tree, queues, list);
        for (const key of ['H100', '*']) {
          const oracle = new Oracle(queues, uses, key);
          for (const { name, parent } of queues) {
            const over = oracle.usage(name) - oracle.subtree(name);
            expect(over).toBeLessThanOrEqual(parent === undefined ? 0 : oracle.borrowing(name));
            const row = tree.usage(name).find((entry) => entry.accelerator === key);
            expect(row?.borrowedMilli ?? 0).toBe(Math.max(0, over));
            // What is not lent stays the queue's own: the others never hold it.
            const own = oracle.guaranteed(name) - oracle.usage(name);
            if (own <= 0 || !tree.isLeaf(name)) continue;
            expect(tree.check(name, [{ accelerator: key, region: '*', milliGpus: own }])).toEqual({ ok: true });
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is as before after adding and removing, in any order and also above the limits', () => {
    fc.assert(
      fc.property(forest, asks, asks, fc.nat(), (queues, before, list, shift) => {
        const tree = QuotaTree.build(queues);
        fill(tree, queues, before);
        const state = () =>
          queues.map(({ name }) => [
            tree.usage(name),
            tree.check(name, [{ accelerator: 'H100', region: '*', milliGpus: 5000 }]),
          ]);
        const old = JSON.stringify(state());
        const uses = list.map(({ queue, boards }) => ({
          queue: queues[queue % queues.length]?.name ?? '',
          charges: [{ accelerator: 'H100', region: '*', milliGpus: boards * 1000 }],
        }));
        for (const use of uses) tree.add(use);
        const turned = [...uses.slice(shift % (uses.length + 1)), ...uses.slice(0, shift % (uses.length + 1))];
        for (const use of turned) tree.remove(use);
        expect(JSON.stringify(state())).toBe(old);
      }),
      { numRuns: 300 },
    );
  });

  it('does not depend on the order of the queues, and never throws', () => {
    const wild = fc.array(
      fc.record({
        name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
        parent: fc.option(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { nil: undefined }),
      }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(wild, (list) => {
        const queues = [...new Map(list.map((entry) => [entry.name, entry])).values()].map(({ name, parent }) => ({
          name,
          ...(parent === undefined ? {} : { parent }),
          quota: [{ accelerator: '*', region: '*', nominal: 1000 }],
          stopPolicy: 'None' as const,
        }));
        const one = QuotaTree.build(queues);
        const other = QuotaTree.build([...queues].reverse());
        expect([...other.problems]).toEqual([...one.problems]);
        for (const { name } of queues) {
          expect(other.usage(name)).toEqual(one.usage(name));
          expect(other.subtree(name)).toEqual(one.subtree(name));
          expect(one.has(name)).toBe(true);
        }
      }),
    );
  });
});
