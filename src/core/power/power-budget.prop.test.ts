import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Cycle } from '../cycle.ts';
import type { Admit, ClusterView, Workload } from '../model.ts';
import { A100, cluster, H100, NOON, nodes, queue, snapshot, workload } from '../testing/build.ts';

const CAPPED = { ...H100, minPowerLimitWatts: 200 };

const aNode = fc.record({
  gpus: fc.constantFrom(0, 4, 8),
  used: fc.nat(4),
  second: fc.boolean(),
  cpuMilli: fc.constantFrom(16_000, 64_000),
});
const aCluster = (name: string): fc.Arbitrary<ClusterView> =>
  fc
    .record({
      list: fc.array(aNode, { maxLength: 6 }),
      budgetWatts: fc.option(fc.integer({ min: 1, max: 60_000 })),
      boardWatts: fc.nat(20_000),
      nodeShare: fc.nat(3),
      overhead: fc.nat(3000),
      pue: fc.integer({ min: 1000, max: 2000 }),
    })
    .map(({ list, budgetWatts, boardWatts, nodeShare, overhead, pue }) =>
      cluster(name, {
        accelerators: [CAPPED, A100],
        nodeOverheadWatts: overhead,
        puePermille: pue,
        ...(budgetWatts === null ? {} : { power: { budgetWatts, reserved: { boardWatts, nodeShare } } }),
        nodes: nodes(
          list.map(({ gpus, used, second, cpuMilli }, i) => ({
            name: `${name}-${i}`,
            gpus,
            gpusFree: Math.max(0, gpus - used),
            accelerator: gpus === 0 ? -1 : second ? 1 : 0,
            cpuMilli,
          })),
        ),
      }),
    );
const asked = fc.record({
  pods: fc.integer({ min: 1, max: 4 }),
  boards: fc.constantFrom(0, 1, 2, 4, 8),
  cap: fc.option(fc.integer({ min: 1, max: 900 })),
  type: fc.constantFrom('H100', 'A100'),
  queuedAt: fc.nat(5),
});
const workloads: fc.Arbitrary<Workload[]> = fc.array(asked, { maxLength: 20 }).map((list) =>
  list.map(({ pods, boards, cap, type, queuedAt }, i) =>
    workload(`w${i}`, {
      queuedAt,
      request: {
        pods,
        accelerators: boards === 0 ? [] : [{ type, countPerNode: boards }],
        cpuMilli: 2000,
        memoryMi: 1,
        ...(cap === null ? {} : { capWatts: cap }),
      },
    }),
  ),
);

/** IT watts by plain arithmetic, pod by pod. */
function itWatts(admit: Admit, view: ClusterView): number {
  const { capWatts = Number.POSITIVE_INFINITY, cpuMilli } = admit.workload.request;
  const board = admit.accelerator === 'A100' ? 400 : Math.min(700, Math.max(200, capWatts));
  return admit.nodes.reduce((sum, name) => {
    const row = view.nodes.names.indexOf(name);
    const share =
      admit.gpusPerNode > 0
        ? (admit.gpusPerNode * 1000) / (view.nodes.gpuTotal[row] ?? 1)
        : cpuMilli / (view.nodes.cpuTotal[row] ?? 1);
    return sum + admit.gpusPerNode * board + share * view.nodeOverheadWatts;
  }, 0);
}

it('no cycle admits more than a power budget allows', () => {
  fc.assert(
    fc.property(fc.tuple(aCluster('guian'), aCluster('zhongwei')), workloads, (clusters, waiting) => {
      const cycle = new Cycle(waiting, snapshot({ clusters, queues: [queue('q')] }), NOON);
      cycle.step(Number.POSITIVE_INFINITY);
      const plan = cycle.plan();
      for (const view of clusters) {
        if (view.power === undefined) continue;
        const mine = plan.admitted.filter((admit) => admit.cluster === view.name);
        if (mine.length === 0) continue;
        const { budgetWatts, reserved } = view.power;
        const held = reserved.boardWatts + reserved.nodeShare * view.nodeOverheadWatts;
        const all = mine.reduce((sum, admit) => sum + itWatts(admit, view), held);
        expect((all * view.puePermille) / 1000).toBeLessThanOrEqual(budgetWatts + 1e-5);
      }
      // What is said to lack power does not fit into what the cycle left.
      for (const { reason, message } of plan.pending) {
        if (reason === 'InsufficientPower') expect(message).toMatch(/^needs [\d.]+ kW in (guian|zhongwei), /);
      }
    }),
    { numRuns: 300 },
  );
});
