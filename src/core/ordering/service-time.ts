/**
 * How long jobs run, learned from those that ended and those that still run: a life table, which is the Kaplan-Meier
 * estimator on cells. Times are seconds of attained service, in cells of equal ratio, because run times spread over
 * seven orders of magnitude and what can be said of them is a factor, not a difference.
 */

/** Four cells an octave tell run times apart by 19 %, far finer than any estimate is good for. */
const CELLS_PER_OCTAVE = 4;
/** Up to 2^27 s, four years; the last cell takes all that is longer. */
const CELLS = 27 * CELLS_PER_OCTAVE;
/** Where each cell starts; the first is the first second. */
const EDGES = Float64Array.from({ length: CELLS + 1 }, (_, i) => (i === 0 ? 0 : 2 ** ((i - 1) / CELLS_PER_OCTAVE)));
/** A tail that is less likely than this is not looked at: it changes no index by more than 0.1 %. */
const NEGLIGIBLE = 1e-3;

export function cellOf(seconds: number): number {
  if (seconds < 1) return 0;
  return Math.min(CELLS - 1, Math.floor(Math.log2(seconds) * CELLS_PER_OCTAVE) + 1);
}

/** For each cell the chance to end in it, of a job that has reached it. */
export type Hazard = Readonly<Float64Array>;

/**
 * What is known before any job has ended: half of those that have run for t run for 2t and longer. Process life times
 * were found to be so (Harchol-Balter and Downey, 1997), and it favours no scale.
 */
export const UNINFORMED: Hazard = new Float64Array(CELLS).fill(1 - 2 ** (-1 / CELLS_PER_OCTAVE));

/** Weighted counts of those that ended in a cell and of those that have gone through it. */
export class LifeTable {
  readonly #ended = new Float64Array(CELLS);
  /** Counted at the last cell whose outcome is known. */
  readonly #leftAfter = new Float64Array(CELLS);

  clear(): void {
    this.#ended.fill(0);
    this.#leftAfter.fill(0);
  }

  /** One that ended after `seconds` of service. */
  addEnded(seconds: number, weight = 1): void {
    const cell = cellOf(seconds);
    this.#ended[cell] = (this.#ended[cell] as number) + weight;
    this.#leftAfter[cell] = (this.#leftAfter[cell] as number) + weight;
  }

  /** One that has run for `seconds` and has not ended: it says nothing of what comes after (right-censored). */
  addCensored(seconds: number, weight = 1): void {
    const cell = cellOf(seconds) - 1;
    if (cell >= 0) this.#leftAfter[cell] = (this.#leftAfter[cell] as number) + weight;
  }

  /**
   * The posterior mean under a beta prior on each cell (Hjort's beta process, 1990): `prior` counts like
   * `strength` jobs that were seen to reach the cell.
   */
  hazard(prior: Hazard, strength: number, into: Float64Array = new Float64Array(CELLS)): Float64Array {
    let reached = 0;
    for (let i = CELLS - 1; i >= 0; i--) {
      reached += this.#leftAfter[i] as number;
      into[i] = ((this.#ended[i] as number) + strength * (prior[i] as number)) / (reached + strength);
    }
    return into;
  }
}

/** Walks the cells from `attained` on. @param visit is told the chance to have ended by `end` and the mean service up to it; true stops */
function walk(
  hazard: Hazard,
  attained: number,
  visit: (endedBy: number, service: number, end: number) => boolean,
): void {
  let [alive, service] = [1, 0];
  const first = cellOf(attained);
  for (let i = first; i < CELLS; i++) {
    const start = EDGES[i] as number;
    const end = EDGES[i + 1] as number;
    let chance = hazard[i] as number;
    let width = end - start;
    if (i === first) {
      width = Math.max(end - attained, 0);
      chance = 1 - (1 - chance) ** (width / (end - start));
    }
    // Those that end in the cell do so in its middle.
    service += alive * width * (1 - chance / 2);
    alive *= 1 - chance;
    if (visit(1 - alive, service, end) || alive < NEGLIGIBLE) return;
  }
}

/**
 * The inverse of the Gittins index: the least mean service a completion costs, over all ways to stop early. Serving the
 * least of it first minimises the mean time in the system of one server (Gittins, 1979; Sevcik, 1974). In seconds.
 */
export function gittinsSeconds(hazard: Hazard, attained: number): number {
  let least = Number.POSITIVE_INFINITY;
  walk(hazard, attained, (endedBy, service) => {
    if (endedBy > 0) least = Math.min(least, service / endedBy);
    return false;
  });
  return least;
}

/** Seconds within which a job that has run for `attained` ends with the chance `p`. */
export function remainingQuantile(hazard: Hazard, attained: number, p: number): number {
  let [before, at, answer] = [0, attained, Number.POSITIVE_INFINITY];
  walk(hazard, attained, (endedBy, _, end) => {
    if (endedBy >= p) {
      answer = at + (end - at) * (endedBy > before ? (p - before) / (endedBy - before) : 0);
      return true;
    }
    [before, at] = [endedBy, end];
    return false;
  });
  return answer - attained;
}
