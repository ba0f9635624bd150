/**
 * The default power cap of a board.
 *
 *   cap = max(floor * default limit, share * draw)        within the board's own bounds
 *
 * `draw` is what the workload draws without a cap, which it tells of itself in its first minutes. A cap far above it
 * does nothing, and one at the same distance below it costs different workloads about the same: what is slowed down
 * follows cap / draw much more than cap / default limit. The floor is there because below some 60 % of its limit a board
 * is out of its efficient range: time grows faster than power falls, and energy is lost.
 */
import { defaultLimitOf, drawOf, effectAt, type Frontier, lowestLimitOf, meanByModel } from './frontier.ts';

export interface CapRule {
  /** Part of the draw without a cap, in thousandths. */
  readonly sharePermille: number;
  /** No cap is below this part of the board's default limit, in thousandths. */
  readonly floorPermille: number;
}

/** Where nothing was measured of a board: seven eighths of the draw, and six tenths of the limit at least. */
export const DEFAULT_CAP_RULE: CapRule = { sharePermille: 875, floorPermille: 600 };

/** What a board allows, in watts. */
export interface PowerBounds {
  readonly defaultWatts: number;
  readonly minWatts: number;
  readonly maxWatts: number;
}

/** The board on which the frontiers were measured, as far as they tell. */
export function boundsOfFrontiers(frontiers: readonly Frontier[]): PowerBounds {
  const defaultWatts = Math.max(...frontiers.map(defaultLimitOf));
  return { defaultWatts, minWatts: Math.min(...frontiers.map(lowestLimitOf)), maxWatts: defaultWatts };
}

/** A cap the board can take, in whole watts: rounded up, so that it never holds back more than was meant. */
export const clampCap = (watts: number, { minWatts, maxWatts }: Omit<PowerBounds, 'defaultWatts'>): number =>
  Math.min(Math.floor(maxWatts), Math.max(Math.ceil(minWatts), Math.ceil(watts)));

/** @param drawWatts mean power of the workload's board without a cap */
export function ruledCap(rule: CapRule, drawWatts: number, board: PowerBounds): number {
  const floor = (board.defaultWatts * rule.floorPermille) / 1000;
  const wanted = Math.max(floor, (drawWatts * rule.sharePermille) / 1000);
  return clampCap(Math.min(wanted, board.defaultWatts), board);
}

/** A bound of 5 % on the mean slowdown, of which a tenth is left for workloads that are not among those measured. */
export const MAX_SLOWDOWN = 0.05;
const AIM = 0.9 * MAX_SLOWDOWN;
/** Below this part of the draw nobody looks. */
const LEAST_SHARE_PERMILLE = 500;

/**
 * The rule with the smallest share whose mean slowdown over the frontiers stays within the bound; coming from above,
 * it stops at the first that does not.
 */
export function learnedRule(frontiers: readonly Frontier[], board: PowerBounds): CapRule {
  const { floorPermille } = DEFAULT_CAP_RULE;
  let best: CapRule = { sharePermille: 1000, floorPermille };
  for (let sharePermille = 1000; sharePermille >= LEAST_SHARE_PERMILLE; sharePermille -= 5) {
    const rule = { sharePermille, floorPermille };
    const { slowdown } = meanByModel(frontiers, (one) => effectAt(one, ruledCap(rule, drawOf(one), board)));
    if (slowdown > AIM) break;
    best = rule;
  }
  return best;
}
