import type { ModelServing, ModelTraining } from '../api/index.ts';
import { assignmentSummary } from '../core/assignment.ts';
import { admissionsOf } from './workloads.ts';

/** What one admission held in a region. */
export interface HeldPlace {
  readonly attempt: number;
  readonly region: string;
  /** Of its cluster. */
  readonly currency: string;
  readonly gpus: number;
  readonly sinceMs: number;
}

/** Where accelerators are held. */
export type Place = Pick<HeldPlace, 'region' | 'currency'>;

/** What a workload holds, or held last. @param placeOf a cluster, where it is known */
export function heldOf(
  workload: ModelTraining | ModelServing,
  before: readonly HeldPlace[],
  placeOf: (cluster: string) => Place | undefined,
): readonly HeldPlace[] {
  const held = admissionsOf(workload).map(({ attempt, cluster, assignment, gpusPerNode, admittedAt }): HeldPlace => {
    const { podCount } = assignmentSummary(assignment);
    const known = before.find((place) => place.attempt === attempt);
    const { region = '', currency = '' } = known ?? placeOf(cluster) ?? {};
    return {
      attempt,
      ...{ region, currency },
      gpus: gpusPerNode * podCount,
      sinceMs: Date.parse(admittedAt),
    };
  });
  // Nothing more is used of what it held last; where that was, what comes late is counted.
  return held.length > 0 ? held : before.map((place) => ({ ...place, gpus: 0 }));
}

interface Seen {
  readonly held: readonly HeldPlace[];
  readonly untilMs: number;
}

/**
 * Where what was used between two looks at a status was used: the part of each region, of 1, by accelerator-seconds.
 * What was held at the first look was held until the second: a status closes its use when it holds less.
 */
export function placesOf(before: Seen, now: Seen, fallback: Place): (Place & { readonly share: number })[] {
  const all = new Map([...now.held, ...before.held].map((place) => [place.attempt, place]));
  const weights = new Map<string, Place & { readonly share: number }>();
  for (const { region, currency, gpus, sinceMs } of all.values()) {
    const weight = gpus * Math.max(0, now.untilMs - Math.max(sinceMs, before.untilMs));
    const key = `${region} ${currency}`;
    if (weight > 0) weights.set(key, { region, currency, share: (weights.get(key)?.share ?? 0) + weight });
  }
  const sum = [...weights.values()].reduce((total, { share }) => total + share, 0);
  if (sum > 0) return [...weights.values()].map((place) => ({ ...place, share: place.share / sum }));
  const { region, currency } = before.held.at(-1) ?? now.held.at(-1) ?? fallback;
  return [{ region, currency, share: 1 }];
}

/** Shares of money: it was spent where it is the currency, else anywhere. */
export function placesOfMoney(places: ReturnType<typeof placesOf>, currency: string): ReturnType<typeof placesOf> {
  const there = places.filter((place) => place.currency === currency);
  const sum = there.reduce((total, { share }) => total + share, 0);
  return sum > 0 ? there.map((place) => ({ ...place, share: place.share / sum })) : places;
}
