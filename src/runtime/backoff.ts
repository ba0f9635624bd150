export interface BackoffConfig {
  /** Ceiling of the first delay in milliseconds. */
  readonly baseMs: number;
  /** Ceiling of every later delay in milliseconds. */
  readonly maxMs: number;
  /** No delay is shorter than this many milliseconds (default 0). */
  readonly minMs?: number;
}

/**
 * Full jitter: uniform between `minMs` and `min(maxMs, baseMs * 2^attempt)`, so that clients cut off together
 * do not come back together. `random` gives [0, 1).
 */
export function fullJitterMs(attempt: number, config: BackoffConfig, random: () => number): number {
  const min = config.minMs ?? 0;
  const ceiling = Math.max(min, Math.min(config.maxMs, config.baseMs * 2 ** Math.min(attempt, 52)));
  return min + random() * (ceiling - min);
}

/** A counter of failures in a row and the delay that follows from it. */
export class Backoff {
  #attempt = 0;
  readonly #config: BackoffConfig;
  readonly #random: () => number;

  constructor(config: BackoffConfig, random: () => number = Math.random) {
    this.#config = config;
    this.#random = random;
  }

  /** Failures since the last reset. */
  get attempt(): number {
    return this.#attempt;
  }

  /** Delay before the next try in milliseconds; counts one more failure. */
  next(): number {
    return fullJitterMs(this.#attempt++, this.#config, this.#random);
  }

  reset(): void {
    this.#attempt = 0;
  }
}
