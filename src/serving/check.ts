import type { ModelServing } from '../api/index.ts';

/** An admission as some region would get it, for the server's dry run. */
export function checkedReplica({ spec, metadata }: ModelServing, cluster: string, resourceName: string, gpus: number) {
  return {
    replica: 0,
    epoch: 0,
    attempt: 1,
    generation: metadata.generation ?? 1,
    shapeHash: '',
    cluster,
    accelerator: spec.accelerators[0]?.type ?? '',
    resourceName,
    gpusPerNode: gpus,
    cpuMilliPerNode: 0,
    memoryMiPerNode: 0,
    queue: '',
    queueCharges: [],
    priority: 0,
    assignment: `node:${spec.nodesPerReplica}`,
    admittedAt: '1970-01-01T00:00:00Z',
  };
}
