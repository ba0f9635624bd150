/**
 * Choice among the places where a gang fits.
 *
 * Each term is brought to 0..100 over the candidates (the best has 100, the worst 0, equal ones 100) and the score is
 * the mean by weight. Money, energy and CO2 are those of the same work where all speeds are known, else of an hour. A term that is not known or not comparable (several currencies) counts 100 for all. Waits count in
 * full only from ten minutes apart: a second sooner is no reason to pay more.
 * Equal scores: placement.regions.preferred in its order, then by name.
 */
import type { Candidate, Decision, Filtered, PlacementPolicy } from '../api/index.ts';
import type { RegionPolicy, Weights } from './model.ts';
import { reasonSentence } from './region-reason.ts';
import type { CandidateFacts, Ranked, Term } from './region-terms.ts';
import { comparable, measure, TERMS } from './region-terms.ts';

export { filterClusters } from './region-filter.ts';
export type { CandidateFacts, Ranked } from './region-terms.ts';

const preset = (cost: number, energy: number, carbon: number, wait: number, fragmentation: number): Weights => ({
  cost,
  energy,
  carbon,
  wait,
  latency: 0,
  fragmentation,
});

const PRESETS: Readonly<Record<PlacementPolicy, Weights>> = {
  Balanced: preset(25, 15, 10, 25, 10),
  CheapestFirst: preset(60, 10, 0, 15, 5),
  GreenestFirst: preset(10, 15, 50, 10, 5),
  LeastEnergy: preset(10, 60, 5, 10, 5),
  EarliestStart: preset(5, 5, 0, 70, 5),
};

/** Weight of latency where users are named. */
const LATENCY_WEIGHT = 30;

export function weightsOf(policy: Pick<RegionPolicy, 'policy' | 'weights' | 'clientRegions'>): Weights {
  const users = policy.clientRegions.length > 0 ? { latency: LATENCY_WEIGHT } : {};
  return { ...PRESETS[policy.policy], ...users, ...policy.weights };
}

/** The candidates, best first. */
export function rank<T extends CandidateFacts>(policy: RegionPolicy, fitting: readonly T[]): Ranked<T>[] {
  const candidates = comparable(fitting);
  const weights = weightsOf(policy);
  const sum = TERMS.reduce((total, term) => total + weights[term], 0);
  const all = candidates.map(() => ({ cost: 0, energy: 0, carbon: 0, wait: 0, latency: 0, fragmentation: 0 }));
  for (const term of TERMS) {
    const values = normalised(term, candidates);
    all.forEach((parts, i) => {
      parts[term] = sum > 0 ? ((values[i] ?? 100) * weights[term]) / sum : 0;
    });
  }
  return candidates
    .map((facts, i) => ranked(facts, all[i] as Weights, sum))
    .sort((a, b) => compare(policy.preferred, a, b));
}

function ranked<T extends CandidateFacts>(facts: T, parts: Weights, sum: number): Ranked<T> {
  const score = sum > 0 ? TERMS.reduce((total, term) => total + parts[term], 0) : 100;
  return { facts, parts, scorePermille: Math.floor(score * 10 + 0.5) };
}

const FULL_WAIT_MS = 600_000;

/** 0..100 for each candidate, 100 for the best. */
function normalised(term: Term, candidates: readonly CandidateFacts[]): number[] {
  const values = candidates.map((facts) => measure(term, facts));
  const mixed = term === 'cost' && candidates.some((facts) => facts.currency !== candidates[0]?.currency);
  if (mixed || values.includes(undefined)) return values.map(() => 100);
  const known = values as number[];
  const best = Math.min(...known);
  const span = Math.max(Math.max(...known) - best, term === 'wait' ? FULL_WAIT_MS : 0);
  return known.map((value) => (span > 0 ? 100 - (100 * (value - best)) / span : 100));
}

function compare(preferred: readonly string[], a: Ranked, b: Ranked): number {
  const place = (entry: Ranked): number => {
    const at = preferred.indexOf(entry.facts.region);
    return at < 0 ? preferred.length : at;
  };
  return (
    b.scorePermille - a.scorePermille ||
    place(a) - place(b) ||
    text(a.facts.cluster, b.facts.cluster) ||
    text(a.facts.accelerator, b.facts.accelerator)
  );
}

const text = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Lists in a status hold no more. */
const MAX_LISTED = 8;

/** The record of the choice of `ranked[0]`, which must exist. */
export function decisionOf(policy: RegionPolicy, ranking: readonly Ranked[], filtered: readonly Filtered[]): Decision {
  return {
    policy: policy.policy,
    reason: reasonSentence(policy, ranking).slice(0, 1024),
    ...(ranking[0] === undefined ? {} : { currency: ranking[0].facts.currency }),
    candidates: ranking.slice(0, MAX_LISTED).map(candidateOf),
    filtered: filtered.slice(0, MAX_LISTED).map((entry) => ({ ...entry })),
  };
}

function candidateOf({ facts, scorePermille }: Ranked): Candidate {
  return {
    cluster: facts.cluster,
    region: facts.region,
    accelerator: facts.accelerator,
    scorePermille,
    ...(facts.speedPermille === undefined ? {} : { speedPermille: Math.round(facts.speedPermille) }),
    costMicrosPerHour: facts.rates.costMicrosPerHour,
    watts: facts.rates.watts,
    carbonGramsPerHour: facts.rates.carbonGramsPerHour,
    waitSeconds: Math.round(facts.waitMs / 1000),
    ...(facts.latencyMs === undefined ? {} : { latencyMs: facts.latencyMs }),
  };
}
