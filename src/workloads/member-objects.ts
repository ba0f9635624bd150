import { ANNOTATION, LABEL } from '../api/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { isAlreadyExists, isConflict, isInvalid, isNotFound } from '../kube/errors.ts';
import { DEPLOYMENTS, JOBS, type KubeObject, PODS, type Resource, SERVICES, STATEFUL_SETS } from '../kube/resource.ts';
import type { Member } from '../regions/index.ts';

const RESOURCES: Readonly<Record<string, Resource>> = {
  Job: JOBS,
  Deployment: DEPLOYMENTS,
  StatefulSet: STATEFUL_SETS,
  Service: SERVICES,
};

/** The resource of an object that we make in members. */
export function memberResource(object: object): Resource {
  const { kind = '' } = object as KubeObject;
  const found = RESOURCES[kind];
  if (found === undefined) throw new Error(`${kind} is not made in members`);
  return found;
}

/** Creates an object, or finds the one that has its name: a second try after a lost answer is no error. */
export async function createOnce(client: KubeClient, body: object): Promise<KubeObject> {
  const resource = memberResource(body);
  const { namespace = '', name } = (body as KubeObject).metadata;
  try {
    return await client.create<KubeObject>(resource, { namespace, body });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return { ...(await client.get<KubeObject>(resource, { namespace, name })), kind: resource.kind };
  }
}

/** What stands in the way where an object of that name is not the workload's; undefined: it is. */
export function takenBy(object: KubeObject, cluster: string, workloadUid: string): string | undefined {
  const { labels, annotations, namespace, name } = object.metadata;
  if (labels?.[LABEL.workloadUid] === workloadUid) return undefined;
  const owner = annotations?.[ANNOTATION.hubId] === undefined ? 'is not ours' : 'belongs to another workload';
  return `a ${object.kind ?? 'member object'} named ${name} in ${cluster}/${namespace} ${owner}; delete it or rename the workload`;
}

/** Asks the server whether it would take the object, field by field. @returns its sentence, or undefined when it would. */
export async function dryRun(client: KubeClient, namespace: string, body: object): Promise<string | undefined> {
  try {
    await client.create(memberResource(body), { namespace, body, dryRun: true, fieldValidation: 'Strict' });
    return undefined;
  } catch (error) {
    if (isInvalid(error) || (error as { status?: number }).status === 400) return (error as Error).message;
    if (isAlreadyExists(error)) return undefined;
    throw error;
  }
}

/** Deletes an object of the workload with all it owns. @returns true when it is confirmed gone (or never was, or is not ours) */
export async function deleteOwned(
  client: KubeClient,
  resource: Resource,
  namespace: string,
  name: string,
  workloadUid: string,
): Promise<boolean> {
  try {
    const { metadata } = await client.get<KubeObject>(resource, { namespace, name });
    if (metadata.labels?.[LABEL.workloadUid] !== workloadUid) return true;
    if (metadata.deletionTimestamp === undefined) {
      await client.delete(resource, {
        namespace,
        name,
        propagationPolicy: 'Background',
        ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
      });
    }
    return false;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}

/** Asks the server itself (not the cache) for pods of the workload; all attempts when none is named. */
export async function podsLeft(client: KubeClient, namespace: string, uid: string, attempt?: number): Promise<number> {
  const labelSelector = `${LABEL.workloadUid}=${uid}${attempt === undefined ? '' : `,${LABEL.attempt}=${attempt}`}`;
  const list = await client.list<KubeObject>(PODS, { namespace, labelSelector });
  return list.items.length;
}

/** Removes the workload's pods on nodes that do not answer: nobody there would confirm a graceful end. */
export async function forceDeleteOnLostNodes(member: Member, uid: string, attempt?: number): Promise<void> {
  const lost = member.pods
    .byIndex('workload', uid)
    .filter((pod) => attempt === undefined || pod.metadata.labels[LABEL.attempt] === String(attempt))
    .filter((pod) => pod.nodeName !== undefined && member.nodes.get(pod.nodeName)?.ready !== true);
  await Promise.all(lost.map(({ metadata }) => forceDelete(member.client, metadata)));
}

async function forceDelete(
  client: KubeClient,
  { namespace = '', name, uid }: { namespace?: string; name: string; uid: string },
): Promise<void> {
  try {
    await client.delete(PODS, { namespace, name, uid, gracePeriodSeconds: 0 });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
