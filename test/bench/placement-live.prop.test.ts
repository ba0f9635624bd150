/** What the placement benchmark measures is what the scheduler does. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runCycle } from '../../src/core/cycle.ts';
import { DemandByType } from '../../src/core/node-value/demand-by-type.ts';
import type { PodClass } from '../../src/core/node-value/pod-class.ts';
import { A100, cluster, H100, NOON, nodes, snapshot, workload } from '../../src/core/testing/build.ts';
import { GpuRoom } from '../../src/core/testing/gpu-room.ts';
import { Fragmentation } from './placement/fragmentation.ts';
import { POLICIES, type Policy } from './placement/replay.ts';

const TYPES = [H100, A100];
const node = fc.record({
  model: fc.nat(1),
  gpus: fc.integer({ min: 1, max: 8 }),
  cpuMilli: fc.integer({ min: 4, max: 96 }).map((cores) => cores * 1000),
});
const pod = fc.record({
  model: fc.nat(1),
  gpus: fc.constantFrom(1, 1, 1, 2, 4),
  cpuMilli: fc.constantFrom(1000, 4000, 7000, 16_000),
});

it('the cycle places one pod after the other on the nodes that the benchmark gives them', () => {
  fc.assert(
    fc.property(
      fc.array(node, { minLength: 1, maxLength: 12 }),
      fc.array(pod, { minLength: 40, maxLength: 70 }),
      (specs, pods) => {
        const room = new GpuRoom(
          specs.map(({ model, gpus, cpuMilli }) => ({ model, cpuMilli, gpuMilli: new Array(gpus).fill(1000) })),
        );
        const placer = (POLICIES.ours as Policy)(room, new Fragmentation([]));
        const table = nodes(
          specs.map(({ model, gpus, cpuMilli }, i) => ({ name: `n-${i}`, accelerator: model, gpus, cpuMilli })),
        );
        const demand = new DemandByType();
        const classes = new Map<string, PodClass>();
        const admitted: string[] = [];
        const replayed: string[] = [];
        pods.forEach(({ model, gpus, cpuMilli }, i) => {
          const key = JSON.stringify([model, gpus, cpuMilli]);
          const asked = classes.get(key) ?? { gpus, cpuMilli, gpuMilli: 1000, models: [model] };
          classes.set(key, asked);
          const choice = placer.choose(asked, () => true);
          if (choice !== undefined) room.take(asked, choice.row, choice.gpu);
          replayed.push(choice === undefined ? '' : `n-${choice.row}`);

          const accelerators = [{ type: TYPES[model]?.type ?? '', countPerNode: gpus }];
          const request = { pods: 1, accelerators, cpuMilli, memoryMi: 1 };
          const view = cluster('guian', { accelerators: TYPES, nodes: table });
          const state = snapshot({ clusters: [view], learned: demand.learned() });
          const [name = ''] = runCycle([workload(`w${i}`, { request })], state, NOON).admitted[0]?.nodes ?? [];
          const row = table.names.indexOf(name);
          if (row >= 0) {
            table.gpuFree[row] = (table.gpuFree[row] ?? 0) - gpus * 1000;
            table.cpuFree[row] = (table.cpuFree[row] ?? 0) - cpuMilli;
          }
          admitted.push(name);
          demand.observe({ cpuMilli, accelerators });
        });
        expect(admitted).toEqual(replayed);
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);
