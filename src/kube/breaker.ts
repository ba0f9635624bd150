import { fullJitterMs } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';

export interface BreakerOptions {
  readonly clock: Clock;
  readonly random?: () => number;
  /** Failures in a row that open it (default 5). */
  readonly threshold?: number;
  /** Ceiling of the first pause in milliseconds (default 2000), doubled with each failed probe. */
  readonly baseOpenMs?: number;
  /** Ceiling of every pause in milliseconds (default 30 000). */
  readonly maxOpenMs?: number;
  readonly onChange?: (open: boolean, cause: string) => void;
}

export type Admission =
  | { readonly admitted: true; readonly probe: boolean }
  | { readonly admitted: false; readonly retryInMs: number; readonly cause: string };

/**
 * Keeps a cluster that does not answer from costing a deadline per request: after some failures in a row requests
 * fail at once, and after a pause one request at a time probes.
 */
export class CircuitBreaker {
  readonly #options: BreakerOptions;
  #failures = 0;
  #openings = 0;
  /** Monotonic time in milliseconds until which it is open; undefined when closed. */
  #openUntil: number | undefined;
  #probing = false;
  #cause = '';

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  get open(): boolean {
    return this.#openUntil !== undefined;
  }

  /** The answer `admit` would give now if it is no; undefined otherwise. Claims nothing. */
  refusal(): Extract<Admission, { admitted: false }> | undefined {
    if (this.#openUntil === undefined) return undefined;
    const retryInMs = this.#openUntil - this.#options.clock.monotonic();
    if (retryInMs <= 0 && !this.#probing) return undefined;
    // While another request probes there is no time to name; its answer comes soon.
    return { admitted: false, retryInMs: Math.max(retryInMs, 250), cause: this.#cause };
  }

  /** Asks for leave to send one request. Each admitted one reports `success`, `failure` or `cancelled`. */
  admit(): Admission {
    const refusal = this.refusal();
    if (refusal) return refusal;
    if (this.#openUntil === undefined) return { admitted: true, probe: false };
    this.#probing = true;
    return { admitted: true, probe: true };
  }

  /** The cluster answered, whatever it said. */
  success(): void {
    this.#failures = 0;
    this.#openings = 0;
    this.#probing = false;
    if (this.#openUntil === undefined) return;
    this.#openUntil = undefined;
    this.#options.onChange?.(false, this.#cause);
  }

  /** No connection, or no answer in time. */
  failure(probe: boolean, cause: string): void {
    const { clock, threshold = 5, random = Math.random } = this.#options;
    this.#cause = cause;
    this.#failures += 1;
    // While it is open only the probe's result counts; the others were sent before it opened.
    if (this.#openUntil !== undefined && !probe) return;
    if (this.#openUntil === undefined && this.#failures < threshold) return;
    const wasOpen = this.#openUntil !== undefined;
    const config = {
      baseMs: this.#options.baseOpenMs ?? 2000,
      maxMs: this.#options.maxOpenMs ?? 30_000,
      minMs: (this.#options.baseOpenMs ?? 2000) / 2,
    };
    this.#openUntil = clock.monotonic() + fullJitterMs(this.#openings++, config, random);
    this.#probing = false;
    if (!wasOpen) this.#options.onChange?.(true, cause);
  }

  /** Starts anew, closed: what failed was another connection. */
  reset(): void {
    this.success();
  }

  /** The caller gave up before there was a result. */
  cancelled(probe: boolean): void {
    if (probe) this.#probing = false;
  }
}
