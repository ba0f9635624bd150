import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '../runtime/clock.ts';
import { errorMessage } from '../runtime/errors.ts';
import { errorFromResponse, KubeError, type StatusBody, UNREACHABLE_REASONS } from './errors.ts';
import { LineSplitter } from './lines.ts';
import type { KubeObject } from './resource.ts';
import type { StreamControl, StreamHandler } from './transport.ts';

export type WatchEvent<T extends KubeObject = KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  /** Only `metadata.resourceVersion` is set. */
  | { readonly type: 'BOOKMARK'; readonly object: KubeObject }
  | { readonly type: 'ERROR'; readonly object: StatusBody };

export interface WatchStreamOptions {
  /** Names the request in errors, e.g. `watch pods in cluster east`. */
  readonly what: string;
  readonly clock: Clock;
  /** Deadline for the answer's headers in milliseconds. */
  readonly headersTimeoutMs: number;
  /** Cut the stream after so many milliseconds without a byte; 0 = never. */
  readonly idleMs: number;
  readonly signal?: AbortSignal | undefined;
  /** The server accepted the watch. */
  readonly onOpen?: (() => void) | undefined;
  /** Bytes came. */
  readonly onBytes?: (() => void) | undefined;
}

/** Above this many bytes not yet read the socket is paused, so that a slow reader does not fill the memory. */
const PAUSE_ABOVE_BYTES = 8 * 1024 * 1024;

/** The receiving side of one watch: buffers chunks until they are read, and judges silence. */
export class WatchStream<T extends KubeObject> implements StreamHandler {
  readonly #options: WatchStreamOptions;
  #control: StreamControl | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #paused = false;
  #refusedStatus = 0;
  #refused: Buffer[] = [];
  #ended = false;
  #error: unknown;
  #wake: (() => void) | undefined;
  #cancelTimer: (() => void) | undefined;
  #lastByte = 0;

  constructor(options: WatchStreamOptions) {
    this.#options = options;
  }

  /** Reads events until the server ends the stream or the signal aborts; throws a KubeError on anything else. */
  async *read(start: (handler: StreamHandler) => StreamControl): AsyncGenerator<WatchEvent<T>, void, void> {
    const { signal, clock, headersTimeoutMs } = this.#options;
    if (signal?.aborted) return;
    const onAbort = (): void => this.#finish(undefined);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#cancelTimer = clock.setTimer(() => this.#noHeaders(), headersTimeoutMs);
    this.#control = start(this);
    const lines = new LineSplitter();
    try {
      for (let chunk = await this.#next(); chunk; chunk = await this.#next()) {
        for (const line of lines.push(chunk)) {
          if (signal?.aborted) return;
          yield this.#parse(line);
        }
      }
      if (this.#error !== undefined) throw this.#error;
      if (lines.pendingBytes > 0 && !signal?.aborted) throw this.#broken('the stream ended inside an event');
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#finish(undefined);
    }
  }

  onHeaders(status: number, _headers: IncomingHttpHeaders): void {
    if (this.#ended) return;
    this.#lastByte = this.#options.clock.monotonic();
    if (status !== 200) {
      this.#refusedStatus = status;
      return;
    }
    this.#cancelTimer?.();
    this.#armIdle();
    this.#options.onOpen?.();
  }

  onData(chunk: Buffer): void {
    if (this.#ended) return;
    this.#lastByte = this.#options.clock.monotonic();
    if (this.#refusedStatus !== 0) {
      this.#refused.push(chunk);
      return;
    }
    this.#options.onBytes?.();
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > PAUSE_ABOVE_BYTES && !this.#paused) {
      this.#paused = true;
      this.#control?.pause();
    }
    this.#wake?.();
  }

  onEnd(): void {
    if (this.#refusedStatus === 0) this.#finish(undefined);
    else
      this.#finish(errorFromResponse(this.#options.what, this.#refusedStatus, Buffer.concat(this.#refused).toString()));
  }

  onError(error: KubeError): void {
    this.#finish(error);
  }

  /** The next chunk; undefined at the end. What had come before an error is still read. */
  async #next(): Promise<Buffer | undefined> {
    while (this.#chunks.length === 0) {
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    const chunk = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#bytes = 0;
    if (this.#paused) {
      this.#paused = false;
      this.#control?.resume();
    }
    return chunk;
  }

  #parse(line: string): WatchEvent<T> {
    let event: WatchEvent<T>;
    try {
      event = JSON.parse(line) as WatchEvent<T>;
    } catch (error) {
      throw this.#broken(`an event is no JSON (${errorMessage(error)})`);
    }
    if (typeof event?.type !== 'string' || typeof event.object !== 'object' || event.object === null) {
      throw this.#broken('an event has no type or object');
    }
    return event;
  }

  #broken(why: string): KubeError {
    return new KubeError(`${this.#options.what}: ${why}`, { status: 0, reason: UNREACHABLE_REASONS.connection });
  }

  #noHeaders(): void {
    const { what, headersTimeoutMs } = this.#options;
    const init = { status: 0, reason: UNREACHABLE_REASONS.timeout };
    this.#finish(new KubeError(`${what}: no answer within ${headersTimeoutMs} ms`, init));
  }

  /** One timer a stream, set again only when it fires: bytes just note their time. */
  #armIdle(): void {
    const { clock, idleMs, what } = this.#options;
    if (idleMs <= 0) return;
    const left = this.#lastByte + idleMs - clock.monotonic();
    if (left > 0 || this.#paused) {
      this.#cancelTimer = clock.setTimer(() => this.#armIdle(), Math.max(left, 1000));
      return;
    }
    const init = { status: 0, reason: UNREACHABLE_REASONS.idle };
    this.#finish(new KubeError(`${what}: silent for ${idleMs} ms`, init));
  }

  #finish(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#cancelTimer?.();
    this.#control?.abort(error instanceof Error ? error : new Error('watch ended'));
    this.#wake?.();
  }
}
