import type { Admit, Workload } from '../core/model.ts';
import { isOlderVersion } from '../kube/resource.ts';
import type { KeptPlace } from './nominations.ts';
import type { Holder } from './types.ts';

/** A decision that was made and is not yet seen back in the watch. */
export interface Assumed {
  readonly holder: Holder;
  readonly workload: Workload;
  /** The place that was cleared for it: it is kept on if the decision is not stored. */
  readonly place?: KeptPlace | undefined;
  /** Version of the object the write made; undefined while the write is under way. */
  resourceVersion?: string | undefined;
}

/** What the workload holds from the decision on. */
export function assume({ workload, ...admit }: Admit, place: KeptPlace | undefined, nowMs: number): Assumed {
  const { key, kind, namespace, name, queue, priority, request } = workload;
  const holder: Holder = {
    key,
    kind,
    uid: key.split('/')[0] ?? '',
    attempt: 0,
    run: `${key}/assumed`,
    namespace,
    name,
    cluster: admit.cluster,
    queue,
    charges: admit.queueCharges,
    accelerator: admit.accelerator,
    priority,
    // What is not seen back yet is nobody's victim.
    preemptible: false,
    ending: false,
    admittedAtMs: nowMs,
    lossSince: () => nowMs,
    nodes: admit.nodes,
    perPod: {
      cpuMilli: request.cpuMilli,
      memoryMi: request.memoryMi,
      gpuMilli: admit.gpusPerNode * 1000,
      capWatts: request.capWatts,
    },
  };
  return { holder, workload, place };
}

/** Whether an object was seen before what was assumed of it was written. */
export const isOlder = (seen: string, written: string | undefined): boolean =>
  written === undefined || isOlderVersion(seen, written);
