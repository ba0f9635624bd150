import { iso } from '../core/iso.ts';
import { isForbidden, isUnauthorized } from '../kube/errors.ts';
import { errorMessage } from '../runtime/errors.ts';
import { MEMBER_REASON, type Problem } from './reasons.ts';

/** Looks that did not succeed, in a row. */
interface Failure {
  readonly reason: Problem['reason'];
  /** The first cause: what follows (an open breaker) says less. */
  readonly cause: string;
  readonly sinceMs: number;
  readonly count: number;
}

/** What the looks at one cluster have shown so far; forgotten when the credentials change. */
export class Link {
  #failure: Failure | undefined;
  #answered = false;
  #sinceMs: number;

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  reset(nowMs: number): void {
    this.#failure = undefined;
    this.#answered = false;
    this.#sinceMs = nowMs;
  }

  /** Wall time of the start, or of the last change of credentials. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Failed looks since the last answer. */
  get failures(): number {
    return this.#failure?.count ?? 0;
  }

  /** A single look may fail while the cluster is well, but not the first of all, and not for want of rights. */
  get down(): boolean {
    if (this.#failure === undefined) return false;
    return this.#failure.count > 1 || !this.#answered || this.#failure.reason !== MEMBER_REASON.Unreachable;
  }

  answered(): void {
    this.#failure = undefined;
    this.#answered = true;
  }

  /** Notes a failed look. True when it is another failure than the last time. */
  failed(error: unknown, nowMs: number): boolean {
    const { reason, cause } = explain(error);
    const before = this.#failure;
    const same = before !== undefined && before.reason === reason;
    const count = (before?.count ?? 0) + 1;
    this.#failure = same ? { ...before, count } : { reason, cause, sinceMs: nowMs, count };
    return !same;
  }

  /** Why nothing can be said of the cluster now: it is down, or was never heard. */
  problem(server: string): Problem | undefined {
    if (this.down && this.#failure !== undefined) {
      return { reason: this.#failure.reason, message: describe(this.#failure, server) };
    }
    return this.#answered ? undefined : this.connecting(server);
  }

  connecting(server: string): Problem {
    const message =
      `Connecting to ${server} since ${iso(this.#sinceMs)}; ` +
      'nothing is placed there before it is known to be the right cluster and ours.';
    return { reason: MEMBER_REASON.Connecting, message };
  }
}

function explain(error: unknown): { reason: Problem['reason']; cause: string } {
  const cause = error === undefined ? 'its kube-system namespace has no uid' : errorMessage(error);
  if (isUnauthorized(error)) return { reason: MEMBER_REASON.CredentialsRefused, cause };
  if (isForbidden(error)) return { reason: MEMBER_REASON.SetupRefused, cause };
  return { reason: MEMBER_REASON.Unreachable, cause };
}

function describe({ reason, cause, sinceMs }: Failure, server: string): string {
  const since = iso(sinceMs);
  if (reason === MEMBER_REASON.CredentialsRefused) {
    return (
      `${server} has refused the credentials since ${since} (${cause}). ` +
      'Put a kubeconfig with valid ones into the Secret; it is read at once.'
    );
  }
  if (reason === MEMBER_REASON.SetupRefused) {
    return `${server} answers, but its identity may not be read since ${since} (${cause}). Grant get of namespaces.`;
  }
  return (
    `${server} has not answered since ${since} (${cause}). Check that it runs and that the hub can reach it; ` +
    'what runs there goes on, nothing new is placed there until it answers.'
  );
}
