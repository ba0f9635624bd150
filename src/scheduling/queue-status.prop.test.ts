import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { QuotaUse, Workload } from '../core/model.ts';
import { queue, workload } from '../core/testing/build.ts';
import { compareWorkloads } from '../core/turns.ts';
import { FirstInOrder } from './queue-order.ts';
import { queueReports } from './queue-status.ts';

const NAMES = ['q0', 'q1', 'q2', 'q3', 'q4'];

/** Any graph of parents: trees, circles, missing parents. */
const queues = fc
  .array(fc.option(fc.constantFrom(...NAMES, 'nowhere'), { nil: undefined }), { minLength: 5, maxLength: 5 })
  .map((parents) =>
    NAMES.map((name, i) => {
      const parent = parents[i];
      return queue(name, parent === undefined || parent === name ? {} : { parent });
    }),
  );

const pending = fc
  .array(
    fc.record({ queue: fc.constantFrom(...NAMES), priority: fc.integer({ min: -3, max: 3 }), queuedAt: fc.nat(5) }),
    { maxLength: 40 },
  )
  .map((list) => list.map((over, i) => workload(`k${i}`, { ...over, classKey: 'c' })));

const holders = fc.array(
  fc.record({ queue: fc.constantFrom(...NAMES), boards: fc.integer({ min: 1, max: 16 }) }).map(
    ({ queue: leaf, boards }): QuotaUse => ({
      queue: leaf,
      charges: [{ accelerator: '*', region: '*', milliGpus: boards * 1000 }],
    }),
  ),
  { maxLength: 20 },
);

const reports = (views: ReturnType<typeof queue>[], held: QuotaUse[], waiting: Workload[]) =>
  queueReports({
    queues: views,
    holders: held,
    pending: waiting,
    reason: ({ priority }) => (priority > 0 ? 'QuotaExceeded' : undefined),
  });

describe('the statuses of all queues', () => {
  it('give places that are a permutation of who waits, by priority, then time, then key', () => {
    fc.assert(
      fc.property(queues, pending, (views, waiting) => {
        for (const [name, { head }] of reports(views, [], waiting)) {
          if (head === undefined) continue;
          const wanted = waiting.filter((one) => one.queue === name).sort(compareWorkloads);
          expect(head.map((entry) => entry.name)).toEqual(wanted.map((one) => one.name));
          expect(head.map((entry) => entry.position)).toEqual(wanted.map((_, i) => i + 1));
        }
      }),
    );
  });

  it('have sums that match: by reason, over the tree, and of what is used', () => {
    fc.assert(
      fc.property(queues, holders, pending, (views, held, waiting) => {
        const result = reports(views, held, waiting);
        const roots = views.filter((view) => view.parent === undefined).map((view) => view.name);
        const below = (name: string): string[] => [
          name,
          ...views.filter((view) => view.parent === name).flatMap((view) => below(view.name)),
        ];
        for (const report of result.values()) {
          expect(report.pendingByReason.reduce((sum, { count }) => sum + count, 0)).toBe(report.pending);
        }
        for (const root of roots) {
          const names = below(root);
          const report = result.get(root);
          expect(report?.pending).toBe(waiting.filter((one) => names.includes(one.queue)).length);
          const inTree = held.filter((one) => names.includes(one.queue));
          expect(report?.admitted).toBe(inTree.length);
          const used = report?.usage.reduce((sum, row) => sum + row.usedMilliGpus, 0) ?? 0;
          expect(used).toBe(inTree.reduce((sum, one) => sum + (one.charges[0]?.milliGpus ?? 0), 0));
        }
      }),
    );
  });

  it('are the same in whatever order the workloads come', () => {
    fc.assert(
      fc.property(queues, holders, pending, (views, held, waiting) => {
        const backwards = reports([...views].reverse(), [...held].reverse(), [...waiting].reverse());
        expect(new Map([...backwards].sort())).toEqual(new Map([...reports(views, held, waiting)].sort()));
      }),
    );
  });
});

describe('the first of a stream', () => {
  it('are those that sorting it all would give', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 20 }), (numbers, limit) => {
        const first = new FirstInOrder<number>(limit, (a, b) => a - b);
        for (const one of numbers) first.add(one);
        expect(first.list()).toEqual([...numbers].sort((a, b) => a - b).slice(0, limit));
      }),
    );
  });
});
