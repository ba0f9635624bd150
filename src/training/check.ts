import type { Admission, ModelTraining } from '../api/index.ts';
import type { DeclaredAccelerator } from '../workloads/request.ts';
import { memberJob } from './desired.ts';
import type { Evaluation } from './evaluate.ts';

/**
 * The Job as some region would get it, for the server's dry run: what differs between regions (node, resource name,
 * address) cannot make a template invalid.
 */
export function renderForCheck(
  training: ModelTraining,
  evaluation: Evaluation,
  hubId: string,
  region: string,
  declared: readonly DeclaredAccelerator[],
): object {
  const first = evaluation.request?.accelerators[0];
  const admission: Admission = {
    epoch: 0,
    attempt: 1,
    generation: training.metadata.generation ?? 1,
    shapeHash: evaluation.shapeHash,
    cluster: region,
    accelerator: first?.type ?? '',
    resourceName: declared.find((entry) => entry.type === first?.type)?.resourceName ?? '',
    gpusPerNode: first?.countPerNode ?? 0,
    cpuMilliPerNode: 0,
    memoryMiPerNode: 0,
    queue: evaluation.queue,
    queueCharges: [],
    priority: 0,
    assignment: 'node:1',
    admittedAt: '1970-01-01T00:00:00Z',
  };
  return memberJob(training, admission, { hubId, region, datasets: {} });
}
