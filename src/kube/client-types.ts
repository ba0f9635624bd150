import type { Clock } from '../runtime/clock.ts';
import type { RuntimeMetrics } from '../runtime/metrics.ts';
import type { BreakerOptions } from './breaker.ts';
import type { ClusterCredentials } from './credentials.ts';

/** What the write guard says; `remainingMs` bounds the write's deadline. */
export type WriteGuardResult =
  | { readonly ok: true; readonly remainingMs?: number }
  | { readonly ok: false; readonly reason: string };

export interface KubeClientOptions {
  /** Name of the cluster in errors, logs and metrics. */
  readonly cluster: string;
  readonly credentials: ClusterCredentials;
  /** Requests a second (default: no limit). */
  readonly qps?: number;
  /** Requests that may go at once before `qps` holds them back (default 2 x qps). */
  readonly burst?: number;
  /** Deadline of one try in milliseconds (default 15 000). */
  readonly requestTimeoutMs?: number;
  /** Connections, and so requests in flight, not counting watches (default 32). */
  readonly maxConnections?: number;
  readonly userAgent?: string;
  readonly metrics?: RuntimeMetrics;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Tries after the first, for requests that may be repeated (default 3). */
  readonly maxRetries?: number;
  /** Asked directly before each write is sent, retries included; never for dry runs. */
  readonly beforeWrite?: () => WriteGuardResult;
  /** Ask for compressed lists (default: unless the server is on this machine). */
  readonly gzipLists?: boolean;
  readonly breaker?: Pick<BreakerOptions, 'threshold' | 'baseOpenMs' | 'maxOpenMs' | 'onChange'>;
}

/** Options of every request. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Deadline of one try in milliseconds, if not the client's. */
  readonly timeoutMs?: number;
  /** Passes the rate limit, the breaker and the connection bound; for the leader's lease only. */
  readonly urgent?: boolean;
  /** Tries after the first, if not the client's. */
  readonly maxRetries?: number;
}

export interface GetOptions extends CallOptions {
  readonly namespace?: string;
  readonly name: string;
  readonly subresource?: string;
}

export interface ListOptions extends CallOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan';
}

export interface WriteOptions extends CallOptions {
  readonly namespace?: string;
  readonly subresource?: string;
  /** Validate and answer as if, but store nothing. */
  readonly dryRun?: boolean;
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
  readonly fieldManager?: string;
}

export interface CreateOptions extends WriteOptions {
  /** With `subresource` (`binding`, `eviction`): the object it is made on. */
  readonly name?: string;
  readonly body: object;
}

export interface BodyOptions extends WriteOptions {
  readonly name: string;
  readonly body: object;
}

export interface JsonPatchOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'test' | 'copy' | 'move';
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

export interface JsonPatchOptions extends WriteOptions {
  readonly name: string;
  readonly body: readonly JsonPatchOperation[];
}

export interface ApplyOptions extends WriteOptions {
  readonly name: string;
  readonly body: object;
  readonly fieldManager: string;
  /** Take over fields other managers own (default true). */
  readonly force?: boolean;
}

export interface DeleteOptions extends CallOptions {
  readonly namespace?: string;
  readonly name: string;
  /** Delete only the object with this uid; another one makes a Conflict. */
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
  readonly gracePeriodSeconds?: number;
  readonly dryRun?: boolean;
}

export interface WatchOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Watch from here; absent: from any recent state, with ADDED events first. */
  readonly resourceVersion?: string;
  /** The server ends the watch after so many seconds. */
  readonly timeoutSeconds?: number;
  /** Cut after so many milliseconds without a byte (default 0: never). */
  readonly idleMs?: number;
  readonly signal?: AbortSignal;
  /** The server accepted the watch. */
  readonly onOpen?: () => void;
  readonly onBytes?: () => void;
}

export interface ServerVersion {
  readonly major: string;
  readonly minor: string;
  readonly gitVersion: string;
}
