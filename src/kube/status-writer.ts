import { type CounterHandle, noopMetrics, type RuntimeMetrics } from '../runtime/metrics.ts';
import type { KubeClient } from './client.ts';
import { isConflict, isNotFound } from './errors.ts';
import { type Json, minimalMergePatch } from './merge-patch.ts';
import { type KubeObject, objectKey, type Resource, resourceName } from './resource.ts';
import { Slots } from './slots.ts';
import type { Store } from './store.ts';

/**
 * written: stored. unchanged: it was so already, nothing was sent. conflict: the object changed since the version the
 * status was derived from; derive it again. gone: there is no such object any more.
 */
export type WriteOutcome = 'written' | 'unchanged' | 'conflict' | 'gone';

export interface StatusWriteResult<T> {
  readonly outcome: WriteOutcome;
  /** The object as stored, when written. */
  readonly object?: T;
}

export interface StatusWriterOptions {
  readonly client: Pick<KubeClient, 'mergePatch'>;
  /** Writes in flight at once (default 32). */
  readonly concurrency?: number;
  readonly fieldManager?: string;
  readonly metrics?: RuntimeMetrics;
}

/** Where what was written is seen before the watch brings it. */
export type SeenIn<T extends KubeObject> = Pick<Store<T>, 'applyIfCurrent'>;

interface Wanted {
  readonly resource: Resource;
  readonly object: KubeObject;
  readonly status: object;
  readonly store: SeenIn<KubeObject> | undefined;
  readonly settle: PromiseWithResolvers<StatusWriteResult<KubeObject>>;
}

interface Lane {
  /** The newest write that waits behind the one in flight. */
  next: Wanted | undefined;
}

/**
 * Writes `/status` by merge patch, on condition that the object still has the resourceVersion the status was derived
 * from: a decision made on an old state must not be stored. One write an object at a time; of several that wait only
 * the newest is sent, and the older ones get its outcome.
 */
export class StatusWriter {
  readonly #client: Pick<KubeClient, 'mergePatch'>;
  readonly #fieldManager: string | undefined;
  readonly #slots: Slots;
  readonly #lanes = new Map<string, Lane>();
  readonly #count: (resource: string, outcome: string) => CounterHandle;

  constructor(options: StatusWriterOptions) {
    this.#client = options.client;
    this.#fieldManager = options.fieldManager;
    this.#slots = new Slots(options.concurrency ?? 32);
    const writes = (options.metrics ?? noopMetrics).counter(
      'aidc_status_writes_total',
      'Status writes by outcome (written, unchanged, conflict, gone, superseded, error)',
      ['resource', 'outcome'],
    );
    this.#count = (resource, outcome) => writes.labels({ resource, outcome });
  }

  /** Objects with a write in flight or waiting. */
  get pending(): number {
    return this.#lanes.size;
  }

  /**
   * Brings the object's status to `status`, whole: keys that are absent are removed. `object` is what the status was
   * derived from, with its resourceVersion. Rejects with a KubeError on anything but conflict and absence.
   */
  async write(resource: Resource, object: KubeObject & { status?: object }, status: object): Promise<WriteOutcome> {
    return (await this.writeObject(resource, object, status)).outcome;
  }

  /** As `write`, and gives the object as stored, which `store` has from then on. */
  writeObject<T extends KubeObject & { status?: object }>(
    resource: Resource,
    object: T,
    status: object,
    store?: SeenIn<T>,
  ): Promise<StatusWriteResult<T>> {
    const key = `${resource.group}/${resource.plural}/${objectKey(object)}`;
    const seenIn = store as SeenIn<KubeObject> | undefined;
    const wanted: Wanted = { resource, object, status, store: seenIn, settle: Promise.withResolvers() };
    const lane = this.#lanes.get(key);
    if (lane) this.#supersede(lane, wanted);
    else void this.#drain(key, wanted);
    return wanted.settle.promise as Promise<StatusWriteResult<T>>;
  }

  #supersede(lane: Lane, wanted: Wanted): void {
    const older = lane.next;
    lane.next = wanted;
    if (!older) return;
    this.#count(resourceName(older.resource), 'superseded').inc();
    older.settle.resolve(wanted.settle.promise);
  }

  async #drain(key: string, first: Wanted): Promise<void> {
    const lane: Lane = { next: first };
    this.#lanes.set(key, lane);
    /** The version that a write of this lane has replaced. */
    let replaced: string | undefined;
    while (lane.next) {
      if (!this.#slots.tryTake()) await this.#slots.take();
      // Taken only now: a newer one may have come while waiting for the slot.
      const wanted = lane.next;
      lane.next = undefined;
      // Derived from what the write before it has just replaced: the server would refuse it.
      if (replaced !== undefined && wanted.object.metadata.resourceVersion === replaced) {
        this.#settle(wanted, { outcome: 'conflict' });
      } else if (await this.#send(wanted)) {
        replaced = wanted.object.metadata.resourceVersion;
      }
      this.#slots.release();
    }
    this.#lanes.delete(key);
  }

  /** Never rejects; settles the caller's promise. @returns whether the object has another version now */
  async #send(wanted: Wanted): Promise<boolean> {
    try {
      const result = await this.#patch(wanted);
      if (result.object) wanted.store?.applyIfCurrent(result.object, wanted.object.metadata.resourceVersion);
      this.#settle(wanted, result);
      const version = result.object?.metadata.resourceVersion;
      return version !== undefined && version !== wanted.object.metadata.resourceVersion;
    } catch (error) {
      this.#count(resourceName(wanted.resource), 'error').inc();
      wanted.settle.reject(error);
      return false;
    }
  }

  #settle(wanted: Wanted, result: StatusWriteResult<KubeObject>): void {
    this.#count(resourceName(wanted.resource), result.outcome).inc();
    wanted.settle.resolve(result);
  }

  async #patch(wanted: Wanted): Promise<StatusWriteResult<KubeObject>> {
    const { resource, object } = wanted;
    const { namespace, name, resourceVersion, uid } = object.metadata;
    if (!resourceVersion) throw new Error(`${resource.kind} ${objectKey(object)} has no resourceVersion to write on`);
    const status = minimalMergePatch((object as { status?: Json }).status ?? {}, wanted.status);
    if (status === undefined) return { outcome: 'unchanged' };
    try {
      const stored = await this.#client.mergePatch<KubeObject>(resource, {
        ...(namespace ? { namespace } : {}),
        name,
        subresource: 'status',
        // The uid as well, so that a new object under the same name is never meant.
        body: { metadata: { resourceVersion, ...(uid ? { uid } : {}) }, status },
        ...(this.#fieldManager ? { fieldManager: this.#fieldManager } : {}),
      });
      return { outcome: 'written', object: stored };
    } catch (error) {
      if (isConflict(error)) return { outcome: 'conflict' };
      if (isNotFound(error)) return { outcome: 'gone' };
      throw error;
    }
  }
}
