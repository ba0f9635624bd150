import type { Clock } from '../runtime/clock.ts';

/** A token bucket; waiters are served in order. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #perMs: number;
  readonly #burst: number;
  /** May be negative: tokens promised to those who wait. */
  #tokens: number;
  #at: number;

  /** `qps` tokens a second, at most `burst` saved up. */
  constructor(clock: Clock, qps: number, burst: number) {
    this.#clock = clock;
    this.#perMs = qps / 1000;
    this.#burst = Math.max(1, burst);
    this.#tokens = this.#burst;
    this.#at = clock.monotonic();
  }

  /** Takes a token and returns how long to wait before using it, in milliseconds (0 = now). */
  reserve(): number {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
    this.#at = now;
    this.#tokens -= 1;
    return this.#tokens >= 0 ? 0 : -this.#tokens / this.#perMs;
  }
}
