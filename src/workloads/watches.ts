import type { Clock } from '../runtime/clock.ts';

/**
 * How long something has been so, by our own monotonic clock: times of another cluster's clock are never subtracted
 * from ours. After a restart the clock starts again, which errs on the side of waiting.
 */
export class Stopwatches {
  readonly #since = new Map<string, { readonly value: string; readonly atMs: number }>();
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
    return this.unchanged(key, '');
  }

  /** Milliseconds since `key` was first told to have this value without a break. */
  unchanged(key: string, value: string): number {
    const now = this.#clock.monotonic();
    const known = this.#since.get(key);
    if (known?.value === value) return now - known.atMs;
    this.#since.set(key, { value, atMs: now });
    return 0;
  }

  /** Forgets all keys with this prefix. */
  forget(prefix: string): void {
    for (const key of this.#since.keys()) if (key.startsWith(prefix)) this.#since.delete(key);
  }
}
