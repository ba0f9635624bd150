import { type Admission, ANNOTATION, LABEL, type ModelTraining } from '../api/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { isAlreadyExists, isConflict, isInvalid, isNotFound } from '../kube/errors.ts';
import { JOBS, type KubeObject, PODS, SERVICES } from '../kube/resource.ts';
import type { MemberPod } from '../regions/index.ts';
import { bindPatch } from '../workloads/pod.ts';
import { jobName, memberJob, memberService, type RunPlace } from './desired.ts';

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
  const namespace = training.metadata.namespace ?? '';
  const job = await createOnce(client, JOBS, namespace, memberJob(training, admission, place) as KubeObject);
  const name = jobName(training.metadata.name, admission.attempt);
  if (job.metadata.labels?.[LABEL.workloadUid] !== training.metadata.uid) {
    const owner =
      job.metadata.annotations?.[ANNOTATION.hubId] === undefined ? 'is not ours' : 'belongs to another workload';
    return {
      result: 'taken',
      message: `a Job named ${name} in ${admission.cluster}/${namespace} ${owner}; delete it or rename the ModelTraining`,
    };
  }
  const service = memberService(training, admission, place.hubId, job.metadata.uid ?? '');
  await createOnce(client, SERVICES, namespace, service as KubeObject);
  return { result: 'created' };
}

async function createOnce(
  client: KubeClient,
  resource: typeof JOBS,
  namespace: string,
  body: KubeObject,
): Promise<KubeObject> {
  try {
    return await client.create<KubeObject>(resource, { namespace, body });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return client.get<KubeObject>(resource, { namespace, name: body.metadata.name });
  }
}

/** Asks the server whether it would take the Job, field by field. @returns its sentence, or undefined when it would. */
export async function dryRun(client: KubeClient, namespace: string, job: object): Promise<string | undefined> {
  try {
    await client.create(JOBS, { namespace, body: job as KubeObject, dryRun: true, fieldValidation: 'Strict' });
    return undefined;
  } catch (error) {
    if (isInvalid(error) || (error as { status?: number }).status === 400) return (error as Error).message;
    if (isAlreadyExists(error)) return undefined;
    throw error;
  }
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

/** Deletes the attempt's Job with its pods. @returns true when the Job is confirmed gone (or never was, or is not ours) */
export async function deleteJob(
  client: KubeClient,
  namespace: string,
  name: string,
  workloadUid: string,
): Promise<boolean> {
  try {
    const job = await client.get<KubeObject>(JOBS, { namespace, name });
    if (job.metadata.labels?.[LABEL.workloadUid] !== workloadUid) return true;
    if (job.metadata.deletionTimestamp === undefined) {
      await client.delete(JOBS, {
        namespace,
        name,
        propagationPolicy: 'Background',
        ...(job.metadata.uid === undefined ? {} : { uid: job.metadata.uid }),
      });
    }
    return false;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}

/** Asks the server itself (not the cache) for pods of the workload; all attempts when none is named. */
export async function podsLeft(
  client: KubeClient,
  namespace: string,
  uid: string,
  attempt?: number,
): Promise<KubeObject[]> {
  const labelSelector = `${LABEL.workloadUid}=${uid}${attempt === undefined ? '' : `,${LABEL.attempt}=${attempt}`}`;
  const list = await client.list<KubeObject & { status?: { phase?: string } }>(PODS, { namespace, labelSelector });
  return list.items;
}

/** Removes a pod whose node does not answer: nobody there would confirm a graceful end. */
export async function forceDelete(client: KubeClient, namespace: string, name: string, uid: string): Promise<void> {
  try {
    await client.delete(PODS, { namespace, name, uid, gracePeriodSeconds: 0 });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
