import type { Clock } from '../runtime/clock.ts';
import { errorMessage } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import { type CounterHandle, noopMetrics, type RuntimeMetrics } from '../runtime/metrics.ts';
import type { KubeClient } from './client.ts';
import { isNotFound } from './errors.ts';
import { microTime } from './micro-time.ts';
import { EVENTS, type KubeObject } from './resource.ts';

export interface EventOptions {
  /** What was being done, CamelCase (default: the reason). */
  readonly action?: string;
  /** Another key lets a new event through though the reason is the same. Keep their number small. */
  readonly messageKey?: string;
}

export interface EventRecorderOptions {
  readonly client: Pick<KubeClient, 'create' | 'mergePatch'>;
  /** Name of the controller, e.g. `aidc.dev/operator`. */
  readonly component: string;
  /** Name of this process, e.g. its pod. */
  readonly instance: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: RuntimeMetrics;
  readonly random?: () => number;
  /** One event per object, reason and message key in so many milliseconds (default 600 000). */
  readonly windowMs?: number;
  /** At least so many milliseconds between two writes (default 100). */
  readonly paceMs?: number;
  /** Events that may wait to be written; more are dropped (default 500). */
  readonly maxPending?: number;
}

interface Seen {
  /** Monotonic time in milliseconds of the last write. */
  sentAt: number;
  count: number;
  readonly namespace: string;
  /** Name of the Event object, once it was created. */
  name?: string;
}

type Write = () => Promise<void>;

const MAX_REMEMBERED = 4096;
const MAX_NOTE_BYTES = 1024;

/**
 * Tells people what happened, as Events. Repetitions are counted and written as a series at most once a window.
 * Never blocks and never throws: what cannot be written is dropped and counted.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #seen = new Map<string, Seen>();
  readonly #pending: Write[] = [];
  #writing = false;
  readonly #count: (result: string) => CounterHandle;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    const events = (options.metrics ?? noopMetrics).counter(
      'aidc_events_total',
      'Events by result (written, suppressed, dropped, error)',
      ['result'],
    );
    this.#count = (result) => events.labels({ result });
  }

  /** Events waiting to be written. */
  get pending(): number {
    return this.#pending.length;
  }

  /** Records one event on the object. Returns at once. */
  event(
    object: KubeObject,
    type: 'Normal' | 'Warning',
    reason: string,
    note: string,
    options: EventOptions = {},
  ): void {
    try {
      this.#record(object, type, reason, note, options);
    } catch (error) {
      this.#count('error').inc();
      this.#options.logger.warn('event not recorded', { reason, error: errorMessage(error) });
    }
  }

  #record(object: KubeObject, type: string, reason: string, note: string, options: EventOptions): void {
    const { uid, namespace, name } = object.metadata;
    const key = [uid ?? `${namespace}/${name}`, type, reason, options.messageKey ?? ''].join('\n');
    const now = this.#options.clock.monotonic();
    const seen = this.#seen.get(key);
    if (seen) {
      seen.count += 1;
      if (now - seen.sentAt < (this.#options.windowMs ?? 600_000)) {
        this.#count('suppressed').inc();
        return;
      }
    }
    if (this.#pending.length >= (this.#options.maxPending ?? 500)) {
      this.#count('dropped').inc();
      return;
    }
    const entry: Seen = seen ?? { sentAt: now, count: 1, namespace: namespace ?? 'default' };
    entry.sentAt = now;
    // Set anew, so that the map is ordered by last use and the oldest can be forgotten.
    this.#seen.delete(key);
    this.#seen.set(key, entry);
    if (this.#seen.size > MAX_REMEMBERED) this.#seen.delete(this.#seen.keys().next().value as string);
    const body = this.#body(object, type, reason, note, options, entry);
    this.#pending.push(() => this.#write(entry, body));
    if (!this.#writing) void this.#drain();
  }

  #body(object: KubeObject, type: string, reason: string, note: string, options: EventOptions, entry: Seen): object {
    const { apiVersion, kind, metadata } = object;
    const { name, namespace, uid, resourceVersion } = metadata;
    const { clock, component, instance, random = Math.random } = this.#options;
    const suffix = `${clock.now().toString(16)}${Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0')}`;
    return {
      metadata: { name: `${name.slice(0, 220)}.${suffix}`, namespace: entry.namespace },
      eventTime: microTime(clock.now()),
      reportingController: component,
      reportingInstance: instance.slice(0, 128),
      action: (options.action ?? reason).slice(0, 128),
      reason: reason.slice(0, 128),
      type,
      note: cutBytes(note, MAX_NOTE_BYTES),
      regarding: { apiVersion, kind, name, namespace, uid, resourceVersion },
    };
  }

  async #drain(): Promise<void> {
    const { clock, logger, paceMs = 100 } = this.#options;
    this.#writing = true;
    for (let write = this.#pending.shift(); write; write = this.#pending.shift()) {
      try {
        await write();
        this.#count('written').inc();
      } catch (error) {
        this.#count('error').inc();
        logger.debug('event not written', { error: errorMessage(error) });
      }
      if (this.#pending.length > 0) await clock.sleep(paceMs);
    }
    this.#writing = false;
  }

  /** A repetition updates its Event; when that has expired (they live for an hour) a new one is made. */
  async #write(entry: Seen, body: object): Promise<void> {
    const { client, clock } = this.#options;
    const { namespace, name } = entry;
    if (name !== undefined && entry.count > 1) {
      const series = { count: entry.count, lastObservedTime: microTime(clock.now()) };
      try {
        // All but the series is immutable: the note of the first one stays.
        await client.mergePatch(EVENTS, { namespace, name, body: { series } });
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    const created = await client.create<KubeObject>(EVENTS, { namespace, body });
    entry.name = created.metadata.name;
  }
}

/** Cuts at a character boundary, so that the text has at most so many bytes. */
function cutBytes(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  const cut = Buffer.from(text)
    .subarray(0, maxBytes - 3)
    .toString('utf8')
    .replace(/\uFFFD+$/, '');
  return `${cut}...`;
}
