import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorMessage } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import { noopMetrics, type RuntimeMetrics } from '../runtime/metrics.ts';
import type { KubeClient } from './client.ts';
import { CircuitOpenError, isGone, KubeError } from './errors.ts';
import { ReflectorMetrics } from './reflector-metrics.ts';
import { apiVersionOf, type KubeObject, objectKey, type Resource, resourceName } from './resource.ts';
import type { Store, Stored } from './store.ts';
import type { WatchEvent } from './watch.ts';

export type ReflectorPhase = 'idle' | 'listing' | 'watching' | 'waiting' | 'stopped';

export interface ReflectorState {
  readonly phase: ReflectorPhase;
  /** The first list has been stored. */
  readonly synced: boolean;
  /** Synced, and the last attempt to reach the cluster succeeded. */
  readonly healthy: boolean;
  /** Why the last attempt failed; undefined while healthy. */
  readonly error?: string;
}

export interface ReflectorOptions<T extends Stored> {
  readonly client: Pick<KubeClient, 'list' | 'watch' | 'cluster'>;
  readonly resource: Resource;
  /** Its name in logs and metrics, where there are several of one resource (default: the resource's). */
  readonly called?: string;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /**
   * What of an object is stored; must keep `metadata` with name, namespace, uid and resourceVersion. Default: all but
   * `managedFields` and the last-applied annotation. An object for which it throws is left out.
   */
  readonly project?: (raw: KubeObject) => T;
  readonly store: Store<T>;
  readonly logger: Logger;
  readonly metrics?: RuntimeMetrics;
  readonly clock: Clock;
  readonly random?: () => number;
  /** Cut a watch after so many milliseconds without a byte (default 90 000; bookmarks come each minute). */
  readonly idleMs?: number;
  /** Objects a list page (default 500). */
  readonly pageSize?: number;
  /** A watch open for so long, in milliseconds, clears the backoff (default 60 000). */
  readonly healthyAfterMs?: number;
  readonly onStateChange?: (state: ReflectorState) => void;
}

const WATCH_SECONDS = 290;
const WATCH_JITTER_SECONDS = 30;
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * Keeps a store equal to what the apiserver has: lists in pages, then watches from there, for as long as it runs.
 * Any failure is retried without end, 0.8 to 30 s apart with full jitter. The store keeps its content meanwhile.
 */
