import { describe, expect, it } from 'vitest';
import type { QueueView, QuotaRowView } from './model.ts';
import type { QuotaCheck } from './quota.ts';
import { QuotaTree } from './quota.ts';
import { queue } from './testing/build.ts';

const row = (nominal: number, over: Partial<QuotaRowView> = {}): QuotaRowView => ({
  accelerator: 'H100',
  region: '*',
  nominal: nominal * 1000,
  ...over,
});
const leaf = (name: string, parent: string | undefined, ...quota: QuotaRowView[]): QueueView =>
  queue(name, { quota, ...(parent === undefined ? {} : { parent }) });
const charge = (boards: number, accelerator = 'H100', region = '*') => ({
  accelerator,
  region,
  milliGpus: boards * 1000,
});
const use = (name: string, boards: number) => ({ queue: name, charges: [charge(boards)] });
const fits = (tree: QuotaTree, name: string, boards: number): boolean => tree.check(name, [charge(boards)]).ok;
const most = (tree: QuotaTree, name: string): number => {
  let boards = 0;
  while (fits(tree, name, boards + 1)) boards += 1;
  return boards;
};

describe('a queue without parent', () => {
  it('has its nominal quota as a cap', () => {
    const tree = QuotaTree.build([leaf('a', undefined, row(64, { borrowingLimit: 10_000, lendingLimit: 0 }))]);
    expect(most(tree, 'a')).toBe(64);
    tree.add(use('a', 60));
    expect(most(tree, 'a')).toBe(4);
    expect(tree.check('a', [charge(16)])).toEqual({
      ok: false,
      exceedsMax: false,
      key: { accelerator: 'H100', region: '*' },
      neededMilli: 16_000,
      availableMilli: 4000,
      maxMilli: 64_000,
      at: 'a',
    });
    expect(tree.check('a', [charge(65)])).toMatchObject({ ok: false, exceedsMax: true });
  });

  it('says what is short in a sentence', () => {
    const tree = QuotaTree.build([leaf('a', undefined, row(64))]);
    tree.add(use('a', 60));
    const said = (boards: number) => tree.explain('a', tree.check('a', [charge(boards)]) as QuotaCheck & { ok: false });
    expect(said(16)).toBe('needs 16 x H100, 4 of 64 free in queue a (nominal 64, used 60)');
    expect(said(128)).toBe('needs 128 x H100, more than the 64 that queue a can ever have (nominal 64 in queue a)');
  });

  it('counts what is admitted when quota shrank below it', () => {
    const tree = QuotaTree.build([leaf('a', undefined, row(8))]);
    tree.add(use('a', 16));
    expect(tree.usage('a')).toEqual([
      { accelerator: 'H100', region: '*', nominalMilli: 8000, usedMilli: 16_000, borrowedMilli: 8000 },
    ]);
    expect(tree.check('a', [charge(1)])).toMatchObject({ ok: false, availableMilli: 0, exceedsMax: false });
    tree.remove(use('a', 16));
    expect(most(tree, 'a')).toBe(8);
  });
});

