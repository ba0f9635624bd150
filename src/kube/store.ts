import { errorMessage } from '../runtime/errors.ts';
import { type Logger, noopLogger } from '../runtime/logger.ts';
import { noopMetrics, type RuntimeMetrics } from '../runtime/metrics.ts';
import { isOlderVersion, type ObjectMeta, objectKey } from './resource.ts';
import { StoreIndex } from './store-index.ts';

export interface Stored {
  readonly metadata: ObjectMeta;
}

export type StoreEvent<T> =
  | { readonly type: 'added'; readonly key: string; readonly old?: undefined; readonly obj: T }
  | { readonly type: 'updated'; readonly key: string; readonly old: T; readonly obj: T }
  /** `obj` is the last known state. */
  | { readonly type: 'deleted'; readonly key: string; readonly old?: undefined; readonly obj: T };

export type StoreHandler<T> = (event: StoreEvent<T>) => void;

export interface StoreOptions {
  /** Names the store in logs and metrics. */
  readonly name?: string;
  readonly logger?: Logger;
  readonly metrics?: RuntimeMetrics;
}

interface Subscriber<T> {
  readonly handler: StoreHandler<T>;
  /** Queued events below this place came before the subscription. */
  from: number;
}

export interface SubscribeOptions {
  /** Deliver what is stored already as `added` first (default true). */
  readonly replay?: boolean;
}

/**
 * The objects of one kind as last seen, with indexes and synchronous change events. Objects and their metadata are
 * frozen (shallowly): they are shared, copy before changing.
 *
 * Handlers run one event at a time, in order, with the store already in the new state. A handler that throws is
 * counted and logged; the others still run.
 */
export class Store<T extends Stored> {
  #objects = new Map<string, T>();
  readonly #indexes = new Map<string, StoreIndex<T>>();
  /** Replaced, not changed, at each subscription, so that a delivery under way keeps its list. */
  #subscribers: readonly Subscriber<T>[] = [];
  #queue: StoreEvent<T>[] = [];
  /** Place in the queue of the event being delivered; undefined between deliveries. */
  #delivering: number | undefined;
  #resourceVersion: string | undefined;
  readonly #logger: Logger;
  readonly #panicked: () => void;

