import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, Pool } from 'undici';
import type { Clock } from '../runtime/clock.ts';
import { errorMessage } from '../runtime/errors.ts';
import type { ClusterCredentials } from './credentials.ts';
import { KubeError, UNREACHABLE_REASONS } from './errors.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** Name, value, name, value, ... */
  readonly headers: string[];
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Called for a response whose body never ends by itself. Exactly one of `onEnd` and `onError` comes last. */
export interface StreamHandler {
  onHeaders(status: number, headers: IncomingHttpHeaders): void;
  onData(chunk: Buffer): void;
  onEnd(): void;
  onError(error: KubeError): void;
}

export interface StreamControl {
  abort(reason: Error): void;
  pause(): void;
  resume(): void;
}

/** The request was surely not written to a socket, so that sending it again cannot do it twice. */
export class NotSentError extends KubeError {}

export interface TransportOptions {
  readonly cluster: string;
  readonly credentials: ClusterCredentials;
  readonly maxConnections: number;
  readonly clock: Clock;
}

/**
 * The connections to one apiserver. Requests go through a bounded pool of kept-alive connections; streams and urgent
 * requests have a pool of their own, so that they never queue behind others. HTTP/1.1, because a lost connection then
 * costs one request and no stream blocks another.
 */
export class Transport {
  readonly #cluster: string;
  readonly #clock: Clock;
  readonly #requests: Pool;
  readonly #streams: Pool;
  readonly #prefix: string;

  constructor(options: TransportOptions) {
    this.#cluster = options.cluster;
    this.#clock = options.clock;
    const url = new URL(options.credentials.server);
    this.#prefix = url.pathname.replace(/\/+$/, '');
    this.#requests = new Pool(url.origin, poolOptions(options.credentials, options.maxConnections));
    this.#streams = new Pool(url.origin, poolOptions(options.credentials, null));
  }

  /**
   * Sends one request and reads its whole answer. Rejects with a KubeError of an unreachable reason when there was
   * none within `timeoutMs`, with a NotSentError when nothing was written, and with the signal's reason on abort.
   */
  request(request: HttpRequest, timeoutMs: number, urgent: boolean): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      const call = new Call(this.#cluster, request, resolve, reject);
      call.start(this.#clock, timeoutMs);
      this.#dispatch(urgent ? this.#streams : this.#requests, request, call);
    });
  }

  /** Opens a response that is read as it comes. There is no deadline here: the caller has a timer. */
  stream(request: HttpRequest, handler: StreamHandler): StreamControl {
    const stream = new Stream(this.#cluster, handler);
    this.#dispatch(this.#streams, request, stream);
    return stream;
  }

  /** Lets requests finish and cuts streams. */
  async close(): Promise<void> {
    const reason = new KubeError(`connections to cluster ${this.#cluster} were closed`, {
      status: 0,
      reason: UNREACHABLE_REASONS.connection,
    });
    await Promise.allSettled([this.#requests.close(), this.#streams.destroy(reason)]);
  }

  #dispatch(pool: Pool, request: HttpRequest, handler: Dispatcher.DispatchHandler): void {
    try {
      pool.dispatch(
        {
          method: request.method,
          path: this.#prefix + request.path,
          headers: request.headers,
          body: request.body ?? null,
          // Every deadline is ours; undici's own have a resolution of half a second.
          headersTimeout: 0,
          bodyTimeout: 0,
        },
        handler,
      );
    } catch (error) {
      handler.onResponseError?.(undefined as never, error as Error);
    }
  }
}

function poolOptions(credentials: ClusterCredentials, connections: number | null): Pool.Options {
  return {
    connections,
    pipelining: 1,
    allowH2: false,
    // Go's server closes idle connections after 90 s or more; leave before it does.
    keepAliveTimeout: 55_000,
    keepAliveMaxTimeout: 55_000,
    connect: {
      timeout: 5000,
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      ...(credentials.ca === undefined ? {} : { ca: credentials.ca }),
      ...(credentials.cert === undefined ? {} : { cert: credentials.cert }),
      ...(credentials.key === undefined ? {} : { key: credentials.key }),
      ...(credentials.serverName === undefined ? {} : { servername: credentials.serverName }),
      rejectUnauthorized: credentials.insecure !== true,
    },
  };
}

/** One request: collects the answer, or fails by deadline, abort or connection. */
class Call implements Dispatcher.DispatchHandler {
  readonly #cluster: string;
  readonly #request: HttpRequest;
  readonly #resolve: (response: HttpResponse) => void;
  readonly #reject: (error: unknown) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #cancelTimer: (() => void) | undefined;
  #failure: unknown;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #chunks: Buffer[] = [];

  constructor(
    cluster: string,
    request: HttpRequest,
    resolve: (response: HttpResponse) => void,
    reject: (error: unknown) => void,
  ) {
    this.#cluster = cluster;
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(clock: Clock, timeoutMs: number): void {
    this.#cancelTimer = clock.setTimer(() => this.#timedOut(timeoutMs), timeoutMs);
    this.#request.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#failure !== undefined) controller.abort(this.#failure as Error);
  }

  onResponseStart(_controller: unknown, status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#settle();
    const body = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
    this.#resolve({ status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#settle();
    this.#reject(this.#failure ?? connectionError(this.#cluster, error, this.#controller !== undefined));
  }

  readonly #onAbort = (): void => this.#fail(this.#request.signal?.reason ?? new Error('aborted'));

  #timedOut(timeoutMs: number): void {
    const phase =
      this.#controller === undefined ? 'no connection' : this.#status === 0 ? 'no answer' : 'no whole answer';
    const message = `cluster ${this.#cluster}: ${phase} within ${Math.round(timeoutMs)} ms to ${this.#request.method} ${this.#request.path}`;
    this.#fail(new KubeError(message, { status: 0, reason: UNREACHABLE_REASONS.timeout }));
  }

  /** Fails now; the socket is cut when there is one, else as soon as undici would use it. */
  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error instanceof Error ? error : new Error(String(error));
    this.#settle();
    this.#reject(this.#failure);
    this.#controller?.abort(this.#failure as Error);
  }

  #settle(): void {
    this.#cancelTimer?.();
    this.#request.signal?.removeEventListener('abort', this.#onAbort);
  }
}

class Stream implements Dispatcher.DispatchHandler, StreamControl {
  readonly #cluster: string;
  readonly #handler: StreamHandler;
  #controller: Dispatcher.DispatchController | undefined;
  #aborted: Error | undefined;

  constructor(cluster: string, handler: StreamHandler) {
    this.#cluster = cluster;
    this.#handler = handler;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#aborted) controller.abort(this.#aborted);
  }

  onResponseStart(_controller: unknown, status: number, headers: IncomingHttpHeaders): void {
    this.#handler.onHeaders(status, headers);
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    this.#handler.onData(chunk);
  }

  onResponseEnd(): void {
    this.#handler.onEnd();
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#handler.onError(connectionError(this.#cluster, error, this.#controller !== undefined));
  }

  abort(reason: Error): void {
    this.#aborted ??= reason;
    this.#controller?.abort(reason);
  }

  pause(): void {
    this.#controller?.pause();
  }

  resume(): void {
    this.#controller?.resume();
  }
}

function connectionError(cluster: string, error: Error, sent: boolean): KubeError {
  if (error instanceof KubeError) return error;
  const init = { status: 0, reason: UNREACHABLE_REASONS.connection, cause: error };
  const message = `cluster ${cluster}: ${sent ? 'connection lost' : 'no connection'}: ${errorMessage(error)}`;
  return sent ? new KubeError(message, init) : new NotSentError(message, init);
}
