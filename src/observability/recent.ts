import type { Clock } from '../runtime/clock.ts';

/** Values for a time, at most so many: the oldest goes first. */
export class Recent<V> {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #keepMs: number;
  readonly #max: number;
  readonly #values = new Map<string, { readonly value: V; readonly untilMs: number }>();

  constructor(clock: Pick<Clock, 'monotonic'>, keepMs: number, max: number) {
    this.#clock = clock;
    this.#keepMs = keepMs;
    this.#max = max;
  }

  get size(): number {
    return this.#values.size;
  }

  get(key: string): V | undefined {
    const kept = this.#values.get(key);
    if (kept === undefined || this.#clock.monotonic() < kept.untilMs) return kept?.value;
    this.#values.delete(key);
    return undefined;
  }

  set(key: string, value: V): void {
    this.#values.delete(key);
    this.#values.set(key, { value, untilMs: this.#clock.monotonic() + this.#keepMs });
    const [oldest] = this.#values.keys();
    if (this.#values.size > this.#max && oldest !== undefined) this.#values.delete(oldest);
  }
}
