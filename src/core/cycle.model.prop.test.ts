import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { PreemptionPolicy, QuotaRowView } from './model.ts';
import { queue } from './testing/build.ts';
import { boards, CentreModel, leafOf, must, type Place } from './testing/centre-model.ts';

/** Without FC_SEED a new one each time, which is told; with it the first counterexample is made small, which takes minutes. */
const seed = Number(process.env.FC_SEED ?? Date.now() & 0x7fffffff);
const endOnFailure = process.env.FC_SEED === undefined;
const LEAVES = ['a', 'b', 'c', 'd'] as const;
const ALL = ['root', 'left', 'right', ...LEAVES] as const;
const PLACES = ['east', 'west'] as const;

type Happening =
  | {
      readonly do: 'submit';
      readonly leaf: string;
      readonly pods: number;
      readonly each: number;
      readonly urgent: number;
    }
  | { readonly do: 'finish'; readonly which: number }
  | { readonly do: 'quota'; readonly queue: string; readonly rows: QuotaRowView[] }
  | { readonly do: 'cordon' | 'lose'; readonly place: number; readonly node: number }
  | { readonly do: 'cycle' | 'clean' | 'settle' };

const amount = fc.nat(24).map(boards);
const limits = fc.record({ borrowingLimit: amount, lendingLimit: amount }, { requiredKeys: [] });
/** A row for all regions, and sometimes one for the west. */
const rows: fc.Arbitrary<QuotaRowView[]> = fc
  .tuple(amount, limits, fc.option(fc.tuple(amount, limits), { freq: 2 }))
  .map(([nominal, bound, west]) => [
    { accelerator: 'H100', region: '*', nominal, ...bound },
    ...(west === null ? [] : [{ accelerator: '*', region: 'west', nominal: west[0], ...west[1] }]),
  ]);
const policy: fc.Arbitrary<PreemptionPolicy> = fc.record({
  withinQueue: fc.constantFrom('Never', 'LowerPriority'),
  reclaim: fc.constantFrom('Never', 'LowerPriority', 'Any'),
  borrow: fc.constantFrom('Never', 'LowerPriority'),
});

const submit = fc.record({
  do: fc.constant('submit' as const),
  leaf: fc.constantFrom(...LEAVES),
  pods: fc.integer({ min: 1, max: 4 }),
  each: fc.constantFrom(1, 2, 4, 8),
  urgent: fc.nat(2),
});
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 8, arbitrary: submit },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('finish' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('quota' as const), queue: fc.constantFrom(...ALL), rows }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('cordon' as const, 'lose' as const), place: fc.nat(), node: fc.nat() }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('cycle' as const, 'clean' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
);

const places = (): Place[] =>
  PLACES.map((name) => ({
    name,
    nodes: Array.from({ length: 4 }, (_, i) => ({ name: `${name}-${i}`, boards: 8, usable: true })),
    lost: false,
  }));

/** Two levels above the leaves. */
const centre = fc
  .record({ rows: fc.tuple(...ALL.map(() => rows)), policies: fc.tuple(...LEAVES.map(() => policy)) })
  .map((drawn) => () => {
    const quotaOf = (name: (typeof ALL)[number]) => drawn.rows[ALL.indexOf(name)] ?? [];
    return new CentreModel(places(), [
      queue('root', { quota: quotaOf('root') }),
      leafOf('left', 'root', { quota: quotaOf('left') }),
      leafOf('right', 'root', { quota: quotaOf('right') }),
      ...LEAVES.map((name, i) =>
        leafOf(name, i < 2 ? 'left' : 'right', {
          quota: quotaOf(name),
          ...(drawn.policies[i] === undefined ? {} : { preemption: drawn.policies[i] }),
        }),
      ),
    ]);
  });

function happens(model: CentreModel, one: Happening): void {
  switch (one.do) {
    case 'submit':
      model.submit(one.leaf, one.pods, one.each, one.urgent);
      return;
    case 'finish':
      model.finish(one.which);
      return;
    case 'quota':
      model.change(one.queue, { quota: one.rows });
      return;
    case 'clean':
      model.clean();
      return;
    case 'cycle':
      model.cycle();
      return;
    case 'settle':
      settles(model);
      return;
    default: {
      const place = model.places[one.place % model.places.length] as Place;
      const node = place.nodes[one.node % place.nodes.length];
      if (one.do === 'lose') place.lost = !place.lost;
      else if (node !== undefined) node.usable = !node.usable;
    }
  }
}

/** Preemption comes to an end, and then nobody waits who fits. */
function settles(model: CentreModel): void {
  const { pending } = model.settle();
  const quota = model.quota();
  for (const { workload: one, reason, message } of pending) {
    for (const place of model.places) {
      const charges = model.charges(one, place);
      const fits = model.room(place, one.request.accelerators[0]?.countPerNode ?? 1) >= one.request.pods;
      const mayRun = charges !== undefined && quota.admits({ queue: one.queue, charges });
      must(!(fits && mayRun), `${one.key} fits in ${place.name} and waits (${reason}: ${message})`);
    }
  }
}

it('keeps quota, capacity and gangs whatever happens, and lets nobody wait who fits', () => {
  console.info(`centre model seed ${seed}`);
  let preempted = 0;
  let events = 0;
  fc.assert(
    fc.property(centre, fc.array(happening, { minLength: 20, maxLength: 80, size: 'max' }), (make, list) => {
      const model = make();
      for (const one of list) happens(model, one);
      settles(model);
      preempted += model.preempted;
      events += list.length;
    }),
    { seed, endOnFailure, numRuns: 120 },
  );
  // Otherwise the model would have nothing to say about preemption.
  expect(events).toBeGreaterThan(3000);
  expect(preempted).toBeGreaterThan(20);
}, 120_000);

const nodeSized = fc.record({ leaf: fc.constantFrom(...LEAVES), urgent: fc.nat(2) });

it('a queue gets what is its own: nobody waits whose queue uses less than that, where it may be reclaimed', () => {
  console.info(`guarantee model seed ${seed}`);
  const reclaiming = { withinQueue: 'Never', reclaim: 'Any', borrow: 'Never' } as const;
  let preempted = 0;
  fc.assert(
    fc.property(
      fc.tuple(...LEAVES.map(() => fc.nat(2))),
      fc.array(fc.oneof(nodeSized, fc.nat()), { minLength: 10, maxLength: 60, size: 'max' }),
      (nominal, list) => {
        // Whole nodes only, and at most as much promised as there is.
        const model = new CentreModel(places(), [
          queue('root', { quota: [{ accelerator: 'H100', region: '*', nominal: 0 }] }),
          ...LEAVES.map((name, i) =>
            leafOf(name, 'root', {
              quota: [{ accelerator: 'H100', region: '*', nominal: boards(8 * (nominal[i] ?? 0)) }],
              preemption: reclaiming,
            }),
          ),
        ]);
        for (const one of list) {
          if (typeof one === 'number') model.finish(one);
          else model.submit(one.leaf, 1, 8, one.urgent);
          settles(model);
          const quota = model.quota();
          const key = { accelerator: 'H100', region: '*' };
          for (const { key: name, queue: leaf } of model.waiting.values()) {
            must(quota.uses(leaf, key) + boards(8) > quota.nominal(leaf, key), `${name} waits for what is its own`);
          }
        }
        preempted += model.preempted;
      },
    ),
    { seed, endOnFailure, numRuns: 60 },
  );
  expect(preempted).toBeGreaterThan(20);
}, 120_000);