  constructor(options: StoreOptions = {}) {
    const name = options.name ?? 'store';
    this.#logger = (options.logger ?? noopLogger).child({ store: name });
    const panics = (options.metrics ?? noopMetrics)
      .counter('aidc_store_handler_panics_total', 'Errors thrown by handlers and indexes of stores', ['store'])
      .labels({ store: name });
    this.#panicked = () => panics.inc();
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  has(key: string): boolean {
    return this.#objects.has(key);
  }

  /** All objects, in no particular order. Iterates the live store: do not await in between. */
  list(): Iterable<T> {
    return this.#objects.values();
  }

  keys(): Iterable<string> {
    return this.#objects.keys();
  }

  get size(): number {
    return this.#objects.size;
  }

  /** The list version of the last `replaceAll`; undefined before the first. */
  get resourceVersion(): string | undefined {
    return this.#resourceVersion;
  }

  /** Adds an index over what is stored and will be. `fn` must be pure. Throws when the name is taken. */
  addIndex(name: string, fn: (obj: T) => readonly string[]): void {
    if (this.#indexes.has(name)) throw new Error(`store already has an index ${name}`);
    const index = new StoreIndex<T>(this.#guarded(fn));
    for (const [key, obj] of this.#objects) index.set(key, obj);
    this.#indexes.set(name, index);
  }

  /** Objects with this value in the index. Throws when there is no such index. */
  byIndex(name: string, value: string): T[] {
    const keys = this.#index(name).keys(value);
    return keys ? Array.from(keys, (key) => this.#objects.get(key) as T) : [];
  }

  /** How many objects have this value in the index. */
  countByIndex(name: string, value: string): number {
    return this.#index(name).keys(value)?.size ?? 0;
  }

  /** Calls the handler on each change, first with what is stored already. Returns the way to end it. */
  subscribe(handler: StoreHandler<T>, options: SubscribeOptions = {}): () => void {
    // What waits in the queue is in the store already, and so in the replay.
    const own: Subscriber<T> = { handler, from: this.#queue.length };
    if (options.replay !== false) {
      for (const [key, obj] of Array.from(this.#objects)) this.#call(handler, { type: 'added', key, obj });
    }
    this.#subscribers = [...this.#subscribers, own];
    return () => {
      this.#subscribers = this.#subscribers.filter((one) => one !== own);
    };
  }

  /**
   * Stores an object. False when that version is stored already, or a newer one: the watch may bring a version after
   * the answers to two writes that followed it.
   */
  apply(obj: T): boolean {
    const key = objectKey(obj);
    const old = this.#objects.get(key);
    if (old && (isSameVersion(old, obj) || isOlderState(obj, old))) return false;
    this.#put(key, old, obj);
    this.#flush();
    return true;
  }

  /**
   * Stores the answer to a write before the watch brings it, but only while the store still holds the version the
   * write was based on: a newer one seen meanwhile is not set back. True when it was stored.
   */
  applyIfCurrent(obj: T, basedOnResourceVersion: string | undefined): boolean {
    const old = this.#objects.get(objectKey(obj));
    if (!old || old.metadata.uid !== obj.metadata.uid) return false;
    if (old.metadata.resourceVersion !== basedOnResourceVersion) return false;
    return this.apply(obj);
  }

  /** Removes an object; the `deleted` event carries `last` where given, else what was stored. */
  remove(key: string, last?: T): boolean {
    const old = this.#objects.get(key);
    if (!old) return false;
    this.#drop(key, last && last.metadata.uid === old.metadata.uid ? freeze(last) : old);
    this.#flush();
    return true;
  }

  /**
   * Replaces the whole content by a list, in one step: readers see the old or the new state, never a mixture. Events
   * are the differences; what is gone is deleted with its last known state.
   */
  replaceAll(list: Iterable<T>, resourceVersion?: string): void {
    const next = new Map<string, T>();
    for (const obj of list) next.set(objectKey(obj), obj);
    for (const [key, old] of this.#objects) if (!next.has(key)) this.#drop(key, old);
    for (const [key, obj] of next) {
      const old = this.#objects.get(key);
      if (!old || !isSameVersion(old, obj)) this.#put(key, old, obj);
    }
    this.#resourceVersion = resourceVersion;
    this.#flush();
  }

  #index(name: string): StoreIndex<T> {
    const index = this.#indexes.get(name);
    if (!index) throw new Error(`store has no index ${name}`);
    return index;
  }

  #put(key: string, old: T | undefined, obj: T): void {
    freeze(obj);
    this.#objects.set(key, obj);
    for (const index of this.#indexes.values()) index.set(key, obj);
    if (!old) this.#queue.push({ type: 'added', key, obj });
    else if (old.metadata.uid === obj.metadata.uid) this.#queue.push({ type: 'updated', key, old, obj });
    else this.#queue.push({ type: 'deleted', key, obj: old }, { type: 'added', key, obj });
  }

  #drop(key: string, last: T): void {
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) index.delete(key);
    this.#queue.push({ type: 'deleted', key, obj: last });
  }

  /** Delivers queued events; a change made by a handler is delivered after the present event. */
  #flush(): void {
    if (this.#delivering !== undefined) return;
    for (this.#delivering = 0; this.#delivering < this.#queue.length; this.#delivering++) {
      const event = this.#queue[this.#delivering] as StoreEvent<T>;
      for (const { handler, from } of this.#subscribers) if (this.#delivering >= from) this.#call(handler, event);
    }
    this.#queue = [];
    this.#delivering = undefined;
    for (const subscriber of this.#subscribers) subscriber.from = 0;
  }

  #call(handler: StoreHandler<T>, event: StoreEvent<T>): void {
    try {
      handler(event);
    } catch (error) {
      this.#panicked();
      this.#logger.error('store handler threw', { key: event.key, event: event.type, error: errorMessage(error) });
    }
  }

  #guarded(fn: (obj: T) => readonly string[]): (obj: T) => readonly string[] {
    return (obj) => {
      try {
        return fn(obj);
      } catch (error) {
        this.#panicked();
        this.#logger.error('store index threw', { key: objectKey(obj), error: errorMessage(error) });
        return [];
      }
    };
  }
}

function freeze<T extends Stored>(obj: T): T {
  Object.freeze(obj.metadata);
  return Object.freeze(obj);
}

function isSameVersion(a: Stored, b: Stored): boolean {
  const version = a.metadata.resourceVersion;
  return version !== undefined && version === b.metadata.resourceVersion && a.metadata.uid === b.metadata.uid;
}

const isOlderState = (a: Stored, b: Stored): boolean =>
  a.metadata.uid === b.metadata.uid && isOlderVersion(a.metadata.resourceVersion, b.metadata.resourceVersion);
