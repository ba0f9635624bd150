import type { PodClass } from './pod-class.ts';

/** A class and the share of all arrivals that are of it. */
export interface ClassShare {
  readonly pod: PodClass;
  readonly share: number;
}

/** The mix of demand, learned from the arrivals so far. */
export class DemandMix {
  arrivals = 0;
  readonly #counts = new Map<string, { readonly pod: PodClass; count: number }>();

  observe(pod: PodClass): void {
    this.arrivals += 1;
    const key = keyOf(pod);
    const seen = this.#counts.get(key);
    if (seen === undefined) this.#counts.set(key, { pod, count: 1 });
    else seen.count += 1;
  }

  /** In an order that does not depend on that of the arrivals, so that equal counts give equal sums. */
  shares(): ClassShare[] {
    return [...this.#counts.entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { pod, count }]) => ({ pod, share: count / this.arrivals }));
  }
}

const keyOf = ({ cpuMilli, gpus, gpuMilli, models }: PodClass): string =>
  `${gpuMilli}/${cpuMilli}/${gpus}/${models?.join('|') ?? '*'}`;