export class Reflector<T extends Stored> {
  readonly #options: ReflectorOptions<T>;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #logger: Logger;
  readonly #metrics: ReflectorMetrics;
  readonly #backoff: Backoff;
  readonly #project: (raw: KubeObject) => T;
  /** Raised by each run: what an earlier one still has under way must not touch the store. */
  #generation = 0;
  #state: ReflectorState = { phase: 'idle', synced: false, healthy: false };
  #resourceVersion: string | undefined;
  #lastContactMs: number | undefined;
  readonly #syncWaiters = new Set<() => void>();

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#clock = options.clock;
    this.#random = options.random ?? Math.random;
    const name = options.called ?? resourceName(options.resource);
    this.#logger = options.logger.child({ cluster: options.client.cluster, resource: name });
    this.#metrics = new ReflectorMetrics(options.metrics ?? noopMetrics, options.client.cluster, name, {
      size: () => options.store.size,
      healthy: () => this.healthy,
      silentSeconds: () => (this.#clock.monotonic() - (this.#lastContactMs ?? 0)) / 1000,
    });
    this.#backoff = new Backoff({ baseMs: 800, maxMs: 30_000, minMs: 50 }, this.#random);
    this.#project = options.project ?? (dropBulk as (raw: KubeObject) => unknown as (raw: KubeObject) => T);
  }

  get state(): ReflectorState {
    return this.#state;
  }

  /** The first list has been stored; stays true. */
  get synced(): boolean {
    return this.#state.synced;
  }

  /** Synced, and the last attempt to reach the cluster succeeded. */
  get healthy(): boolean {
    return this.#state.healthy;
  }

  /** Monotonic time in milliseconds of the last byte from the server; undefined before the first. */
  get lastContactMs(): number | undefined {
    return this.#lastContactMs;
  }

  /** Resolves true when the first list is stored; false when the signal aborts or the reflector stops before. */
  waitForSync(signal?: AbortSignal): Promise<boolean> {
    if (this.synced || signal?.aborted || this.#state.phase === 'stopped') return Promise.resolve(this.synced);
    return new Promise((resolve) => {
      const finish = (): void => {
        this.#syncWaiters.delete(finish);
        signal?.removeEventListener('abort', finish);
        resolve(this.synced);
      };
      this.#syncWaiters.add(finish);
      signal?.addEventListener('abort', finish, { once: true });
    });
  }

  /** Runs until the signal aborts, which is final. Never rejects. A second call while one runs supersedes it. */
  async run(signal: AbortSignal): Promise<void> {
    const generation = ++this.#generation;
    const live = (): boolean => !signal.aborted && generation === this.#generation;
    while (live()) {
      const pauseMs = await this.#round(signal, live);
      if (!live() || pauseMs === 0) continue;
      this.#setState({ phase: 'waiting' });
      await this.#clock.sleep(pauseMs, signal);
    }
    if (generation !== this.#generation) return;
    this.#setState({ phase: 'stopped', healthy: false });
    this.#metrics.close();
    for (const finish of this.#syncWaiters) finish();
  }

  /** Lists where needed and watches once. Resolves with the pause before the next round in milliseconds. */
  async #round(signal: AbortSignal, live: () => boolean): Promise<number> {
    let openedAt: number | undefined;
    try {
      if (this.#resourceVersion === undefined) await this.#list(signal, live);
      if (!live()) return 0;
      openedAt = await this.#watch(signal, live);
      return live() ? this.#afterWatch(openedAt, undefined) : 0;
    } catch (error) {
      if (!live()) return 0;
      const broken = error instanceof WatchBroken ? error : undefined;
      return this.#afterWatch(broken?.openedAt, broken ? broken.cause : error);
    }
  }

  /** What follows the end of a round: bookkeeping, and how long to wait. */
  #afterWatch(openedAt: number | undefined, error: unknown): number {
    const openMs = openedAt === undefined ? 0 : this.#clock.monotonic() - openedAt;
    if (openMs >= (this.#options.healthyAfterMs ?? 60_000)) this.#backoff.reset();
    if (isGone(error)) {
      this.#resourceVersion = undefined;
      this.#metrics.relists.inc();
      this.#logger.info('resource version expired, listing again');
      // Relisting at once is right, unless it just happened: then something is wrong with the server.
      return openMs > 5000 ? 0 : this.#backoff.next();
    }
    if (error === undefined) return openMs > 5000 ? 0 : this.#backoff.next();
    // A stream that breaks says little; failing to get a new one does.
    if (openedAt === undefined) this.#setState({ healthy: false, error: errorMessage(error) });
    this.#metrics.errors.inc();
    const pauseMs = this.#backoff.next();
    this.#logger[openedAt === undefined ? 'warn' : 'debug']('watch failed', { error: errorMessage(error), pauseMs });
    // While the breaker is open a try costs nothing and tells nothing.
    return error instanceof CircuitOpenError ? Math.max(pauseMs, error.retryAfterMs ?? 0) : pauseMs;
  }

  async #list(signal: AbortSignal, live: () => boolean): Promise<void> {
    this.#setState({ phase: 'listing' });
    const { client, resource, store, namespace, labelSelector, fieldSelector, pageSize = 500 } = this.#options;
    const scope = given({ namespace, labelSelector, fieldSelector });
    const objects: T[] = [];
    let token: string | undefined;
    let version: string | undefined;
    do {
      const page = await client.list<KubeObject>(resource, {
        ...scope,
        ...given({ continue: token }),
        limit: pageSize,
        signal,
      });
      if (!live()) return;
      this.#contact();
      for (const raw of page.items ?? []) this.#projected(raw, (obj) => objects.push(obj));
      version = page.metadata.resourceVersion;
      token = page.metadata.continue || undefined;
    } while (token !== undefined);
    if (version === undefined)
      throw new KubeError('list has no resourceVersion', { status: 200, reason: 'BadResponse' });
    store.replaceAll(objects, version);
    this.#resourceVersion = version;
    this.#metrics.lists.inc();
    this.#setState({ synced: true, healthy: true });
    for (const finish of this.#syncWaiters) finish();
  }

  /** Watches until the server ends it; resolves with the monotonic time (ms) at which it was opened. */
  async #watch(signal: AbortSignal, live: () => boolean): Promise<number | undefined> {
    const { client, resource, namespace, labelSelector, fieldSelector, idleMs = 90_000 } = this.#options;
    let openedAt: number | undefined;
    const opened = (): void => {
      if (!live()) return;
      openedAt = this.#clock.monotonic();
      this.#contact();
      this.#setState({ phase: 'watching', healthy: true });
    };
    const stream = client.watch<KubeObject>(resource, {
      ...given({ namespace, labelSelector, fieldSelector, resourceVersion: this.#resourceVersion }),
      timeoutSeconds: WATCH_SECONDS + Math.floor(this.#random() * WATCH_JITTER_SECONDS),
      idleMs,
      signal,
      onOpen: opened,
      onBytes: () => this.#contact(),
    });
    try {
      for await (const event of stream) {
        if (!live()) return openedAt;
        this.#handle(event);
      }
    } catch (error) {
      throw new WatchBroken(openedAt, error);
    }
    return openedAt;
  }

  #handle(event: WatchEvent): void {
    if (event.type === 'ERROR') {
      const { code = 500, reason = 'Unknown', message = 'watch error' } = event.object;
      throw new KubeError(`watch: ${message}`, { status: code, reason, body: event.object });
    }
    const { object } = event;
    if (event.type === 'DELETED') this.#deleted(object);
    else if (event.type !== 'BOOKMARK') this.#projected(object, (obj) => this.#options.store.apply(obj));
    // After the store has it, so that a failure above would see the event again.
    this.#resourceVersion = object.metadata.resourceVersion ?? this.#resourceVersion;
    this.#metrics.events.inc();
  }

  /** Gone is gone, also when its last state cannot be projected. */
  #deleted(object: KubeObject): void {
    let last: T | undefined;
    this.#projected(object, (obj) => {
      last = obj;
    });
    this.#options.store.remove(objectKey(object), last);
  }

  /** Projects one object and hands it on; what throws is counted and left out. */
  #projected(raw: KubeObject, use: (obj: T) => void): void {
    try {
      raw.apiVersion ??= apiVersionOf(this.#options.resource);
      raw.kind ??= this.#options.resource.kind;
      use(this.#project(raw));
    } catch (error) {
      this.#metrics.panics.inc();
      this.#logger.error('object could not be stored', { name: raw.metadata?.name, error: errorMessage(error) });
    }
  }

  #contact(): void {
    this.#lastContactMs = this.#clock.monotonic();
  }

  #setState(change: Partial<ReflectorState>): void {
    const before = this.#state;
    const { error, ...rest } = { ...before, ...change };
    this.#state = error === undefined || rest.healthy ? rest : { ...rest, error };
    const { phase, synced, healthy } = this.#state;
    if (before.phase === phase && before.synced === synced && before.healthy === healthy) return;
    try {
      this.#options.onStateChange?.(this.#state);
    } catch (cause) {
      this.#metrics.panics.inc();
      this.#logger.error('state handler threw', { error: errorMessage(cause) });
    }
  }
}

/** A watch that failed, with the time it was opened: whether the server had accepted it matters. */
class WatchBroken extends Error {
  readonly openedAt: number | undefined;

  constructor(openedAt: number | undefined, cause: unknown) {
    super('watch broken', { cause });
    this.openedAt = openedAt;
  }
}

/** Default projection: all but the bulk nobody here reads. Changes the object in place: it is nobody else's yet. */
export function dropBulk<O extends KubeObject>(raw: O): O {
  delete raw.metadata.managedFields;
  if (raw.metadata.annotations) delete raw.metadata.annotations[LAST_APPLIED];
  return raw;
}

/** The fields that are set, in the form optional properties want. */
function given<O extends Record<string, string | undefined>>(values: O): { [K in keyof O]?: string } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
