import { type Clock, systemClock } from './clock.ts';
import { type HeapItem, IndexedHeap } from './heap.ts';
import { noopMetrics, type RuntimeMetrics } from './metrics.ts';
import { WorkqueueMetrics } from './workqueue-metrics.ts';

export interface AddOptions {
  /** Higher goes first (default 0); of several adds of one key the highest wins. */
  readonly priority?: number;
}

export interface WorkItem {
  readonly key: string;
  readonly priority: number;
}

export interface WorkqueueOptions {
  readonly name: string;
  readonly clock?: Clock;
  readonly metrics?: RuntimeMetrics;
  /** First delay of `addRateLimited` in milliseconds (default 5); doubles with each failure of that key. */
  readonly baseDelayMs?: number;
  /** Longest delay of `addRateLimited` in milliseconds (default 300 000). */
  readonly maxDelayMs?: number;
}

interface Entry extends HeapItem {
  readonly key: string;
  priority: number;
  /** Monotonic time in milliseconds from which the key may be handed out. */
  readyAt: number;
  /** Monotonic time at which it became ready, for the queue duration. */
  queuedAt: number;
  seq: number;
  /** Delayed: in the delay heap. Ready: in the ready heap. Held: due, but the key is being processed. */
  place: 'delayed' | 'ready' | 'held';
}

interface Waiter {
  readonly resolve: (item: WorkItem | undefined) => void;
}

/**
 * A deduplicating, rate limited queue of keys, after controller-runtime's priority queue: of several adds of one
 * key the highest priority and the shortest delay win, and a key being processed is never handed out a second
 * time: an add meanwhile is kept until `done`.
 */
