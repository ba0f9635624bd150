import type { Filtered } from '../api/index.ts';
import type { ClusterView, RegionPolicy } from './model.ts';

/** A cluster that the policy allows. */
export interface Allowed {
  readonly cluster: ClusterView;
  /** Mean latency from the users in ms, by their shares; undefined: no users are named. */
  readonly latencyMs: number | undefined;
}

/** Bound of the message of a `filtered` entry. */
const MAX_MESSAGE = 512;

/** Which clusters the policy allows; whether they are usable or have room is asked later. */
export function filterClusters(
  policy: RegionPolicy,
  clusters: readonly ClusterView[],
): { readonly allowed: Allowed[]; readonly filtered: Filtered[] } {
  const allowed: Allowed[] = [];
  const filtered: Filtered[] = [];
  for (const cluster of clusters) {
    const latency = latencyOf(policy, cluster);
    const out = outOf(policy, cluster) ?? tooFar(policy, latency);
    if (out === undefined) allowed.push({ cluster, latencyMs: latency.ms });
    else filtered.push({ cluster: cluster.name, reason: out[0], message: out[1].slice(0, MAX_MESSAGE) });
  }
  return { allowed, filtered };
}

type Out = readonly [reason: string, message: string] | undefined;

function outOf(policy: RegionPolicy, cluster: ClusterView): Out {
  const { name, region } = cluster;
  const excluded = policy.excluded?.find((entry) => entry.cluster === name);
  if (excluded !== undefined) return [excluded.reason, excluded.message];
  if (policy.cluster !== undefined && policy.cluster !== name) {
    return ['OtherClusterNamed', `placement.cluster names ${policy.cluster}`];
  }
  if (policy.denied.includes(region)) return ['RegionDenied', `region ${region} is in placement.regions.denied`];
  if (policy.allowed.length > 0 && !policy.allowed.includes(region)) {
    return ['RegionNotAllowed', `region ${region} is not in placement.regions.allowed (${policy.allowed.join(', ')})`];
  }
  const wrong = Object.entries(policy.clusterLabels).find(([key, value]) => cluster.labels[key] !== value);
  if (wrong !== undefined) return ['LabelsDiffer', `it does not carry the label ${wrong[0]}=${wrong[1]}`];
  return outOfLawOrData(policy, cluster);
}

function outOfLawOrData(policy: RegionPolicy, cluster: ClusterView): Out {
  const bound = policy.jurisdictions.find((codes) => codes.length > 0 && !liesIn(cluster.jurisdiction, codes));
  if (bound !== undefined) {
    return ['OutsideJurisdiction', `it lies in ${cluster.jurisdiction}; residency allows ${bound.join(', ')}`];
  }
  if (policy.dataRegions !== undefined && !policy.dataRegions.includes(cluster.region)) {
    const where =
      policy.dataRegions.length === 0 ? 'no region has all of it' : `it is in ${policy.dataRegions.join(', ')}`;
    return ['DataNotThere', `region ${cluster.region} does not hold the data: ${where}`];
  }
  return undefined;
}

/** ISO 3166: a country covers its subdivisions (CN covers CN-GZ). */
const liesIn = (jurisdiction: string, codes: readonly string[]): boolean =>
  codes.some((code) => jurisdiction === code || jurisdiction.startsWith(`${code}-`));

interface Latency {
  readonly ms: number | undefined;
  /** A region of users from which the latency is not known. */
  readonly unknown?: string;
}

function latencyOf(policy: RegionPolicy, cluster: ClusterView): Latency {
  if (policy.clientRegions.length === 0) return { ms: undefined };
  let sum = 0;
  let shares = 0;
  for (const { region, sharePercent } of policy.clientRegions) {
    const ms = cluster.userLatency[region] ?? (region === cluster.region ? 0 : undefined);
    if (ms === undefined) return { ms: undefined, unknown: region };
    sum += ms * sharePercent;
    shares += sharePercent;
  }
  return { ms: shares > 0 ? Math.floor(sum / shares + 0.5) : 0 };
}

function tooFar(policy: RegionPolicy, { ms, unknown }: Latency): Out {
  if (policy.maxLatencyMs === undefined) return undefined;
  if (unknown !== undefined) {
    return ['LatencyUnknown', `its spec.userLatency does not list the users' region ${unknown}`];
  }
  if (ms === undefined || ms <= policy.maxLatencyMs) return undefined;
  return [
    'LatencyTooHigh',
    `mean latency from the users is ${ms} ms; placement.maxLatencyMs is ${policy.maxLatencyMs} ms`,
  ];
}
