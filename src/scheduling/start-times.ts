/** Starts of a cluster that count, the latest. */
const KEPT = 32;

/** A workload that runs: how long after its admission all its pods were ready. */
export interface Started {
  readonly cluster: string;
  readonly attempt: number;
  readonly seconds: number;
}

/** How long a cluster takes from an admission to running pods: images, volumes and its own queues, as they were lately. */
export class StartTimes {
  /** Seconds by cluster, the oldest first. */
  readonly #byCluster = new Map<string, number[]>();
  /** Attempt that was counted last, by workload: one that falls back and comes up again has started once. */
  readonly #counted = new Map<string, number>();

  observe(key: string, { cluster, attempt, seconds }: Started): void {
    if (this.#counted.get(key) === attempt) return;
    this.#counted.set(key, attempt);
    const seen = this.#byCluster.get(cluster) ?? [];
    this.#byCluster.set(cluster, [...seen, seconds].slice(-KEPT));
  }

  /** Its object is gone. */
  forget(key: string): void {
    this.#counted.delete(key);
  }

  /** Median of the latest starts; where there was none, that of all clusters, so that a new region has no drawback. */
  seconds(cluster: string): number {
    return median(this.#byCluster.get(cluster) ?? [...this.#byCluster.values()].flat());
  }
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
