/** Why there was no usable answer; values of `KubeError.reason` next to those of the API (`NotFound`, ...). */
export const UNREACHABLE_REASONS = {
  connection: 'ConnectionFailed',
  timeout: 'RequestTimedOut',
  idle: 'WatchIdle',
  circuitOpen: 'CircuitOpen',
} as const;

const UNREACHABLE: ReadonlySet<string> = new Set(Object.values(UNREACHABLE_REASONS));

/** The API's own error object, as far as it is used. */
export interface StatusBody {
  readonly kind?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: { readonly retryAfterSeconds?: number; readonly [field: string]: unknown };
}

export interface KubeErrorInit {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly reason: string;
  readonly body?: StatusBody | string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** Every failure of a `KubeClient`. */
export class KubeError extends Error {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** The API's reason (`NotFound`, `Conflict`, ...) or one of `UNREACHABLE_REASONS`. */
  readonly reason: string;
  /** The answer's body: a Status object, or text when it was none. */
  readonly body: StatusBody | string | undefined;
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfterMs?: number;

  constructor(message: string, init: KubeErrorInit) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.name = 'KubeError';
    this.status = init.status;
    this.reason = init.reason;
    this.body = init.body;
    if (init.retryAfterMs !== undefined) this.retryAfterMs = init.retryAfterMs;
  }
}

/** Thrown at once, without a request, while the breaker of a cluster is open. */
export class CircuitOpenError extends KubeError {
  readonly cluster: string;
  /** Wall time (ms epoch) from which the cluster is tried again. */
  readonly retryAt: number;

  constructor(cluster: string, lastCause: string, retryAfterMs: number, retryAt: number) {
    const seconds = Math.ceil(retryAfterMs / 1000);
    super(`cluster ${cluster} is unreachable (${lastCause}); it is tried again in ${seconds} s`, {
      status: 0,
      reason: UNREACHABLE_REASONS.circuitOpen,
      retryAfterMs,
    });
    this.name = 'CircuitOpenError';
    this.cluster = cluster;
    this.retryAt = retryAt;
  }
}

/** A write that the guard refused; nothing was sent. */
export class WriteRefusedError extends KubeError {
  constructor(cluster: string, why: string) {
    super(`write to cluster ${cluster} was not sent: ${why}`, { status: 0, reason: 'WriteRefused' });
    this.name = 'WriteRefusedError';
  }
}

function has(error: unknown, status: number, reason?: string): boolean {
  return error instanceof KubeError && error.status === status && (reason === undefined || error.reason === reason);
}

/** The object is not there. A path that is not served at all (kind not installed, a proxy's 404) does not count. */
export const isNotFound = (error: unknown): boolean => has(error, 404, 'NotFound');
/** The precondition (resourceVersion or uid) did not hold. */
export const isConflict = (error: unknown): boolean => has(error, 409, 'Conflict');
export const isAlreadyExists = (error: unknown): boolean => has(error, 409, 'AlreadyExists');
/** The resourceVersion or continue token is too old. */
export const isGone = (error: unknown): boolean => has(error, 410);
export const isInvalid = (error: unknown): boolean => has(error, 422);
export const isForbidden = (error: unknown): boolean => has(error, 403);
export const isUnauthorized = (error: unknown): boolean => has(error, 401);
/** The server will not take this request as it is, however often it is sent. */
export const isRefused = (error: unknown): boolean =>
  error instanceof KubeError &&
  error.status >= 400 &&
  error.status < 500 &&
  error.status !== 409 &&
  error.status !== 429;
/** There was no answer: no connection, a deadline passed, or the breaker is open. A write may still have happened. */
export const isUnreachable = (error: unknown): boolean => error instanceof KubeError && UNREACHABLE.has(error.reason);
/** The guard (leadership) refused the write; it was not sent. */
export const isWriteRefused = (error: unknown): boolean => error instanceof WriteRefusedError;

/** An error out of an HTTP answer that is no success. `what` names the request. */
export function errorFromResponse(what: string, status: number, text: string, retryAfterMs?: number): KubeError {
  const body = parseStatus(text);
  const reason = (typeof body === 'object' && body.reason) || `HTTP${status}`;
  const message = (typeof body === 'object' && body.message) || text.slice(0, 200) || `HTTP status ${status}`;
  return new KubeError(`${what}: ${message}`, {
    status,
    reason,
    body,
    retryAfterMs: retryAfterMs ?? detailsRetry(body),
  });
}

function parseStatus(text: string): StatusBody | string {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && (body as StatusBody).kind === 'Status') return body as StatusBody;
  } catch {
    // Not JSON: a proxy's page, or cut off. The text is kept.
  }
  return text.slice(0, 2000);
}

function detailsRetry(body: StatusBody | string): number | undefined {
  const seconds = typeof body === 'object' ? body.details?.retryAfterSeconds : undefined;
  return typeof seconds === 'number' ? seconds * 1000 : undefined;
}