export class Workqueue {
  readonly #clock: Clock;
  readonly #baseDelayMs: number;
  readonly #maxDelayMs: number;
  readonly #metrics: WorkqueueMetrics;
  readonly #entries = new Map<string, Entry>();
  /** Keys handed out, with the monotonic time of it. */
  readonly #processing = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #waiters = new Set<Waiter>();
  readonly #ready = new IndexedHeap<Entry>((a, b) =>
    a.priority !== b.priority ? a.priority > b.priority : a.seq < b.seq,
  );
  readonly #delayed = new IndexedHeap<Entry>((a, b) =>
    a.readyAt !== b.readyAt ? a.readyAt < b.readyAt : a.seq < b.seq,
  );
  #seq = 0;
  #cancelTimer: (() => void) | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(options: WorkqueueOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#baseDelayMs = options.baseDelayMs ?? 5;
    this.#maxDelayMs = options.maxDelayMs ?? 300_000;
    this.#metrics = new WorkqueueMetrics(options.metrics ?? noopMetrics, options.name, {
      depth: () => this.depth(),
      processingSince: () => this.#processing.values(),
      nowMs: () => this.#clock.monotonic(),
    });
  }

  /** Queues the key, or raises what is queued already: ready at once, at the higher priority. */
  add(key: string, options?: AddOptions): void {
    this.#put(key, 0, options?.priority ?? 0);
  }

  /** Queues the key after `ms` milliseconds; an earlier time already set stays. */
  addAfter(key: string, ms: number, options?: AddOptions): void {
    this.#put(key, Math.max(0, ms), options?.priority ?? 0);
  }

  /** Queues the key after its own exponential delay and counts one more failure of it. Returns the delay (ms). */
  addRateLimited(key: string, options?: AddOptions): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const ms = Math.min(this.#maxDelayMs, this.#baseDelayMs * 2 ** Math.min(failures, 52));
    this.#metrics.retries.inc();
    this.#put(key, ms, options?.priority ?? 0);
    return ms;
  }

  /** Failures of the key since `forget`. */
  retries(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Clears the key's failures, so that its next rate limited add is quick again. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /**
   * Waits for the next key. Undefined when the signal aborts or the queue is stopped. Each key got must be given
   * back with `done`.
   */
  get(signal?: AbortSignal): Promise<WorkItem | undefined> {
    if (this.#stopped || signal?.aborted) return Promise.resolve(undefined);
    const entry = this.#ready.pop();
    if (entry) return Promise.resolve(this.#handOut(entry));
    return new Promise((resolve) => {
      const onAbort = (): void => waiter.resolve(undefined);
      const waiter: Waiter = {
        resolve: (item) => {
          this.#waiters.delete(waiter);
          signal?.removeEventListener('abort', onAbort);
          resolve(item);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** Gives a key back; if it was added meanwhile it becomes ready now. */
  done(key: string): void {
    const since = this.#processing.get(key);
    if (since === undefined) return;
    this.#processing.delete(key);
    this.#metrics.worked((this.#clock.monotonic() - since) / 1000);
    const entry = this.#entries.get(key);
    if (entry?.place === 'held') this.#makeReady(entry);
  }

  /** Keys that are due: ready, or held behind their own processing. Delayed ones do not count. */
  depth(): number {
    return this.#entries.size - this.#delayed.size;
  }

  /** Keys waiting for a delay to pass. */
  get delayed(): number {
    return this.#delayed.size;
  }

  /** Ends every `get`, drops what is queued and refuses further adds. Keys being processed may still be `done`. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#metrics.close();
    this.#entries.clear();
    this.#failures.clear();
    for (const waiter of this.#waiters) waiter.resolve(undefined);
  }

  #put(key: string, delayMs: number, priority: number): void {
    if (this.#stopped) return;
    const readyAt = this.#clock.monotonic() + delayMs;
    const entry = this.#entries.get(key);
    if (!entry) {
      this.#insert(key, readyAt, delayMs > 0, priority);
      return;
    }
    if (priority > entry.priority) {
      entry.priority = priority;
      if (entry.place === 'ready') this.#ready.update(entry);
    }
    if (entry.place !== 'delayed' || readyAt >= entry.readyAt) return;
    this.#delayed.remove(entry);
    entry.readyAt = readyAt;
    if (delayMs > 0) this.#delay(entry);
    else this.#due(entry);
  }

  #insert(key: string, readyAt: number, delayed: boolean, priority: number): void {
    const entry: Entry = { key, priority, readyAt, queuedAt: 0, seq: this.#seq++, place: 'delayed', heapIndex: -1 };
    this.#entries.set(key, entry);
    if (delayed) this.#delay(entry);
    else this.#due(entry);
  }

  #delay(entry: Entry): void {
    this.#delayed.push(entry);
    this.#arm();
  }

  /** The delay is over, or there was none. */
  #due(entry: Entry): void {
    this.#metrics.adds.inc();
    entry.seq = this.#seq++;
    if (this.#processing.has(entry.key)) entry.place = 'held';
    else this.#makeReady(entry);
  }

  #makeReady(entry: Entry): void {
    entry.place = 'ready';
    entry.queuedAt = this.#clock.monotonic();
    const waiter = this.#waiters.values().next().value;
    if (waiter) waiter.resolve(this.#handOut(entry));
    else this.#ready.push(entry);
  }

  #handOut(entry: Entry): WorkItem {
    const now = this.#clock.monotonic();
    this.#entries.delete(entry.key);
    this.#processing.set(entry.key, now);
    this.#metrics.waited((now - entry.queuedAt) / 1000);
    return { key: entry.key, priority: entry.priority };
  }

  /** One timer, for the earliest delayed key. */
  #arm(): void {
    const next = this.#delayed.peek();
    if (!next || next.readyAt >= this.#timerAt) return;
    this.#cancelTimer?.();
    this.#timerAt = next.readyAt;
    // Timers may fire a fraction of a millisecond early against the monotonic clock; then this is set again.
    const ms = Math.ceil(next.readyAt - this.#clock.monotonic());
    this.#cancelTimer = this.#clock.setTimer(() => this.#fire(), ms);
  }

  #fire(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#cancelTimer = undefined;
    const now = this.#clock.monotonic();
    for (let next = this.#delayed.peek(); next && next.readyAt <= now; next = this.#delayed.peek()) {
      this.#delayed.remove(next);
      this.#due(next);
    }
    this.#arm();
  }
}
