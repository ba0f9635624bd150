import type { Clock } from '../runtime/clock.ts';

/** `Date` has a resolution of a second, so more than one sample a second adds nothing. */
const SAMPLE_EVERY_MS = 1000;
const SAMPLES = 9;
/** What the resolution hides: clocks this close are not told apart, and nothing is gained by shifting times by it. */
const RESOLUTION_MS = 1000;

/** Estimates how far a server's clock is ahead of ours, from the `Date` headers of its answers. */
export class SkewEstimate {
  readonly #clock: Clock;
  readonly #samples: number[] = [];
  #sampledAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Server time minus local time in milliseconds, the median of the last samples; 0 where it is less than the
   * resolution, undefined before the first sample.
   */
  get skewMs(): number | undefined {
    if (this.#samples.length === 0) return undefined;
    const sorted = [...this.#samples].sort((a, b) => a - b);
    const median = sorted[sorted.length >> 1] ?? 0;
    return Math.abs(median) < RESOLUTION_MS ? 0 : median;
  }

  /** Notes the header of an answer that came now, to a request sent at `sentAt` (monotonic, ms). */
  observe(date: string | undefined, sentAt: number): void {
    if (date === undefined) return;
    const at = this.#clock.monotonic();
    if (at - this.#sampledAt < SAMPLE_EVERY_MS) return;
    const server = Date.parse(date);
    if (Number.isNaN(server)) return;
    this.#sampledAt = at;
    // The header is cut to whole seconds, so the server's time was on average half a second later.
    this.#samples.push(server + 500 - (this.#clock.now() - (at - sentAt) / 2));
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }
}
