/** When waiting gangs will start, by replaying the queue on the ends of what runs. Times in seconds from now. */

/** What runs: where, how many accelerators it holds, and when it will have ended. */
export interface Ending {
  /** Index of its cluster. */
  readonly cluster: number;
  readonly gpus: number;
  readonly at: number;
}

export interface Waiting {
  readonly gpus: number;
  /** How long it will run; infinite: nobody knows. */
  readonly seconds: number;
  /** Clusters it may run in, the preferred first. */
  readonly clusters: readonly number[];
}

/**
 * Seconds until each of those that wait starts, in the order of `waiting`: whenever something ends, the first that fit
 * start, and one that does not fit lets others pass. Accelerators are counted, not placed on nodes.
 * @param free accelerators free now, by cluster
 * @returns Infinity where it never fits
 */
export function forecastStarts(
  free: readonly number[],
  running: readonly Ending[],
  waiting: readonly Waiting[],
): number[] {
  const left = [...free];
  const ends = [...running].sort((a, b) => a.at - b.at);
  const starts = waiting.map(() => Number.POSITIVE_INFINITY);
  let open = waiting.map((_, i) => i);
  for (let now = 0; ; ) {
    open = open.filter((i) => {
      const { gpus, seconds, clusters } = waiting[i] as Waiting;
      const cluster = clusters.find((one) => (left[one] ?? 0) >= gpus);
      if (cluster === undefined) return true;
      starts[i] = now;
      left[cluster] = (left[cluster] ?? 0) - gpus;
      insert(ends, { cluster, gpus, at: now + seconds });
      return false;
    });
    const next = ends.shift();
    if (open.length === 0 || next === undefined || next.at === Number.POSITIVE_INFINITY) return starts;
    now = Math.max(now, next.at);
    left[next.cluster] = (left[next.cluster] ?? 0) + next.gpus;
  }
}

/** Keeps `ends` in the order of time. */
function insert(ends: Ending[], ending: Ending): void {
  let [low, high] = [0, ends.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] as Ending).at <= ending.at) low = middle + 1;
    else high = middle;
  }
  ends.splice(low, 0, ending);
}
