import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runCycle } from './cycle.ts';
import type { ClusterView, CyclePlan, Snapshot, Workload } from './model.ts';
import { quote } from './planner.ts';
import { QuotaTree } from './quota.ts';
import { A100, cluster, flat, H100, NOON, nodes, queue, snapshot, workload } from './testing/build.ts';

const node = fc.record({
  gpus: fc.constantFrom(0, 4, 8),
  used: fc.nat(5),
  usable: fc.constantFrom(true, true, false),
  second: fc.boolean(),
  cpuFree: fc.integer({ min: 0, max: 40 }).map((cores) => cores * 1000),
});
const clusterOf = (name: string) =>
  fc
    .record({
      list: fc.array(node, { maxLength: 6 }),
      price: fc.nat(900_000),
      grams: fc.nat(900),
      down: fc.constantFrom(false, false, true),
    })
    .map(({ list, price, grams, down }) =>
      cluster(name, {
        accelerators: [H100, A100],
        tariff: flat(price),
        gramsPerKWh: grams,
        ...(down ? { unusable: { reason: 'Unreachable', message: 'it does not answer' } } : {}),
        nodes: nodes(
          list.map(({ gpus, used, usable, second, cpuFree }, i) => ({
            name: `${name}-${i}`,
            gpus,
            gpusFree: gpus - used,
            usable,
            accelerator: gpus === 0 ? -1 : second ? 1 : 0,
            cpuFree,
          })),
        ),
      }),
    );

const boards = fc.nat(40).map((number) => number * 1000);
const world: fc.Arbitrary<Snapshot> = fc
  .record({
    clusters: fc.tuple(clusterOf('guian'), clusterOf('zhongwei'), clusterOf('shanghai')),
    nominal: fc.tuple(boards, boards, boards),
    borrowingLimit: fc.option(boards),
    lendingLimit: fc.option(boards),
    regional: fc.option(boards),
    used: fc.nat(10),
    stop: fc.constantFrom('None', 'None', 'Hold') as fc.Arbitrary<'None' | 'Hold'>,
  })
  .map(({ clusters, nominal, borrowingLimit, lendingLimit, regional, used, stop }) => {
    const row = (of: number, over = {}) => ({ accelerator: '*', region: '*', nominal: of, ...over });
    const limits = {
      ...(borrowingLimit === null ? {} : { borrowingLimit }),
      ...(lendingLimit === null ? {} : { lendingLimit }),
    };
    return snapshot({
      clusters,
      queues: [
        queue('org', {
          quota: [
            row(nominal[0]),
            ...(regional === null ? [] : [{ accelerator: 'H100', region: 'guian', nominal: regional }]),
          ],
        }),
        queue('a', { parent: 'org', quota: [row(nominal[1], limits)] }),
        queue('b', { parent: 'org', quota: [row(nominal[2], limits)], stopPolicy: stop }),
      ],
      quotaUse: [{ queue: 'a', charges: [{ accelerator: '*', region: '*', milliGpus: used * 1000 }] }],
    });
  });

const shape = fc.record({
  pods: fc.integer({ min: 1, max: 5 }),
  countPerNode: fc.constantFrom(0, 1, 2, 4, 8),
  both: fc.boolean(),
  acceleratorPolicy: fc.constantFrom('Ordered', 'AnyOf') as fc.Arbitrary<'Ordered' | 'AnyOf'>,
  cpuMilli: fc.constantFrom(0, 1000, 9000),
  queue: fc.constantFrom('a', 'a', 'b', 'org', 'nowhere'),
  priority: fc.nat(2),
  queuedAt: fc.nat(3),
  allowed: fc.constantFrom<string[]>([], ['guian'], ['shanghai', 'zhongwei'], ['mars']),
  policy: fc.constantFrom('Balanced', 'CheapestFirst', 'GreenestFirst', 'LeastEnergy', 'EarliestStart'),
});
const workloads: fc.Arbitrary<Workload[]> = fc.array(shape, { maxLength: 20 }).map((list) =>
  list.map(({ pods, countPerNode, both, acceleratorPolicy, cpuMilli, allowed, policy, ...rest }, i) => {
    const types = both ? ['H100', 'A100'] : ['H100'];
    const accelerators = countPerNode === 0 ? [] : types.map((type) => ({ type, countPerNode }));
    return workload(`w${i}`, {
      ...rest,
      request: { pods, accelerators, acceleratorPolicy, cpuMilli, memoryMi: 1 },
      regions: { allowed, policy: policy as 'Balanced' },
    });
  }),
);

/** Takes the plan from the snapshot by plain arithmetic: what would be left on each node. */
function left(view: ClusterView, plan: CyclePlan) {
  const { nodes: table } = view;
  const rows = Array.from({ length: table.count }, (_, row) => ({
    name: table.names[row] ?? '',
    usable: table.usable[row] === 1,
    type: view.accelerators[table.accelerator[row] ?? -1]?.type ?? '',
    gpu: table.gpuFree[row] ?? 0,
    cpu: table.cpuFree[row] ?? 0,
    pods: table.podsFree[row] ?? 0,
    taken: 0,
    types: new Set<string>(),
  }));
  for (const admit of plan.admitted.filter((one) => one.cluster === view.name)) {
    for (const name of admit.nodes) {
      const row = rows.find((one) => one.name === name);
      if (row === undefined) throw new Error(`no node ${name}`);
      row.gpu -= admit.gpusPerNode * 1000;
      row.cpu -= admit.workload.request.cpuMilli;
      row.pods -= 1;
      row.taken += 1;
      if (admit.accelerator !== '') row.types.add(admit.accelerator);
    }
  }
  return rows;
}