describe('a tree of queues', () => {
  it('lets a queue borrow what its siblings leave idle', () => {
    const tree = QuotaTree.build([leaf('org', undefined), leaf('a', 'org', row(8)), leaf('b', 'org', row(8))]);
    expect(most(tree, 'a')).toBe(16);
    tree.add(use('b', 6));
    expect(most(tree, 'a')).toBe(10);
    tree.add(use('a', 10));
    expect(most(tree, 'b')).toBe(0);
    expect(tree.usage('a')[0]).toMatchObject({ borrowedMilli: 2000 });
    expect(tree.usage('org')[0]).toMatchObject({ nominalMilli: 16_000, usedMilli: 16_000, borrowedMilli: 0 });
  });

  it('leaves a queue what it does not lend, also where the rest of the tree uses more than it may', () => {
    const tree = QuotaTree.build([
      leaf('org', undefined, row(0)),
      leaf('a', 'org', row(8, { lendingLimit: 2000 })),
      leaf('b', 'org', row(0)),
    ]);
    tree.add(use('b', 16));
    expect(tree.excess()[0]).toMatchObject({ queue: 'org', milliGpus: 14_000 });
    expect(most(tree, 'a')).toBe(6);
    tree.add(use('a', 6));
    expect(tree.excess()[0]).toMatchObject({ queue: 'org', milliGpus: 14_000 });
    expect(most(tree, 'a')).toBe(0);
  });

  it('binds borrowing by the borrower’s limit and lending by the lender’s', () => {
    const tree = QuotaTree.build([
      leaf('org', undefined),
      leaf('a', 'org', row(8, { borrowingLimit: 2000 })),
      leaf('b', 'org', row(8, { lendingLimit: 1000 })),
      leaf('c', 'org', row(0)),
    ]);
    expect(most(tree, 'a')).toBe(9);
    expect(most(tree, 'c')).toBe(9);
    expect(tree.check('a', [charge(10)])).toMatchObject({ exceedsMax: true, maxMilli: 9000 });
    expect(most(tree, 'b')).toBe(16);
    const wide = QuotaTree.build([
      leaf('org', undefined),
      leaf('a', 'org', row(8, { borrowingLimit: 2000 })),
      leaf('b', 'org', row(8)),
    ]);
    expect(most(wide, 'a')).toBe(10);
    wide.add(use('a', 10));
    const short = wide.check('a', [charge(1)]) as QuotaCheck & { ok: false };
    expect(wide.explain('a', short)).toBe('needs 1 x H100, 0 of 10 free in queue a (nominal 8, may borrow 2, used 10)');
  });

  it('binds the whole subtree by the limits of an inner queue', () => {
    const tree = QuotaTree.build([
      leaf('org', undefined, row(16)),
      leaf('team', 'org', row(0, { borrowingLimit: 4000 })),
      leaf('a', 'team', row(2)),
      leaf('b', 'team', row(2)),
    ]);
    expect(most(tree, 'a')).toBe(8);
    tree.add(use('b', 5));
    expect(most(tree, 'a')).toBe(3);
    const short = tree.check('a', [charge(4)]) as QuotaCheck & { ok: false };
    expect(short).toMatchObject({ at: 'team', availableMilli: 3000 });
    expect(tree.explain('a', short)).toBe(
      'needs 4 x H100, 3 free for queue a: limited by queue team (nominal 4, may borrow 4, used 5)',
    );
  });

  it('charges every key on the path that matches, and each must pass', () => {
    const tree = QuotaTree.build([
      leaf('org', undefined, row(100, { accelerator: '*' }), row(4, { region: 'guian' })),
      leaf('a', 'org', row(50)),
    ]);
    const charges = tree.charges('a', 'H100', 'guian', 8000);
    expect(charges).toEqual([charge(8, 'H100', 'guian'), charge(8), charge(8, '*')]);
    expect(tree.check('a', charges ?? [])).toMatchObject({
      exceedsMax: true,
      key: { accelerator: 'H100', region: 'guian' },
    });
    expect(tree.check('a', tree.charges('a', 'H100', 'zhongwei', 50_000) ?? [])).toEqual({ ok: true });
    expect(tree.charges('a', 'A100', 'guian', 8000)).toEqual([charge(8, '*')]);
  });

  it('refuses a device that no row on the path covers, and asks nothing for CPU only', () => {
    const tree = QuotaTree.build([
      leaf('org', undefined),
      leaf('a', 'org', row(8)),
      leaf('b', 'org', row(8, { accelerator: 'A100' })),
    ]);
    expect(tree.charges('a', 'A100', 'guian', 8000)).toBeUndefined();
    expect(tree.charges('a', '', 'guian', 0)).toEqual([]);
  });

  it('knows leaves, subtrees and who holds', () => {
    const tree = QuotaTree.build([
      queue('org', { stopPolicy: 'HoldAndDrain' }),
      queue('team', { parent: 'org', stopPolicy: 'Hold' }),
      queue('a', { parent: 'team' }),
      queue('b', { parent: 'org' }),
      queue('x'),
    ]);
    expect(['org', 'team', 'a', 'b'].map((name) => tree.isLeaf(name))).toEqual([false, false, true, true]);
    expect(tree.subtree('org')).toEqual(['b', 'a']);
    expect(tree.subtree('a')).toEqual(['a']);
    expect(tree.heldBy('a')).toBe('team');
    expect(tree.heldBy('b')).toBe('org');
    expect(tree.heldBy('x')).toBeUndefined();
    expect(tree.has('nowhere')).toBe(false);
  });
});

describe('the present share of a queue', () => {
  const tree = QuotaTree.build([
    leaf('root', undefined),
    leaf('a', 'root', row(4)),
    { ...leaf('b', 'root', row(12)), weight: 2 },
  ]);

  it('is what it uses above its own, of what the tree can lend, by weight', () => {
    tree.add(use('a', 3));
    expect([tree.presentShare('a'), tree.presentShare('b')]).toEqual([0, 0]);
    tree.add(use('a', 5));
    expect(tree.presentShare('a')).toBe(4 / 16);
    tree.add(use('b', 20));
    expect(tree.presentShare('b')).toBe(8 / 16 / 2);
  });

  it('is not there of a root, or of a queue that there is not', () => {
    expect([tree.presentShare('root'), tree.presentShare('nobody')]).toEqual([undefined, undefined]);
  });
});

describe('queues that form no tree', () => {
  const tree = QuotaTree.build([
    queue('a', { parent: 'c' }),
    queue('b', { parent: 'a' }),
    queue('c', { parent: 'b' }),
    queue('hanger', { parent: 'c' }),
    queue('self', { parent: 'self' }),
    queue('orphan', { parent: 'nowhere' }),
    queue('grandchild', { parent: 'orphan' }),
    leaf('good', undefined, row(4)),
  ]);

  it('are reported, each with a sentence', () => {
    expect([...tree.problems].map(([name, { reason }]) => [name, reason])).toEqual([
      ['a', 'CycleInTree'],
      ['b', 'CycleInTree'],
      ['c', 'CycleInTree'],
      ['grandchild', 'ParentNotFound'],
      ['hanger', 'CycleInTree'],
      ['orphan', 'ParentNotFound'],
      ['self', 'CycleInTree'],
    ]);
    expect(tree.problems.get('b')?.message).toContain('(a -> c -> b -> a)');
    expect(tree.problems.get('hanger')?.message).toContain('its ancestors form a circle');
    expect(tree.problems.get('grandchild')?.message).toContain('queue nowhere, does not exist');
  });

  it('leave the rest working', () => {
    expect(most(tree, 'good')).toBe(4);
    tree.add(use('a', 1));
    tree.remove(use('a', 1));
    expect(tree.usage('a')).toEqual([]);
    expect(tree.check('a', [charge(1)])).toMatchObject({ ok: false });
    expect(tree.charges('a', 'H100', 'guian', 1000)).toBeUndefined();
  });

  it('never make it throw, whatever the numbers', () => {
    const odd = QuotaTree.build([leaf('a', undefined, row(Number.NaN), row(-5, { accelerator: '*' }))]);
    odd.add({ queue: 'a', charges: [{ accelerator: 'new', region: 'r', milliGpus: Number.NaN }] });
    expect(most(odd, 'a')).toBe(0);
  });
});
