/** Amounts that add up. None is rounded. */
export interface Sums {
  /** Time that boards were held, parts of boards by their part. */
  readonly gpuSeconds: number;
  /** The part of it for which power is known. */
  readonly measuredSeconds: number;
  readonly gpuJoules: number;
  /** Boards and the overhead of their nodes. */
  readonly itJoules: number;
  /** The same times PUE. */
  readonly facilityJoules: number;
  /** Electricity at its price then, in millionths of the currency of what the sums are of. */
  readonly costMicros: number;
  /** By the grid of the location. */
  readonly carbonGrams: number;
  /** By the market: without the part that is bought as green power. */
  readonly carbonMarketGrams: number;
}

export const NO_SUMS: Sums = Object.freeze({
  gpuSeconds: 0,
  measuredSeconds: 0,
  gpuJoules: 0,
  itJoules: 0,
  facilityJoules: 0,
  costMicros: 0,
  carbonGrams: 0,
  carbonMarketGrams: 0,
});

const KEYS = Object.keys(NO_SUMS) as (keyof Sums)[];

const each = (of: (key: keyof Sums) => number): Sums => Object.fromEntries(KEYS.map((key) => [key, of(key)])) as never;

/** a + share * b. */
export const plus = (a: Sums, b: Sums, share = 1): Sums => each((key) => a[key] + b[key] * share);

/** As a list, in the order of the fields above; `sumsOf` reads it. */
export const listOf = (sums: Sums): number[] => KEYS.map((key) => sums[key]);
export const sumsOf = (list: readonly number[]): Sums => each((key) => list[KEYS.indexOf(key)] ?? 0);
