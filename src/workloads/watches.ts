import type { Clock } from '../runtime/clock.ts';

/**
 * How long something has been so, by our own monotonic clock: times of another cluster's clock are never subtracted
 * from ours. After a restart the clock starts again, which errs on the side of waiting.
 */
export class Stopwatches {
  readonly #since = new Map<string, number>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds since `key` was first told to be so without a break; 0 when it is not. */
  elapsed(key: string, isSo: boolean): number {
    if (!isSo) {
      this.#since.delete(key);
      return 0;
    }
    const now = this.#clock.monotonic();
    const since = this.#since.get(key) ?? now;
    this.#since.set(key, since);
    return now - since;
  }

  /** Forgets all keys with this prefix. */
  forget(prefix: string): void {
    for (const key of this.#since.keys()) if (key.startsWith(prefix)) this.#since.delete(key);
  }
}
