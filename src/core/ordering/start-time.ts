/** When a waiting gang will start: the queue before it is replayed on the ends of what runs. Times in seconds from now. */

export interface Occupant {
  readonly gpus: number;
  /** Seconds more that it holds its GPUs, or will hold them once started. */
  readonly seconds: number;
}

/**
 * Seconds until `gpus` are free for the one that stands behind `ahead`, each of which starts in its turn as soon as
 * enough is free. For the start that is met with a chance of 90 %, give the 90 % quantiles of all times: jobs of one
 * burst are late together. GPUs are counted, not placed. @returns Infinity where it never fits
 */
export function secondsUntilStart(
  gpus: number,
  capacity: number,
  running: readonly Occupant[],
  ahead: readonly Occupant[],
): number {
  const ends = [...running].map(({ gpus: held, seconds }) => ({ held, at: seconds })).sort((a, b) => a.at - b.at);
  let free = capacity - running.reduce((sum, { gpus: held }) => sum + held, 0);
  let now = 0;
  /** @returns whether it ever fits */
  const waitFor = (wanted: number): boolean => {
    while (free < wanted) {
      const next = ends.shift();
      if (next === undefined) return false;
      free += next.held;
      now = Math.max(now, next.at);
    }
    return true;
  };
  for (const one of ahead) {
    // What is larger than all there is waits for something else, and holds up nobody.
    if (one.gpus > capacity || !waitFor(one.gpus)) continue;
    free -= one.gpus;
    const at = now + one.seconds;
    const behind = ends.findIndex((end) => end.at > at);
    ends.splice(behind < 0 ? ends.length : behind, 0, { held: one.gpus, at });
  }
  return gpus <= capacity && waitFor(gpus) ? now : Number.POSITIVE_INFINITY;
}
