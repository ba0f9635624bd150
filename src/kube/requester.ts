import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type BackoffConfig, fullJitterMs } from '../runtime/backoff.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import { errorMessage } from '../runtime/errors.ts';
import { noopMetrics } from '../runtime/metrics.ts';
import { Authorization } from './auth.ts';
import { type Admission, CircuitBreaker } from './breaker.ts';
import { ClientMetrics } from './client-metrics.ts';
import type { CallOptions, KubeClientOptions } from './client-types.ts';
import type { ClusterCredentials } from './credentials.ts';
import {
  CircuitOpenError,
  errorFromResponse,
  isUnauthorized,
  isUnreachable,
  KubeError,
  UNREACHABLE_REASONS,
  WriteRefusedError,
} from './errors.ts';
import { TokenBucket } from './rate-limit.ts';
import { SkewEstimate } from './skew.ts';
import { Slots } from './slots.ts';
import { type HttpRequest, type HttpResponse, NotSentError, Transport } from './transport.ts';

const gunzipAsync = promisify(gunzip);

/** A timeout shorter than this says more about the caller's haste than about the server. */
const TELLING_TIMEOUT_MS = 1000;
const RETRY: BackoffConfig = { baseMs: 100, maxMs: 5000, minMs: 20 };
/** A server that asks for a longer pause is left to the caller's own backoff. */
const MAX_RETRY_AFTER_MS = 10_000;
/** A write keeps at least so much distance from the end of the guard's term. */
const GUARD_MARGIN_MS = 100;

/** One request as the verbs describe it. */
export interface Plan {
  /** For metrics and errors: get, list, create, ... */
  readonly verb: string;
  readonly method: HttpRequest['method'];
  readonly path: string;
  readonly contentType?: string;
  readonly body?: string;
  /** May be sent again after it perhaps had its effect. */
  readonly repeatable: boolean;
  /** The guard is asked first. */
  readonly guarded: boolean;
  readonly gzip?: boolean;
  readonly options: CallOptions;
}

/** Sends requests to one cluster: authorization, deadline, bounds, breaker, guard and retries. */
export class Requester {
  readonly cluster: string;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly breaker: CircuitBreaker;
  readonly skew: SkewEstimate;
  readonly #options: KubeClientOptions;
  readonly #metrics: ClientMetrics;
  readonly #slots: Slots;
  readonly #bucket: TokenBucket | undefined;
  #transport: Transport;
  #credentials: ClusterCredentials;
  #auth: Authorization;
  #headers = new Map<string, string[]>();
  #headersFor: string | undefined;
  #closed = false;

  constructor(options: KubeClientOptions) {
    this.#options = options;
    this.cluster = options.cluster;
    this.clock = options.clock ?? systemClock;
    this.timeoutMs = options.requestTimeoutMs ?? 15_000;
    this.#metrics = new ClientMetrics(options.metrics ?? noopMetrics, options.cluster);
    this.#slots = new Slots(options.maxConnections ?? 32);
    if (options.qps !== undefined) {
      this.#bucket = new TokenBucket(this.clock, options.qps, options.burst ?? options.qps * 2);
    }
    this.skew = new SkewEstimate(this.clock);
    this.breaker = new CircuitBreaker({
      ...options.breaker,
      clock: this.clock,
      ...(options.random ? { random: options.random } : {}),
      onChange: (open, cause) => {
        this.#metrics.circuit(open);
        options.breaker?.onChange?.(open, cause);
      },
    });
    this.#credentials = options.credentials;
    this.#auth = new Authorization(options.credentials, this.clock);
    this.#transport = this.#connect(options.credentials);
  }

  get transport(): Transport {
    return this.#transport;
  }

