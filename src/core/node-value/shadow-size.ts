import { holeValues, type Item, STEP_MILLI, STEPS } from './hole-value.ts';

const ITERATIONS = 200;
const FIRST_STEP_MILLI = 30;
const STEP_HALVES_AT = 20;
const MOST_MILLI = 1000;

/**
 * What each size is worth when GPUs are cut up for the demand as it comes, in milli: a smooth dual of the cutting-stock
 * problem. A size that would be used more often than it arrives loses, one that is left over gains, until the best-of-K
 * filling of a fresh GPU uses all sizes in the proportion in which they arrive. Fillers of holes that are there anyway
 * come out as free.
 *
 * @param items one for each size, ascending
 */
export function shadowSizes(items: readonly Item[], draws: number): Float64Array {
  const worth = Float64Array.from(items, ({ size }) => size * STEP_MILLI);
  const mean = new Float64Array(items.length);
  const arrivals = items.reduce((sum, { share }) => sum + share, 0);
  const chance = new Float64Array((STEPS + 1) * items.length);
  for (let iteration = 0; iteration < ITERATIONS; iteration += 1) {
    chance.fill(0);
    holeValues(items, worth, draws, chance);
    const uses = expectedUses(items, chance);
    const usesInAll = uses.reduce((sum, use) => sum + use, 0);
    const step = FIRST_STEP_MILLI / (1 + iteration / STEP_HALVES_AT);
    items.forEach(({ share }, j) => {
      const due = (usesInAll * share) / arrivals;
      const used = uses[j] ?? 0;
      const moved = due + used > 0 ? (worth[j] ?? 0) + (step * (due - used)) / (due + used) : (worth[j] ?? 0);
      worth[j] = Math.min(MOST_MILLI, Math.max(0, moved));
      if (iteration >= ITERATIONS / 2) mean[j] = (mean[j] ?? 0) + (worth[j] ?? 0) / (ITERATIONS / 2);
    });
  }
  return mean;
}

/** How often each item is expected in one fresh GPU, filled by the chances of `holeValues`. */
function expectedUses(items: readonly Item[], chance: Float64Array): Float64Array {
  const uses = new Float64Array(items.length);
  const reached = new Float64Array(STEPS + 1);
  reached[STEPS] = 1;
  for (let hole = STEPS; hole > 0; hole -= 1) {
    const here = reached[hole] ?? 0;
    if (here === 0) continue;
    for (let j = 0; j < items.length; j += 1) {
      const flow = here * (chance[hole * items.length + j] ?? 0);
      if (flow === 0) continue;
      uses[j] = (uses[j] ?? 0) + flow;
      const rest = hole - (items[j]?.size ?? 0);
      reached[rest] = (reached[rest] ?? 0) + flow;
    }
  }
  return uses;
}
