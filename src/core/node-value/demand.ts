import { gpuDemand, type PodClass } from './pod-class.ts';

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

/**
 * By model: the share of all requested GPU milli that is tied to it. What names several models is spread over them
 * in proportion to their capacity.
 */
export function tiedShares(shares: readonly ClassShare[], capacity: ArrayLike<number>): Float64Array {
  const tied = new Float64Array(capacity.length);
  let total = 0;
  for (const { pod, share } of shares) {
    const demand = share * gpuDemand(pod);
    total += demand;
    const room = pod.models?.reduce((sum, model) => sum + (capacity[model] ?? 0), 0) ?? 0;
    if (room === 0) continue;
    for (const model of pod.models ?? []) {
      tied[model] = (tied[model] ?? 0) + (demand * (capacity[model] ?? 0)) / room;
    }
  }
  return total === 0 ? tied : tied.map((demand) => demand / total);
}
