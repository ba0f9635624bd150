import type { Admission, ModelServing, ModelTraining } from '../api/index.ts';
import { assignmentSummary } from '../core/assignment.ts';

/** What one admission held in a region. */
export interface HeldPlace {
  readonly attempt: number;
  readonly region: string;
  readonly gpus: number;
  readonly sinceMs: number;
}

/** What a workload holds, or held last. @param regionOf a cluster, where it is known */
export function heldOf(
  { status }: ModelTraining | ModelServing,
  before: readonly HeldPlace[],
  regionOf: (cluster: string) => string | undefined,
): { held: readonly HeldPlace[] } {
  const admissions: readonly Admission[] =
    status === undefined ? [] : 'admissions' in status ? (status.admissions ?? []) : admissionsOf(status);
  const held = admissions.map(({ attempt, cluster, assignment, gpusPerNode, admittedAt }): HeldPlace => {
    const { podCount } = assignmentSummary(assignment);
    const known = before.find((place) => place.attempt === attempt)?.region;
    return {
      attempt,
      region: known ?? regionOf(cluster) ?? '',
      gpus: gpusPerNode * podCount,
      sinceMs: Date.parse(admittedAt),
    };
  });
  // Nothing more is used of what it held last; where that was, what comes late is counted.
  return { held: held.length > 0 ? held : before.map((place) => ({ ...place, gpus: 0 })) };
}

const admissionsOf = (status: object): readonly Admission[] =>
  'admission' in status && status.admission !== undefined ? [status.admission as Admission] : [];

interface Seen {
  readonly held: readonly HeldPlace[];
  readonly untilMs: number;
}

/**
 * Where what was used between two looks at a status was used: the part of each region, of 1, by accelerator-seconds.
 * What was held at the first look was held until the second: a status closes its use when it holds less.
 */
export function placesOf(before: Seen, now: Seen, placed = ''): Map<string, number> {
  const all = new Map([...now.held, ...before.held].map((place) => [place.attempt, place]));
  const weights = new Map<string, number>();
  for (const { region, gpus, sinceMs } of all.values()) {
    const weight = gpus * Math.max(0, now.untilMs - Math.max(sinceMs, before.untilMs));
    if (weight > 0) weights.set(region, (weights.get(region) ?? 0) + weight);
  }
  const sum = [...weights.values()].reduce((a, b) => a + b, 0);
  if (sum === 0) return new Map([[before.held.at(-1)?.region ?? now.held.at(-1)?.region ?? placed, 1]]);
  return new Map([...weights].map(([region, weight]) => [region, weight / sum]));
}
