import { describe, expect, it } from 'vitest';
import { runCycle } from '../core/cycle.ts';
import { cluster, NOON, nodes, snapshot, workload } from '../core/testing/build.ts';
import { Demand } from './demand.ts';
import type { Holder, Observation } from './types.ts';

const asks = (cpuMilli: number) => ({
  pods: 1,
  accelerators: [{ type: 'H100', countPerNode: 1 }],
  cpuMilli,
  memoryMi: 1,
});
const seen = (key: string, over: Partial<Observation>): Observation => ({
  key,
  kind: 'ModelTraining',
  resourceVersion: '1',
  ...over,
});
const waiting = (key: string, cpuMilli: number): Observation =>
  seen(key, { pending: workload(key, { request: asks(cpuMilli) }) });
const holding = (key: string, cpuMilli: number): Observation =>
  seen(key, {
    holder: { accelerator: 'H100', perPod: { cpuMilli, memoryMi: 1, gpuMilli: 1000 } } as unknown as Holder,
  });

/** Where a pod of 16 cores goes: `tight` is the best fit, but its last board would be left without CPU. */
function nodeOf(demand: Demand): string | undefined {
  const table = nodes([
    { name: 'tight', gpus: 2, cpuMilli: 16_000 },
    { name: 'ample', gpus: 2, cpuMilli: 32_000 },
  ]);
  const state = snapshot({ clusters: [cluster('guian', { nodes: table })], learned: demand.learned() });
  return runCycle([workload('w', { request: asks(16_000) })], state, NOON).admitted[0]?.nodes[0];
}

describe('what is known of demand', () => {
  it.each([
    ['those that wait', waiting],
    ['those that hold nodes, as after a restart', holding],
  ])('is learned from %s', (_who, observed) => {
    const demand = new Demand();
    expect(nodeOf(demand)).toBe('tight');
    for (let i = 0; i < 30; i += 1) demand.observe(observed(`w${i}`, i % 2 === 0 ? 8000 : 16_000));
    expect(nodeOf(demand)).toBe('ample');
  });

  it('counts a workload once, however often it is seen', () => {
    const demand = new Demand();
    for (let i = 0; i < 60; i += 1) demand.observe(waiting(`w${i % 2}`, i % 2 === 0 ? 8000 : 16_000));
    for (let i = 0; i < 60; i += 1) demand.observe(seen(`x${i}`, {}));
    expect(nodeOf(demand)).toBe('tight');
  });

  it('stays as it was for who looks at it', () => {
    const demand = new Demand();
    const before = demand.learned();
    for (let i = 0; i < 30; i += 1) demand.observe(waiting(`w${i}`, 8000));
    expect([before.size, demand.learned().size]).toEqual([0, 1]);
  });
});
