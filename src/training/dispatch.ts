import type { Admission, ModelTraining } from '../api/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, isInvalid, isNotFound } from '../kube/errors.ts';
import { PODS } from '../kube/resource.ts';
import type { MemberPod } from '../regions/index.ts';
import { createOnce, takenBy } from '../workloads/member-objects.ts';
import { bindPatch } from '../workloads/pod.ts';
import { memberJob, memberService, type RunPlace } from './desired.ts';

/** Writes to members at once for one gang. */
const BIND_CONCURRENCY = 32;

/**
 * Makes the attempt's Job and Service. Each is created once by name; one that is there already and is ours is done.
 * Throws KubeError: invalid (the server's sentence), not found (namespace missing), unreachable.
 * @returns 'taken' with a sentence when an object that is not ours has the name
 */
export async function createAttempt(
  client: KubeClient,
  training: ModelTraining,
  admission: Admission,
  place: RunPlace,
): Promise<{ result: 'created' } | { result: 'taken'; message: string }> {
  const job = await createOnce(client, memberJob(training, admission, place));
  const uid = training.metadata.uid ?? '';
  const taken = takenBy(job, admission.cluster, uid);
  if (taken !== undefined) return { result: 'taken', message: taken };
  const service = await createOnce(client, memberService(training, admission, place.hubId, job.metadata.uid ?? ''));
  const message = takenBy(service, admission.cluster, uid);
  return message === undefined ? { result: 'created' } : { result: 'taken', message };
}

/** Gives each gated pod its node and lifts the gate. A pod that is gone or already bound is no error. */
export async function bindPods(client: KubeClient, bind: readonly { pod: MemberPod; node: string }[]): Promise<void> {
  const queue = [...bind];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { metadata } = next.pod;
      const target = { namespace: metadata.namespace ?? '', name: metadata.name };
      try {
        await client.mergePatch(PODS, { ...target, body: bindPatch(next.node) });
      } catch (error) {
        if (!isNotFound(error) && !isConflict(error) && !isInvalid(error)) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(BIND_CONCURRENCY, queue.length) }, worker));
}
