import type { KubeClient } from './client.ts';
import { isConflict, isInvalid, isNotFound } from './errors.ts';
import type { KubeObject, Resource } from './resource.ts';

const TRIES = 5;

export function hasFinalizer(object: KubeObject, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) === true;
}

/**
 * Adds a finalizer, on condition that the object is unchanged since `object` was read; resolves with the object as
 * stored. Rejects with Conflict when it changed and with NotFound when it is gone; does nothing to an object that is
 * being deleted, where the API allows no new finalizers (then it resolves with `object`).
 */
export async function addFinalizer<T extends KubeObject>(
  client: Pick<KubeClient, 'mergePatch'>,
  resource: Resource,
  object: T,
  finalizer: string,
): Promise<T> {
  const { finalizers = [], resourceVersion, uid, deletionTimestamp } = object.metadata;
  if (finalizers.includes(finalizer) || deletionTimestamp !== undefined) return object;
  // A merge patch replaces the list whole: the precondition keeps it from undoing another's change.
  const metadata = { finalizers: [...finalizers, finalizer], resourceVersion, uid };
  return client.mergePatch<T>(resource, { ...address(object), body: { metadata } });
}

/**
 * Adds a finalizer to an object seen in a cache, which may be behind: what the watch brings next decides where the
 * object changed or went meanwhile. @returns the object as stored; undefined where it changed or went
 */
export async function claim<T extends KubeObject>(
  client: Pick<KubeClient, 'mergePatch'>,
  resource: Resource,
  object: T,
  finalizer: string,
): Promise<T | undefined> {
  try {
    return await addFinalizer(client, resource, object, finalizer);
  } catch (error) {
    if (isConflict(error) || isNotFound(error)) return undefined;
    throw error;
  }
}

/**
 * Removes a finalizer by its place in the list, tested by value; changes elsewhere in the object do not matter.
 * Reads again and repeats when the list moved. Resolves also when the finalizer or the object is gone, or another
 * object has taken the name.
 */
export async function removeFinalizer<T extends KubeObject>(
  client: Pick<KubeClient, 'jsonPatch' | 'get'>,
  resource: Resource,
  object: T,
  finalizer: string,
): Promise<void> {
  let current: KubeObject = object;
  for (let attempt = 1; ; attempt++) {
    const at = current.metadata.finalizers?.indexOf(finalizer) ?? -1;
    if (at < 0 || current.metadata.uid !== object.metadata.uid) return;
    try {
      await client.jsonPatch(resource, { ...address(object), body: removal(current, at, finalizer) });
      return;
    } catch (error) {
      if (isNotFound(error)) return;
      // The API answers 422 where a test operation does not hold.
      if (attempt >= TRIES || !(isInvalid(error) || isConflict(error))) throw error;
    }
    const fresh = await fetch(client, resource, object);
    if (!fresh) return;
    current = fresh;
  }
}

function removal(object: KubeObject, at: number, finalizer: string) {
  const path = `/metadata/finalizers/${at}`;
  return [
    { op: 'test', path: '/metadata/uid', value: object.metadata.uid },
    { op: 'test', path, value: finalizer },
    { op: 'remove', path },
  ] as const;
}

async function fetch(
  client: Pick<KubeClient, 'get'>,
  resource: Resource,
  object: KubeObject,
): Promise<KubeObject | undefined> {
  try {
    return await client.get<KubeObject>(resource, address(object));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function address(object: KubeObject): { namespace?: string; name: string } {
  const { namespace, name } = object.metadata;
  return namespace ? { namespace, name } : { name };
}
