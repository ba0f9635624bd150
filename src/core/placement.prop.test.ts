import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClusterView } from './model.ts';
import { ClusterScratch } from './placement.ts';
import { cluster, nodes, request } from './testing/build.ts';

const node = fc.record({
  gpus: fc.constantFrom(0, 4, 8),
  used: fc.nat(9),
  usable: fc.boolean(),
  accelerator: fc.constantFrom(0, 0, 1),
  cpuFree: fc.integer({ min: -4, max: 32 }).map((cores) => cores * 1000),
  memoryFree: fc.integer({ min: 0, max: 64 }),
  podsFree: fc.integer({ min: 0, max: 6 }),
  tainted: fc.boolean(),
  zone: fc.constantFrom('x', 'y'),
});
const world = fc.array(node, { maxLength: 12 }).map((list) =>
  cluster('guian', {
    nodes: nodes(
      list.map((one, i) => ({
        ...one,
        name: `n-${i}`,
        accelerator: one.gpus > 0 ? one.accelerator : -1,
        gpusFree: one.gpus - one.used,
        labels: { zone: one.zone },
        taints: one.tainted ? [{ key: 't', effect: 'NoSchedule' }] : [],
      })),
    ),
  }),
);
const gang = fc.record({
  pods: fc.integer({ min: 1, max: 12 }),
  boards: fc.constantFrom(0, 1, 2, 3, 4, 8),
  cpuMilli: fc.constantFrom(0, 1000, 3000),
  memoryMi: fc.constantFrom(0, 1, 5),
  zone: fc.constantFrom(undefined, 'x'),
  tolerates: fc.boolean(),
  avoid: fc.uniqueArray(
    fc.nat(11).map((i) => `n-${i}`),
    { maxLength: 3 },
  ),
});
type Gang = typeof gang extends fc.Arbitrary<infer T> ? T : never;

const requestOf = (ask: Gang) =>
  request({
    pods: ask.pods,
    cpuMilli: ask.cpuMilli,
    memoryMi: ask.memoryMi,
    nodeSelector: ask.zone === undefined ? {} : { zone: ask.zone },
    tolerations: ask.tolerates ? [{ operator: 'Exists' }] : [],
  });

/** Free amounts of each node, kept by plain subtraction. */
interface Free {
  gpu: number;
  cpu: number;
  memory: number;
  pods: number;
}
const freeOf = ({ nodes: table }: ClusterView): Free[] =>
  Array.from({ length: table.count }, (_, row) => ({
    gpu: table.gpuFree[row] ?? 0,
    cpu: table.cpuFree[row] ?? 0,
    memory: table.memoryFree[row] ?? 0,
    pods: table.podsFree[row] ?? 0,
  }));

function podsThatFit({ nodes: table }: ClusterView, free: Free, row: number, ask: Gang): number {
  const type = ask.boards > 0 ? 0 : -1;
  if (table.usable[row] !== 1 || (type >= 0 && table.accelerator[row] !== type)) return 0;
  if (ask.avoid.includes(table.names[row] ?? '')) return 0;
  if (ask.zone !== undefined && table.labelSets[table.labelSet[row] ?? 0]?.zone !== ask.zone) return 0;
  if (!ask.tolerates && (table.taintSets[table.taintSet[row] ?? 0]?.length ?? 0) > 0) return 0;
  let pods = 0;
  const fits = (): boolean =>
    pods < free.pods &&
    (ask.boards === 0 || (pods + 1) * ask.boards * 1000 <= free.gpu) &&
    (ask.cpuMilli === 0 || (pods + 1) * ask.cpuMilli <= free.cpu) &&
    (ask.memoryMi === 0 || (pods + 1) * ask.memoryMi <= free.memory);
  while (fits()) pods += 1;
  return pods;
}

describe('gangs on any cluster', () => {
  it('are placed exactly when all pods fit, never beyond what a node has, and the view stays as it was', () => {
    fc.assert(
      fc.property(world, fc.array(gang, { maxLength: 8 }), (view, gangs) => {
        const before = structuredClone(view);
        const scratch = new ClusterScratch(view);
        const free = freeOf(view);
        for (const ask of gangs) {
          const shape = scratch.shape(requestOf(ask), ask.boards > 0 ? 0 : -1, ask.boards * 1000);
          const room = free.reduce((sum, one, row) => sum + podsThatFit(view, one, row, ask), 0);
          const avoid = new Set(ask.avoid);
          const fit = scratch.fit(ask.pods, shape, avoid);
          expect(scratch.room(shape, avoid).fittingPods).toBe(room);
          expect(fit !== undefined).toBe(room >= ask.pods);
          if (fit === undefined) continue;
          expect(fit.pods.reduce((a, b) => a + b, 0)).toBe(ask.pods);
          expect(new Set(fit.rows).size).toBe(fit.rows.length);
          expect(scratch.nodeNames(fit)).toHaveLength(ask.pods);
          fit.rows.forEach((row, i) => {
            const pods = fit.pods[i] ?? 0;
            const one = free[row] as Free;
            expect(pods).toBeLessThanOrEqual(podsThatFit(view, one, row, ask));
            one.gpu -= pods * ask.boards * 1000;
            one.cpu -= pods * ask.cpuMilli;
            one.memory -= pods * ask.memoryMi;
            one.pods -= pods;
          });
          scratch.commit(fit, shape);
        }
        expect(view).toEqual(before);
      }),
      { numRuns: 500 },
    );
  });
});
