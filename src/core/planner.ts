/**
 * Could it run, where, from when, and for how much? The cycle's own filter, fit and score; nothing is taken. Where it
 * does not fit now, the start follows from what runs there and who waits before it.
 */

import type { Filtered, Offer } from '../api/index.ts';
import { iso } from './iso.ts';
import type { Snapshot, Workload } from './model.ts';
import { totals } from './money.ts';
import type { Fitting, Option } from './options.ts';
import { fittingOf, obstacleOf, optionsOf, tryOption, wouldHold } from './options.ts';
import { filteredOf } from './pending.ts';
import { queueGate } from './queue-gate.ts';
import { rank } from './region.ts';
import { money } from './region-reason.ts';
import type { Ranked } from './region-terms.ts';
import { earliestFit } from './reservation.ts';
import { Room } from './room.ts';
import { speedPermille, timeAt } from './speed.ts';

export interface QuoteAsk {
  readonly runtimeSeconds: number;
  /** Offers that end later are left out, in ms. */
  readonly finishBy?: number | undefined;
  readonly limits: {
    readonly maxCostMicros?: number | undefined;
    readonly maxWattHours?: number | undefined;
    readonly maxCarbonGrams?: number | undefined;
  };
}

export interface QuoteAnswer {
  /**
   * At most 16, one for each cluster and acceptable accelerator: first where it fits now, then where it is expected to
   * fit later, the best first of each.
   */
  readonly offers: Offer[];
  /** How many of the offers are places where it fits now: the first ones. */
  readonly atOnce: number;
  /** Clusters without an offer, and offers beyond the limits; cluster `*` stands for all. At most 16. */
  readonly shortfalls: Filtered[];
}

const MAX_LISTED = 16;

/** In whole seconds, later rather than sooner; what is beyond the years that a time can name is cut to the last of them. */
const timeOf = (ms: number): string => {
  const seconds = Math.min(Math.ceil(ms / 1000), LAST_SECOND);
  return iso(seconds * 1000);
};
const LAST_SECOND = Date.parse('9999-12-31T23:59:59Z') / 1000;

export function quote(workload: Workload, ask: QuoteAsk, snapshot: Snapshot, now: number): QuoteAnswer {
  const room = new Room({ ...snapshot, expectedMs: () => ask.runtimeSeconds * 1000 }, now);
  const problem = queueGate(workload, room);
  if (problem !== undefined) {
    return { offers: [], atOnce: 0, shortfalls: [{ cluster: '*', reason: problem.reason, message: problem.message }] };
  }
  const options = optionsOf(workload, room);
  const atOnce: Ranked<Fitting>[] = [];
  const later: Ranked<Fitting>[] = [];
  for (const group of options.groups) {
    const fitting = group.flatMap((option) => tryOption(option, workload, room) ?? []);
    const fits = new Set(fitting.map(({ option }) => option));
    const waiting = group
      .filter((option) => !fits.has(option))
      .flatMap((option) => laterFit(option, workload, room, snapshot) ?? []);
    atOnce.push(...rank(workload.regions, fitting));
    later.push(...rank(workload.regions, waiting));
  }
  // Where it fits later it is short of something now: that is told, too.
  const candidates = new Set(atOnce.map(({ facts }) => facts.cluster));
  const refusals = options.groups
    .flat()
    .filter((option) => !candidates.has(option.cluster.name))
    .map((option) => ({ option, obstacle: obstacleOf(option, workload, room) }));
  const offers: Offer[] = [];
  const beyond: Filtered[] = [];
  const offer = (entry: Ranked<Fitting>): void => {
    const made = offerOf(entry, workload, ask, now, offers.length + 1);
    const excess = beyondLimits(made, ask);
    if (excess === undefined) offers.push(made);
    else beyond.push({ cluster: made.cluster, reason: 'BeyondLimits', message: excess });
  };
  for (const entry of atOnce) offer(entry);
  const goodNow = offers.length;
  for (const entry of later) offer(entry);
  const shortfalls = [...beyond, ...filteredOf(workload, options, refusals, room, candidates), ...options.filtered];
  return { offers: offers.slice(0, MAX_LISTED), atOnce: goodNow, shortfalls: shortfalls.slice(0, MAX_LISTED) };
}

/** Where and when it will fit; undefined: it never does, or nobody can tell. */
function laterFit(option: Option, workload: Workload, room: Room, snapshot: Snapshot): Fitting | undefined {
  const found = earliestFit(option, workload, room, room.running);
  if (found === undefined) return undefined;
  const there = { ...workload, regions: { ...workload.regions, cluster: option.cluster.name } };
  const startsAt = Math.max(found.startsAt, snapshot.turnAt?.(there) ?? 0);
  return fittingOf(option, found.fit, workload, room, startsAt);
}

/** Money, energy and CO2 for the run time, each tariff band for as long as it holds. */
function offerOf(entry: Ranked<Fitting>, workload: Workload, ask: QuoteAsk, now: number, place: number): Offer {
  const { facts, scorePermille } = entry;
  const { option, fit } = facts;
  const held = wouldHold(option, fit, workload);
  const runtimeSeconds = runtimeAt(workload, option, ask.runtimeSeconds);
  const startsAt = now + facts.waitMs;
  const endsAt = startsAt + runtimeSeconds * 1000;
  const { costMicros, wattHours, carbonGrams } = totals(held, startsAt, endsAt);
  return {
    rank: place,
    startTime: timeOf(startsAt),
    finishTime: timeOf(endsAt),
    cluster: facts.cluster,
    region: facts.region,
    accelerator: facts.accelerator,
    nodes: fit.rows.length,
    gpus: held.gpus,
    scorePermille,
    runtimeSeconds,
    costMicros,
    currency: facts.currency,
    wattHours,
    carbonGrams,
    ...(facts.latencyMs === undefined ? {} : { latencyMs: facts.latencyMs }),
  };
}

/** No run is reckoned with for longer than a quote can ask for: ten years. */
const LONGEST_SECONDS = 315_360_000;

function runtimeAt(workload: Workload, { cluster, entry, accelerator }: Option, seconds: number): number {
  const speed = speedPermille(workload, entry, cluster.accelerators[accelerator]);
  return Math.min(timeAt(speed, seconds), LONGEST_SECONDS);
}

/** Which limits the offer breaks, with the numbers. */
function beyondLimits(offer: Offer, { limits, finishBy }: QuoteAsk): string | undefined {
  const { maxCostMicros, maxWattHours, maxCarbonGrams } = limits;
  const parts: string[] = [];
  if (finishBy !== undefined && Date.parse(offer.finishTime) > finishBy) {
    parts.push(`ends at ${offer.finishTime}, it is to end by ${timeOf(finishBy)}`);
  }
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