describe('a cycle over any world', () => {
  it('answers every workload once, and places gangs whole where policy and state allow it', () => {
    fc.assert(
      fc.property(workloads, world, (list, state) => {
        const plan = runCycle(list, state, NOON);
        const answered = [...plan.admitted, ...plan.pending].map(({ workload: { key } }) => key);
        expect(answered.sort()).toEqual(list.map(({ key }) => key).sort());
        for (const admit of plan.admitted) {
          const { request, regions } = admit.workload;
          expect(admit.nodes).toHaveLength(request.pods);
          expect(regions.allowed.length === 0 || regions.allowed.includes(admit.region)).toBe(true);
          expect(state.clusters.find(({ name }) => name === admit.cluster)?.unusable).toBeUndefined();
          const entry = request.accelerators.find(({ type }) => type === admit.accelerator);
          expect(admit.gpusPerNode).toBe(entry?.countPerNode ?? 0);
          expect(admit.decision.reason.length).toBeGreaterThan(0);
        }
        for (const { message } of plan.pending) expect(message).toMatch(/[a-z].*\.$/);
      }),
      { numRuns: 300 },
    );
  });

  it('never takes more than a node has, nor a node that is unusable or of another type', () => {
    fc.assert(
      fc.property(workloads, world, (list, state) => {
        const plan = runCycle(list, state, NOON);
        for (const row of state.clusters.flatMap((view) => left(view, plan))) {
          if (row.taken === 0) continue;
          expect(row.usable).toBe(true);
          expect(Math.min(row.cpu, row.pods)).toBeGreaterThanOrEqual(0);
          if (row.types.size > 0) {
            expect([...row.types]).toEqual([row.type]);
            expect(row.gpu).toBeGreaterThanOrEqual(0);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('admits nothing that quota forbids, in the order in which it admits', () => {
    fc.assert(
      fc.property(workloads, world, (list, state) => {
        const tree = QuotaTree.build(state.queues);
        for (const use of state.quotaUse) tree.add(use);
        for (const { workload: one, queueCharges, accelerator, region, gpusPerNode } of runCycle(list, state, NOON)
          .admitted) {
          const charges = tree.charges(one.queue, accelerator, region, gpusPerNode * one.request.pods * 1000);
          expect(queueCharges).toEqual(charges);
          expect(tree.isLeaf(one.queue) && tree.heldBy(one.queue) === undefined).toBe(true);
          expect(tree.check(one.queue, queueCharges)).toEqual({ ok: true });
          tree.add({ queue: one.queue, charges: queueCharges });
        }
      }),
      { numRuns: 300 },
    );
  });

  it('gives an equal plan for equal input in any order, and leaves the snapshot as it was', () => {
    fc.assert(
      fc.property(workloads, world, fc.nat(), (list, state, shift) => {
        const before = structuredClone(state);
        const plan = runCycle(list, state, NOON);
        const turn = <T>(items: readonly T[]): T[] => {
          const at = shift % (items.length + 1);
          return [...items.slice(at), ...items.slice(0, at)].reverse();
        };
        const turned = {
          ...state,
          clusters: turn(state.clusters),
          queues: turn(state.queues),
          quotaUse: turn(state.quotaUse),
        };
        expect(runCycle(turn(list), turned, NOON)).toEqual(plan);
        expect(state).toEqual(before);
      }),
      { numRuns: 200 },
    );
  });

  it('does not depend on the order of the rows of a node table', () => {
    fc.assert(
      fc.property(workloads, world, (list, state) => {
        const turned = { ...state, clusters: state.clusters.map((view) => ({ ...view, nodes: reversed(view) })) };
        expect(runCycle(list, turned, NOON)).toEqual(runCycle(list, state, NOON));
      }),
      { numRuns: 200 },
    );
  });

  it('never lets a workload wait behind an equal one of lower priority in its queue', () => {
    fc.assert(
      fc.property(workloads, world, (list, state) => {
        const plan = runCycle(list, state, NOON);
        const asks = (one: Workload) => JSON.stringify([one.queue, one.request, one.regions, one.namespace]);
        for (const { workload: waiting } of plan.pending) {
          const overtaken = plan.admitted.filter(
            ({ workload: one }) => asks(one) === asks(waiting) && one.priority < waiting.priority,
          );
          expect(overtaken).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('admits a lone workload exactly where a quote has an offer', () => {
    fc.assert(
      fc.property(workloads, world, (list, state) => {
        for (const one of list.slice(0, 3)) {
          const plan = runCycle([one], state, NOON);
          const { offers } = quote(one, { runtimeSeconds: 3600, limits: {} }, state, NOON);
          expect(offers[0]?.cluster).toBe(plan.admitted[0]?.cluster);
          expect(offers[0]?.accelerator).toBe(plan.admitted[0]?.accelerator);
        }
      }),
      { numRuns: 200 },
    );
  });
});

function reversed({ nodes: table }: ClusterView) {
  return {
    ...table,
    names: [...table.names].reverse(),
    usable: table.usable.slice().reverse(),
    accelerator: table.accelerator.slice().reverse(),
    gpuTotal: table.gpuTotal.slice().reverse(),
    gpuFree: table.gpuFree.slice().reverse(),
    cpuTotal: table.cpuTotal.slice().reverse(),
    cpuFree: table.cpuFree.slice().reverse(),
    memoryFree: table.memoryFree.slice().reverse(),
    podsFree: table.podsFree.slice().reverse(),
    labelSet: table.labelSet.slice().reverse(),
    taintSet: table.taintSet.slice().reverse(),
  };
}