  /** Uses these from the next request on. Requests in flight finish; watches are cut if the connection changes. */
  setCredentials(credentials: ClusterCredentials): void {
    const auth = new Authorization(credentials, this.clock);
    const same = sameConnection(this.#credentials, credentials);
    const next = same ? this.#transport : this.#connect(credentials);
    const previous = this.#transport;
    this.#auth = auth;
    this.#credentials = credentials;
    this.#transport = next;
    if (same) return;
    this.breaker.reset();
    void previous.close();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#metrics.close();
    return this.#transport.close();
  }

  /** Sends until there is an answer or a reason not to try again; resolves with the answer's body. */
  async send(plan: Plan): Promise<Buffer> {
    let refreshed = false;
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#try(plan);
      } catch (error) {
        if (isUnauthorized(error) && this.#auth.refreshable && !refreshed) {
          refreshed = true;
          await this.#auth.refresh();
          continue;
        }
        const pauseMs = this.#pauseBeforeRetry(error, plan, attempt);
        if (pauseMs === undefined) throw error;
        await this.clock.sleep(pauseMs, plan.options.signal);
        if (plan.options.signal?.aborted) throw error;
      }
    }
  }

  /** Request headers for this content type; shared arrays, which undici only reads. */
  async headers(contentType: string | undefined, gzip: boolean): Promise<string[]> {
    if (this.#auth.missing) await this.#auth.refresh();
    const authorization = this.#auth.header();
    if (authorization !== this.#headersFor) {
      this.#headers = new Map();
      this.#headersFor = authorization;
    }
    const key = gzip ? `${contentType} gzip` : `${contentType}`;
    let headers = this.#headers.get(key);
    if (!headers) {
      headers = ['accept', 'application/json', 'user-agent', this.#options.userAgent ?? 'aidc-operator'];
      if (authorization) headers.push('authorization', authorization);
      if (contentType) headers.push('content-type', contentType);
      if (gzip) headers.push('accept-encoding', 'gzip');
      this.#headers.set(key, headers);
    }
    return headers;
  }

  async #try(plan: Plan): Promise<Buffer> {
    const headers = await this.headers(plan.contentType, plan.gzip === true);
    if (plan.options.urgent) return this.#exchange(plan, headers, false, true);
    // Fail at once rather than queue behind requests that wait for a cluster known to be away.
    this.#refuseIfOpen(this.breaker.refusal());
    await this.#waitForRate(plan);
    await this.#takeSlot(plan);
    try {
      return await this.#exchange(plan, headers, this.admit(), false);
    } finally {
      this.#slots.release();
    }
  }

  /** Leave of the breaker and of `close`. Throws a CircuitOpenError; true when this request is its probe. */
  admit(): boolean {
    if (this.#closed) throw closedError(this.cluster);
    const admission = this.breaker.admit();
    this.#refuseIfOpen(admission);
    return admission.admitted && admission.probe;
  }

  #refuseIfOpen(admission: Admission | undefined): void {
    if (!admission || admission.admitted) return;
    const { cause, retryInMs } = admission;
    throw new CircuitOpenError(this.cluster, cause, retryInMs, this.clock.now() + retryInMs);
  }

  async #waitForRate(plan: Plan): Promise<void> {
    const waitMs = this.#bucket?.reserve() ?? 0;
    if (waitMs === 0) return;
    await this.clock.sleep(waitMs, plan.options.signal);
    plan.options.signal?.throwIfAborted();
  }

  async #takeSlot(plan: Plan): Promise<void> {
    if (this.#slots.tryTake()) return;
    const { signal } = plan.options;
    if (!(await this.#slots.take(signal))) throw signal?.reason ?? new Error('aborted');
  }

  /** One try, nothing to wait for any more. */
  async #exchange(plan: Plan, headers: string[], probe: boolean, urgent: boolean): Promise<Buffer> {
    const { signal } = plan.options;
    let timeoutMs: number;
    try {
      signal?.throwIfAborted();
      timeoutMs = this.#guardedTimeout(plan);
    } catch (error) {
      this.breaker.cancelled(probe);
      throw error;
    }
    const sentAt = this.clock.monotonic();
    const request = { method: plan.method, path: plan.path, headers, body: plan.body, signal };
    let response: HttpResponse;
    try {
      response = await this.#transport.request(request, timeoutMs, urgent);
    } catch (error) {
      this.#failed(plan, error, probe, timeoutMs, sentAt);
      throw error;
    }
    this.breaker.success();
    this.skew.observe(response.headers.date as string | undefined, sentAt);
    this.#metrics.request(plan.verb, response.status, (this.clock.monotonic() - sentAt) / 1000);
    return this.#body(plan, response);
  }

  /** The deadline of this try, below what the guard leaves. Throws a WriteRefusedError where it refuses. */
  #guardedTimeout(plan: Plan): number {
    const timeoutMs = plan.options.timeoutMs ?? this.timeoutMs;
    if (!plan.guarded || !this.#options.beforeWrite) return timeoutMs;
    const verdict = this.#options.beforeWrite();
    if (!verdict.ok) throw new WriteRefusedError(this.cluster, verdict.reason);
    if (verdict.remainingMs === undefined) return timeoutMs;
    const leftMs = verdict.remainingMs - GUARD_MARGIN_MS;
    if (leftMs <= 0) throw new WriteRefusedError(this.cluster, 'too little time is left of the term');
    return Math.min(timeoutMs, leftMs);
  }

  #failed(plan: Plan, error: unknown, probe: boolean, timeoutMs: number, sentAt: number): void {
    const reason = error instanceof KubeError ? error.reason : 'Aborted';
    this.#metrics.request(plan.verb, reason, (this.clock.monotonic() - sentAt) / 1000);
    const telling = isUnreachable(error) && (reason !== UNREACHABLE_REASONS.timeout || timeoutMs >= TELLING_TIMEOUT_MS);
    if (telling) this.breaker.failure(probe, errorMessage(error));
    else this.breaker.cancelled(probe);
  }

  async #body(plan: Plan, response: HttpResponse): Promise<Buffer> {
    const zipped = response.headers['content-encoding'] === 'gzip';
    const body = zipped ? await gunzipAsync(response.body) : response.body;
    if (response.status >= 200 && response.status < 300) return body;
    const what = `${plan.verb} ${plan.path} in cluster ${this.cluster}`;
    throw errorFromResponse(what, response.status, body.toString('utf8'), retryAfterMs(response));
  }

  /** How long to wait before the next try in milliseconds; undefined where there is none. */
  #pauseBeforeRetry(error: unknown, plan: Plan, attempt: number): number | undefined {
    const retries = plan.options.maxRetries ?? this.#options.maxRetries ?? 3;
    if (attempt >= retries || plan.options.signal?.aborted || !(error instanceof KubeError)) return undefined;
    if (this.#closed) return undefined;
    const asked = error.retryAfterMs;
    if (asked !== undefined && asked > MAX_RETRY_AFTER_MS) return undefined;
    const again =
      error.status === 429 ||
      (error.status >= 500 && plan.repeatable) ||
      (error.reason === UNREACHABLE_REASONS.connection && (plan.repeatable || error instanceof NotSentError));
    if (!again || this.breaker.open) return undefined;
    // Everyone who was sent away was told the same second: spread them.
    const jitterMs = fullJitterMs(attempt, RETRY, this.#options.random ?? Math.random);
    return asked === undefined ? jitterMs : asked + jitterMs;
  }

  #connect(credentials: ClusterCredentials): Transport {
    const { cluster, maxConnections = 32 } = this.#options;
    return new Transport({ cluster, credentials, maxConnections, clock: this.clock });
  }
}

function closedError(cluster: string): KubeError {
  const init = { status: 0, reason: UNREACHABLE_REASONS.connection };
  return new KubeError(`cluster ${cluster}: the client was closed`, init);
}

function sameConnection(a: ClusterCredentials, b: ClusterCredentials): boolean {
  return (
    a.server === b.server &&
    a.ca === b.ca &&
    a.cert === b.cert &&
    a.key === b.key &&
    a.serverName === b.serverName &&
    a.insecure === b.insecure
  );
}

function retryAfterMs(response: HttpResponse): number | undefined {
  const value = response.headers['retry-after'];
  if (typeof value !== 'string') return undefined;
  const seconds = Number(value);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}
