/**
 * What a hole on a GPU is worth: how much of it will be used if it may wait for the best of K pods.
 *
 * `u(0) = 0, u(r) = E max(0, best of K draws of worth_j - price * cpu_j + u(r - size_j))` over the items that fit.
 * With the values in falling order and F_i the share of the i best, the best of K draws is the i-th with the chance
 * `(1 - F_(i-1))^K - (1 - F_i)^K`. K = 1 is the view of FGD (Weng et al., Beware of Fragmentation, USENIX ATC 2023):
 * the pod that comes next. K to infinity is perfect packing.
 */

/** Holes are measured in steps of 10 milli. */
export const STEP_MILLI = 10;
export const STEPS = 100;

/** Pods of one GPU that look alike to a hole. */
export interface Item {
  /** In steps, 1 to STEPS. */
  readonly size: number;
  readonly cpuMilli: number;
  /** Share of all arrivals. */
  readonly share: number;
}

/** Steps that a pod of so many milli fills: rounded up, so that it is never thought to fit where it does not. */
export const stepsOf = (milli: number): number => Math.ceil(milli / STEP_MILLI);

/** By repeated squaring: exact to the last bit on every machine, unlike Math.pow. */
export function power(base: number, exponent: number): number {
  let result = 1;
  let square = base;
  for (let left = exponent; left > 0; left >>>= 1) {
    if ((left & 1) === 1) result *= square;
    square *= square;
  }
  return result;
}

/**
 * u(0) .. u(STEPS).
 *
 * @param items ascending by size
 * @param worth GPU milli that each item counts for, less what its CPU costs
 * @param chance filled, where given: the chance that a hole of r steps goes to item j, at `r * items.length + j`
 */
export function holeValues(
  items: readonly Item[],
  worth: ArrayLike<number>,
  draws: number,
  chance?: Float64Array,
): Float64Array {
  const value = new Float64Array(STEPS + 1);
  const gain = new Float64Array(items.length);
  // Items that fit, best first. From one hole to the next the order hardly changes: insertion sort is nearly linear.
  const order = new Int32Array(items.length);
  let fitting = 0;
  for (let hole = 1; hole <= STEPS; hole += 1) {
    while (fitting < items.length && (items[fitting]?.size ?? 0) <= hole) {
      order[fitting] = fitting;
      fitting += 1;
    }
    for (let j = 0; j < fitting; j += 1) gain[j] = (worth[j] ?? 0) + (value[hole - (items[j]?.size ?? 0)] ?? 0);
    sortFalling(order, fitting, gain);
    value[hole] = expectedBest(items, order, fitting, gain, draws, chance, hole * items.length);
  }
  return value;
}

function sortFalling(order: Int32Array, count: number, key: Float64Array): void {
  for (let i = 1; i < count; i += 1) {
    const item = order[i] ?? 0;
    const own = key[item] ?? 0;
    let at = i;
    while (at > 0) {
      const before = order[at - 1] ?? 0;
      const other = key[before] ?? 0;
      if (other > own || (other === own && before < item)) break;
      order[at] = before;
      at -= 1;
    }
    order[at] = item;
  }
}

function expectedBest(
  items: readonly Item[],
  order: Int32Array,
  count: number,
  gain: Float64Array,
  draws: number,
  chance: Float64Array | undefined,
  offset: number,
): number {
  let sum = 0;
  let others = 1;
  let none = 1;
  for (let i = 0; i < count && none > 1e-12; i += 1) {
    const item = order[i] ?? 0;
    const own = gain[item] ?? 0;
    if (own <= 0) break;
    others = Math.max(0, others - (items[item]?.share ?? 0));
    const noneYet = power(others, draws);
    sum += own * (none - noneYet);
    if (chance !== undefined) chance[offset + item] = none - noneYet;
    none = noneYet;
  }
  return sum;
}
