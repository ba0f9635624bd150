import type { RegionPolicy } from './model.ts';
import type { CandidateFacts, Ranked, Term } from './region-terms.ts';
import { measure, TERMS } from './region-terms.ts';

interface Words {
  readonly best: string;
  readonly better: string;
  readonly value: (value: number) => string;
  readonly unit: (facts: CandidateFacts) => string;
}

const fixed = (value: number, by: number, digits: number): string => (value / by).toFixed(digits);
/** Millionths of a currency with two decimals. */
export const money = (micros: number): string => fixed(micros, 1_000_000, 2);
const kilo = (value: number): string => fixed(value, 1000, 2);

/** Of an hour there, or of the work that takes an hour at the speed of reference. */
const perHour = ({ speedPermille }: CandidateFacts): string => (speedPermille === undefined ? '/h' : '/h of work');

const WORDS: Readonly<Record<Term, Words>> = {
  cost: {
    best: 'cheapest',
    better: 'cheaper than',
    value: money,
    unit: (facts) => ` ${facts.currency}${perHour(facts)}`,
  },
  energy: {
    best: 'least power',
    better: 'less power than',
    value: kilo,
    unit: (facts) => (facts.speedPermille === undefined ? ' kW' : ` kWh${perHour(facts)}`),
  },
  carbon: { best: 'least CO2', better: 'less CO2 than', value: kilo, unit: (facts) => ` kg CO2${perHour(facts)}` },
  wait: { best: 'starts first', better: 'starts before', value: (ms) => fixed(ms, 1000, 0), unit: () => ' s' },
  latency: { best: 'nearest to the users', better: 'nearer to the users than', value: String, unit: () => ' ms' },
  fragmentation: {
    best: 'strands the fewest boards',
    better: 'strands fewer boards than',
    value: String,
    unit: () => ' boards',
  },
};

/** Why the first of the ranking was chosen, with the numbers and the term that decided. */
export function reasonSentence(policy: RegionPolicy, ranking: readonly Ranked[]): string {
  const [winner, second] = ranking;
  if (winner === undefined) return 'no region fits.';
  const { facts } = winner;
  const figures = TERMS_SHOWN.map((term) => shown(term, facts));
  if (second === undefined) return `${facts.cluster}: the only place that fits now (${figures.join(', ')}).`;
  const score = `${nameOf(winner, ranking)}: score ${fixed(winner.scorePermille, 10, 0)} of 100`;
  if (winner.scorePermille === second.scorePermille) {
    return `${score}, as ${nameOf(second, ranking)}; ${tieBreak(policy, winner)}; ${figures.join(', ')}.`;
  }
  const term = decidingTerm(winner, second);
  const others = TERMS_SHOWN.filter((entry) => entry !== term).map((entry) => shown(entry, facts));
  return `${score}; ${advantage(term, ranking)}; ${others.join(', ')}.`;
}

const TERMS_SHOWN: readonly Term[] = ['cost', 'energy', 'carbon'];

const shown = (term: Term, facts: CandidateFacts): string =>
  WORDS[term].value(measure(term, facts) ?? 0) + WORDS[term].unit(facts);

/** The cluster, with the accelerator where it competes with another one of the same cluster. */
function nameOf({ facts }: Ranked, ranking: readonly Ranked[]): string {
  const twice = ranking.filter((other) => other.facts.cluster === facts.cluster).length > 1;
  return twice ? `${facts.cluster} (${facts.accelerator})` : facts.cluster;
}

function tieBreak(policy: RegionPolicy, winner: Ranked): string {
  return policy.preferred.includes(winner.facts.region) ? 'preferred by placement.regions.preferred' : 'first by name';
}

/** The term that puts the winner furthest ahead of the second. */
function decidingTerm(winner: Ranked, second: Ranked): Term {
  const lead = (term: Term): number => winner.parts[term] - second.parts[term];
  return TERMS.reduce((most, term) => (lead(term) > lead(most) ? term : most), TERMS[0]);
}

function advantage(term: Term, ranking: readonly Ranked[]): string {
  const words = WORDS[term];
  const [winner, second] = ranking as readonly [Ranked, Ranked];
  const own = measure(term, winner.facts) ?? 0;
  const rivals = ranking.slice(1).sort((a, b) => (measure(term, a.facts) ?? 0) - (measure(term, b.facts) ?? 0));
  const next = rivals[0] ?? second;
  const value = shown(term, winner.facts);
  if (own > (measure(term, next.facts) ?? 0)) {
    const other = words.value(measure(term, second.facts) ?? 0);
    return `${words.better} ${nameOf(second, ranking)} (${value} against ${other})`;
  }
  const nextValue = words.value(measure(term, next.facts) ?? 0);
  return `${words.best} of ${ranking.length} that fit (${value}; next ${nameOf(next, ranking)} ${nextValue})`;
}
