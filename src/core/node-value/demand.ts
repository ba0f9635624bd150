import type { PodClass } from './pod-class.ts';

/** A class and the share of all arrivals that are of it. */
export interface ClassShare {
  readonly pod: PodClass;
  readonly share: number;
}

/** So many arrivals count whole; then all so far count half, so that demand may change and memory is bounded. */
const WINDOW = 20_000;

interface Counted {
  readonly pod: PodClass;
  count: number;
}

/** The mix of demand, learned from the arrivals so far. */
export class DemandMix {
  /** All that were ever observed. */
  arrivals = 0;
  #counted = 0;
  readonly #counts = new Map<string, Counted>();

  /** One arrival, of one of these classes: which of them it will be is not known. */
  observe(...pods: readonly PodClass[]): void {
    this.arrivals += 1;
    this.#counted += 1;
    for (const pod of pods) {
      const key = keyOf(pod);
      const seen = this.#counts.get(key);
      if (seen === undefined) this.#counts.set(key, { pod, count: 1 });
      else seen.count += 1;
    }
    if (this.#counted >= WINDOW) this.#halve();
  }

  /** In an order that does not depend on that of the arrivals, so that equal counts give equal sums. */
  shares(): ClassShare[] {
    return [...this.#counts.entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { pod, count }]) => ({ pod, share: count / this.#counted }));
  }

  #halve(): void {
    this.#counted /= 2;
    for (const [key, seen] of this.#counts) {
      seen.count /= 2;
      if (seen.count < 1) this.#counts.delete(key);
    }
  }
}

const keyOf = ({ cpuMilli, gpus, gpuMilli, models }: PodClass): string =>
  `${gpuMilli}/${cpuMilli}/${gpus}/${models?.join('|') ?? '*'}`;
