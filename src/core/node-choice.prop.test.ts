import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DemandByType } from './node-value/demand-by-type.ts';
import { NodeStates } from './node-value/node-state.ts';
import { DEFAULT_OPTIONS, NodeValue } from './node-value/node-value.ts';
import type { PodClass } from './node-value/pod-class.ts';
import type { ValueTable } from './node-value/value-tables.ts';
import { ClusterScratch } from './placement.ts';
import { cluster, nodes, request } from './testing/build.ts';

const node = fc.record({
  gpusFree: fc.integer({ min: -1, max: 8 }),
  cpuFree: fc.integer({ min: -4, max: 128 }).map((cores) => cores * 1000),
  memoryFree: fc.integer({ min: 0, max: 8 }),
  podsFree: fc.integer({ min: 0, max: 6 }),
  usable: fc.constantFrom(true, true, true, false),
});
const gang = fc.record({
  pods: fc.integer({ min: 1, max: 3 }),
  boards: fc.constantFrom(1, 1, 2, 4),
  cpuMilli: fc.constantFrom(0, 3000, 8000, 20_000),
  memoryMi: fc.integer({ min: 0, max: 2 }),
});
const asked = fc.record({
  countPerNode: fc.constantFrom(1, 1, 2),
  cpuMilli: fc.constantFrom(1000, 8000, 20_000, 30_000),
});

describe('the node of a gang that one node can hold', () => {
  it('is that of a plain scan: it fits, the rest of the node is worth most, and it is the first of equals', () => {
    fc.assert(
      fc.property(
        fc.array(node, { minLength: 1, maxLength: 10 }),
        fc.array(gang, { minLength: 1, maxLength: 8 }),
        fc.array(asked, { minLength: 30, maxLength: 40 }),
        (specs, gangs, arrivals) => {
          const demand = new DemandByType();
          for (const { countPerNode, cpuMilli } of arrivals) {
            demand.observe({ cpuMilli, accelerators: [{ type: 'H100', countPerNode }] });
          }
          const learned = demand.learned();
          const table = nodes(specs.map((spec, i) => ({ ...spec, name: `n-${i}` })));
          const free = specs.map((spec) => ({ ...spec }));
          const scratch = new ClusterScratch(cluster('guian', { nodes: table }), learned);
          for (const { pods, boards, cpuMilli, memoryMi } of gangs) {
            const shape = scratch.shape(request({ pods, cpuMilli, memoryMi }), 0, boards * 1000);
            const value = new NodeValue(
              [learned.get('H100') as ValueTable],
              { largestGpuMilli: 8000, largestCpuMilli: 128_000 },
              DEFAULT_OPTIONS,
            );
            const all: PodClass = { gpus: pods * boards, gpuMilli: 1000, cpuMilli: pods * cpuMilli };
            const states = new NodeStates();
            let best: { row: number; score: number } | undefined;
            free.forEach((one, row) => {
              const fits =
                one.usable &&
                one.podsFree >= pods &&
                one.gpusFree >= pods * boards &&
                (cpuMilli === 0 || one.cpuFree >= pods * cpuMilli) &&
                one.memoryFree >= pods * memoryMi;
              if (!fits) return;
              const score = value.score(all, states.of(0, new Array(one.gpusFree).fill(1000), one.cpuFree));
              if (best === undefined || score > best.score) best = { row, score };
            });
            const fit = scratch.fit(pods, shape);
            const onOne = fit?.rows.length === 1 ? fit.rows[0] : undefined;
            expect(onOne).toBe(best?.row);
            if (fit === undefined) continue;
            fit.rows.forEach((row, i) => {
              const one = free[row] as (typeof free)[number];
              const here = fit.pods[i] ?? 0;
              one.gpusFree -= here * boards;
              one.cpuFree -= here * cpuMilli;
              one.memoryFree -= here * memoryMi;
              one.podsFree -= here;
            });
            scratch.commit(fit, shape);
          }
        },
      ),
      { numRuns: 200 },
    );
  }, 60_000);
});
