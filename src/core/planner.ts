/** Could it run now, where, and for how much? The cycle's own filter, fit and score; nothing is taken. */
import type { Filtered, Offer } from '../api/index.ts';
import type { Snapshot, Workload } from './model.ts';
import { totals } from './money.ts';
import type { Fitting } from './options.ts';
import { obstacleOf, optionsOf, queueProblem, tryOption, wouldHold } from './options.ts';
import { filteredOf } from './pending.ts';
import { rank } from './region.ts';
import { money } from './region-reason.ts';
import type { Ranked } from './region-terms.ts';
import { Room } from './room.ts';

export interface QuoteAsk {
  readonly runtimeSeconds: number;
  readonly limits: {
    readonly maxCostMicros?: number | undefined;
    readonly maxWattHours?: number | undefined;
    readonly maxCarbonGrams?: number | undefined;
  };
}

export interface QuoteAnswer {
  /** Best first, at most 16: one for each cluster and acceptable accelerator where it fits now. */
  readonly offers: Offer[];
  /** Clusters without an offer, and offers beyond the limits; cluster `*` stands for all. At most 16. */
  readonly shortfalls: Filtered[];
}

const MAX_LISTED = 16;

export function quote(workload: Workload, ask: QuoteAsk, snapshot: Snapshot, now: number): QuoteAnswer {
  const room = new Room(snapshot, now);
  const problem = queueProblem(workload, room);
  if (problem !== undefined) {
    return { offers: [], shortfalls: [{ cluster: '*', reason: problem.reason, message: problem.message }] };
  }
  const options = optionsOf(workload, room);
  const ranking: Ranked<Fitting>[] = [];
  for (const group of options.groups) {
    const fitting = group.flatMap((option) => tryOption(option, workload, room) ?? []);
    ranking.push(...rank(workload.regions, fitting));
  }
  const candidates = new Set(ranking.map(({ facts }) => facts.cluster));
  const refusals = options.groups
    .flat()
    .filter((option) => !candidates.has(option.cluster.name))
    .map((option) => ({ option, obstacle: obstacleOf(option, workload, room) }));
  const offers: Offer[] = [];
  const beyond: Filtered[] = [];
  for (const entry of ranking) {
    const offer = offerOf(entry, workload, ask, now, offers.length + 1);
    const excess = beyondLimits(offer, ask.limits);
    if (excess === undefined) offers.push(offer);
    else beyond.push({ cluster: offer.cluster, reason: 'BeyondLimits', message: excess });
  }
  const shortfalls = [...beyond, ...filteredOf(workload, options, refusals, room, candidates), ...options.filtered];
  return { offers: offers.slice(0, MAX_LISTED), shortfalls: shortfalls.slice(0, MAX_LISTED) };
}

/** Money, energy and CO2 for the run time, each tariff band for as long as it holds. */
function offerOf(entry: Ranked<Fitting>, workload: Workload, ask: QuoteAsk, now: number, place: number): Offer {
  const { facts, scorePermille } = entry;
  const { option, fit } = facts;
  const held = wouldHold(option, fit, workload);
  const { costMicros, wattHours, carbonGrams } = totals(held, now, now + ask.runtimeSeconds * 1000);
  return {
    rank: place,
    cluster: facts.cluster,
    region: facts.region,
    accelerator: facts.accelerator,
    nodes: fit.rows.length,
    gpus: held.gpus,
    scorePermille,
    costMicros,
    currency: facts.currency,
    wattHours,
    carbonGrams,
    ...(facts.latencyMs === undefined ? {} : { latencyMs: facts.latencyMs }),
  };
}

/** Which limits the offer breaks, with the numbers. */
function beyondLimits(offer: Offer, limits: QuoteAsk['limits']): string | undefined {
  const { maxCostMicros, maxWattHours, maxCarbonGrams } = limits;
  const parts: string[] = [];
  if (maxCostMicros !== undefined && offer.costMicros > maxCostMicros) {
    parts.push(`costs ${money(offer.costMicros)} ${offer.currency}, the limit is ${money(maxCostMicros)}`);
  }
  if (maxWattHours !== undefined && offer.wattHours > maxWattHours) {
    parts.push(`needs ${offer.wattHours} Wh, the limit is ${maxWattHours} Wh`);
  }
  if (maxCarbonGrams !== undefined && offer.carbonGrams > maxCarbonGrams) {
    parts.push(`emits ${offer.carbonGrams} g CO2, the limit is ${maxCarbonGrams} g`);
  }
  const device = offer.accelerator === '' ? '' : `${offer.gpus} x ${offer.accelerator}: `;
  return parts.length === 0 ? undefined : device + parts.join('; ');
}
