import { CONDITION, type Condition, type Dataset, type DatasetStatus } from '../api/index.ts';
import { iso } from '../core/iso.ts';
import { type ConditionValue, withConditions } from '../workloads/conditions.ts';

/** A place where work can run: what a RegionalCluster says of itself. */
export interface Place {
  readonly region: string;
  readonly jurisdiction: string;
}

export interface DatasetSight {
  /** Of every RegionalCluster. */
  readonly places: readonly Place[];
  /** ModelTrainings that name it and are not finished. */
  readonly usedBy: number;
  readonly nowMs: number;
}

/** The status that is true now. */
export function deriveStatus(dataset: Dataset, sight: DatasetSight): DatasetStatus {
  const { locations, residency } = dataset.spec;
  const judged = locations.map(({ region }) => judge(region, residency.jurisdictions, sight.places));
  const ready = readiness(judged, residency.jurisdictions);
  const generation = dataset.metadata.generation ?? 1;
  const now = iso(sight.nowMs);
  return {
    ...dataset.status,
    observedGeneration: generation,
    usableRegions: judged.filter((one) => one.verdict === 'usable').map((one) => one.region),
    usedBy: sight.usedBy,
    conditions: withConditions(retold(dataset.status?.conditions, ready), [ready], generation, now),
  };
}

interface Judged {
  readonly region: string;
  readonly verdict: 'usable' | 'forbidden' | 'unknown';
  /** Where its clusters lie. */
  readonly jurisdictions: readonly string[];
}

function judge(region: string, allowed: readonly string[], places: readonly Place[]): Judged {
  const there = places.filter((place) => place.region === region);
  const jurisdictions = [...new Set(there.map((place) => place.jurisdiction))].sort();
  if (there.length === 0) return { region, verdict: 'unknown', jurisdictions };
  const lawful = allowed.length === 0 || jurisdictions.some((jurisdiction) => liesIn(jurisdiction, allowed));
  return { region, verdict: lawful ? 'usable' : 'forbidden', jurisdictions };
}

/** ISO 3166: a country covers its subdivisions (CN covers CN-GZ). */
const liesIn = (jurisdiction: string, codes: readonly string[]): boolean =>
  codes.some((code) => jurisdiction === code || jurisdiction.startsWith(`${code}-`));

const MAX_NAMED = 8;

function readiness(judged: readonly Judged[], allowed: readonly string[]): ConditionValue {
  const of = (verdict: Judged['verdict']): Judged[] => judged.filter((one) => one.verdict === verdict);
  const [usable, forbidden, unknown] = [of('usable'), of('forbidden'), of('unknown')];
  const parts: string[] = [];
  if (forbidden.length > 0) {
    const where = forbidden.map(({ region, jurisdictions }) => `${region} (${jurisdictions.join(', ')})`);
    parts.push(`residency allows ${allowed.join(', ')}, not ${named(where)}`);
  }
  if (unknown.length > 0) parts.push(`no RegionalCluster is in ${named(unknown.map(({ region }) => region))}`);
  const say = (status: 'True' | 'False', reason: string, first: string): ConditionValue => ({
    type: CONDITION.Ready,
    status,
    reason,
    message: `${[first, ...parts].join('; ')}.`.slice(0, 4096),
  });
  if (usable.length > 0) return say('True', 'Usable', `usable in ${named(usable.map(({ region }) => region))}`);
  const reason = forbidden.length > 0 ? 'NoUsableRegion' : 'UnknownRegion';
  return say('False', reason, 'it can be used nowhere');
}

const named = (names: readonly string[]): string =>
  names.slice(0, MAX_NAMED).join(', ') + (names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '');

/** There are no moving numbers in the sentence: it follows what is so, also while the reason stays. */
const retold = (old: readonly Condition[] | undefined, value: ConditionValue): readonly Condition[] | undefined =>
  old?.map((entry) =>
    entry.type === value.type && entry.reason === value.reason ? { ...entry, message: value.message } : entry,
  );
