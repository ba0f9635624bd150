import { setTimeout as sleep } from 'node:timers/promises';
import { FINALIZER } from '../api/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, isNotFound, KubeError } from '../kube/errors.ts';
import { hasFinalizer, removeFinalizer } from '../kube/finalizers.ts';
import { type KubeObject, objectKey, type Resource, resourceName } from '../kube/resource.ts';
import type { Clock } from '../runtime/clock.ts';
import { IN_ORDER_OF_DELETION } from './kinds.ts';

export interface LetGoOptions {
  readonly client: Pick<KubeClient, 'list' | 'delete' | 'jsonPatch' | 'get'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** How long the operator has to stop what runs in the regions, milliseconds, all kinds together. */
  readonly waitMs: number;
  readonly pollMs?: number;
  /** Told what is done, a sentence each. */
  readonly say: (sentence: string) => void;
}

type Left = readonly (readonly [Resource, KubeObject])[];

/**
 * Deletes every object of ours and waits until the operator has let go of it: workloads first, then clusters and queues.
 * From what is still there when the time is over it takes our finalizer. @returns the objects that are still there
 * because somebody else's finalizer holds them, in words
 */
export async function letGo(options: LetGoOptions): Promise<string[]> {
  const { clock, waitMs, say } = options;
  const until = clock.monotonic() + waitMs;
  const held: string[] = [];
  for (const resources of IN_ORDER_OF_DELETION) {
    await deleteAll(options, resources);
    let left = await allOf(options, resources);
    while (left.length > 0 && left.some(isOurs) && clock.monotonic() < until) {
      await sleep(options.pollMs ?? 1_000);
      // Also what was made meanwhile.
      await deleteAll(options, resources);
      left = await allOf(options, resources);
    }
    for (const [resource, object] of left) {
      if (!hasFinalizer(object, FINALIZER)) continue;
      say(`${nameOf(resource, object)} was not let go by the operator: what runs of it in a region stays there`);
      await removeFinalizer(options.client, resource, object, FINALIZER);
    }
    for (const [resource, object] of await allOf(options, resources)) {
      const others = object.metadata.finalizers ?? [];
      if (others.length > 0) held.push(`${nameOf(resource, object)} (${others.join(', ')})`);
    }
  }
  return held;
}

const nameOf = (resource: Resource, object: KubeObject): string => `${resourceName(resource)} ${objectKey(object)}`;

/** Something that we wait for: others' finalizers may stand for ever. */
const isOurs = ([, object]: Left[number]): boolean =>
  hasFinalizer(object, FINALIZER) || (object.metadata.finalizers ?? []).length === 0;

async function allOf({ client }: LetGoOptions, resources: readonly Resource[]): Promise<Left> {
  const lists = await Promise.all(
    resources.map(async (resource) => {
      try {
        return (await client.list<KubeObject>(resource)).items.map((object) => [resource, object] as const);
      } catch (error) {
        // The kind is not there: nothing of it can be.
        if (error instanceof KubeError && error.status === 404) return [];
        throw error;
      }
    }),
  );
  return lists.flat();
}

async function deleteAll(options: LetGoOptions, resources: readonly Resource[]): Promise<void> {
  const going = (await allOf(options, resources)).filter(
    ([, { metadata }]) => metadata.deletionTimestamp === undefined,
  );
  if (going.length === 0) return;
  options.say(`deleting ${going.length} object${going.length === 1 ? '' : 's'}: ${kindsOf(going)}`);
  for (const [resource, { metadata }] of going) {
    const { name, namespace, uid } = metadata;
    const at = { name, ...(namespace === undefined ? {} : { namespace }), ...(uid === undefined ? {} : { uid }) };
    await options.client.delete(resource, { ...at, propagationPolicy: 'Background' }).catch((error: unknown) => {
      // Gone, or another one of that name: the next look has it.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    });
  }
}

const kindsOf = (left: Left): string => [...new Set(left.map(([resource]) => resource.plural))].join(', ');
