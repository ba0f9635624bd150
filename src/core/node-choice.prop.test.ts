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

/** A gang of several nodes. */
const wide = fc.record({
  pods: fc.integer({ min: 2, max: 8 }),
  boards: fc.constantFrom(1, 2, 3, 5),
  cpuMilli: fc.constantFrom(0, 8000, 20_000, 40_000),
  memoryMi: fc.integer({ min: 0, max: 2 }),
});
interface Gang {
  readonly pods: number;
  readonly boards: number;
  readonly cpuMilli: number;
  readonly memoryMi: number;
}

interface Free {
  readonly usable: boolean;
  gpusFree: number;
  cpuFree: number;
  memoryFree: number;
  podsFree: number;
}

const learnedOf = (arrivals: readonly { countPerNode: number; cpuMilli: number }[]) => {
  const demand = new DemandByType();
  for (const { countPerNode, cpuMilli } of arrivals) {
    demand.observe({ cpuMilli, accelerators: [{ type: 'H100', countPerNode }] });
  }
  return demand.learned();
};

/** One node for so many pods by a plain scan: they fit, the rest of it is worth most, and it is the first of equals. */
function scanned(free: readonly Free[], pods: number, ask: Gang, value: NodeValue): number | undefined {
  const { boards, cpuMilli, memoryMi } = ask;
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
  return best?.row;
}

function take(one: Free, pods: number, { boards, cpuMilli, memoryMi }: Gang): void {
  one.gpusFree -= pods * boards;
  one.cpuFree -= pods * cpuMilli;
  one.memoryFree -= pods * memoryMi;
  one.podsFree -= pods;
}

/** Values as learned, made anew: what was scored before must change nothing. */
const newValue = (learned: ReturnType<typeof learnedOf>): NodeValue =>
  new NodeValue(
    [learned.get('H100') as ValueTable],
    { largestGpuMilli: 8000, largestCpuMilli: 128_000 },
    DEFAULT_OPTIONS,
  );

describe('the nodes of a gang', () => {
  it('of several nodes are those of a plain scan, pod after pod, each with those before it counted', () => {
    fc.assert(
      fc.property(
        fc.array(node, { minLength: 2, maxLength: 10 }),
        fc.array(wide, { minLength: 1, maxLength: 6 }),
        fc.array(asked, { minLength: 30, maxLength: 40 }),
        (specs, gangs, arrivals) => {
          const learned = learnedOf(arrivals);
          const table = nodes(specs.map((spec, i) => ({ ...spec, name: `n-${i}` })));
          const scratch = new ClusterScratch(cluster('guian', { nodes: table }), learned);
          let free: Free[] = specs.map((spec) => ({ ...spec }));
          for (const ask of gangs) {
            const shape = scratch.shape(request(ask), 0, ask.boards * 1000);
            const found = scratch.fit(ask.pods, shape);
            if (found === undefined) continue;
            const fit = scratch.settled(found, shape);
            const after = free.map((one) => ({ ...one }));
            const expected = new Map<number, number>();
            const whole = scanned(after, ask.pods, ask, newValue(learned));
            for (let pod = 0; pod < ask.pods; pod += 1) {
              const row = whole ?? (scanned(after, 1, ask, newValue(learned)) as number);
              take(after[row] as Free, 1, ask);
              expected.set(row, (expected.get(row) ?? 0) + 1);
            }
            expect(new Map(fit.rows.map((row, i) => [row, fit.pods[i]]))).toEqual(expected);
            scratch.commit(fit, shape);
            free = after;
          }
        },
      ),
      { numRuns: 200 },
    );
  }, 60_000);

  it('that one node can hold are that of a plain scan', () => {
    fc.assert(
      fc.property(
        fc.array(node, { minLength: 1, maxLength: 10 }),
        fc.array(gang, { minLength: 1, maxLength: 8 }),
        fc.array(asked, { minLength: 30, maxLength: 40 }),
        (specs, gangs, arrivals) => {
          const learned = learnedOf(arrivals);
          const table = nodes(specs.map((spec, i) => ({ ...spec, name: `n-${i}` })));
          const free = specs.map((spec) => ({ ...spec }));
          const scratch = new ClusterScratch(cluster('guian', { nodes: table }), learned);
          for (const ask of gangs) {
            const shape = scratch.shape(request(ask), 0, ask.boards * 1000);
            const fit = scratch.fit(ask.pods, shape);
            const onOne = fit?.rows.length === 1 ? fit.rows[0] : undefined;
            expect(onOne).toBe(scanned(free, ask.pods, ask, newValue(learned)));
            if (fit === undefined) continue;
            fit.rows.forEach((row, i) => {
              take(free[row] as Free, fit.pods[i] ?? 0, ask);
            });
            scratch.commit(fit, shape);
          }
        },
      ),
      { numRuns: 200 },
    );
  }, 60_000);
});
