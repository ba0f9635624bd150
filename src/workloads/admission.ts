import type { Admission, ModelTraining } from '../api/index.ts';
import { encodeAssignment } from '../core/assignment.ts';
import type { Admit } from '../core/model.ts';

/** A decision as status keeps it: complete, so that it is the only truth after a restart. */
export function admissionOf(
  admit: Admit,
  of: Pick<Admission, 'epoch' | 'attempt' | 'generation' | 'shapeHash' | 'admittedAt'>,
): Admission {
  const { capWatts } = admit.workload.request;
  return {
    ...of,
    cluster: admit.cluster,
    accelerator: admit.accelerator,
    resourceName: admit.resourceName,
    ...(admit.perUnit === undefined ? {} : { resourcesPerUnit: { ...admit.perUnit } }),
    gpusPerNode: admit.gpusPerNode,
    cpuMilliPerNode: admit.workload.request.cpuMilli,
    memoryMiPerNode: admit.workload.request.memoryMi,
    ...(capWatts === undefined ? {} : { gpuPowerCapWatts: capWatts }),
    queue: admit.workload.queue,
    queueCharges: [...admit.queueCharges],
    priority: admit.workload.priority,
    assignment: encodeAssignment(admit.nodes),
  };
}

/** Whether a spec asks for the accelerators that were admitted. It can change while nobody watches: suspended, edited, resumed. */
export const asksForAccelerators = (
  asked: ModelTraining['spec']['accelerators'],
  { accelerator, gpusPerNode }: Pick<Admission, 'accelerator' | 'gpusPerNode'>,
): boolean =>
  asked.length === 0 || asked.some(({ type, countPerNode }) => type === accelerator && countPerNode === gpusPerNode);
