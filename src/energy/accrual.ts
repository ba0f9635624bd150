import type { Admission, Usage } from '../api/index.ts';
import type { ClusterView } from '../core/model.ts';
import { rates } from '../core/money.ts';

/** Facts about a cluster that energy and money follow from. */
export type EnergyFacts = Pick<
  ClusterView,
  'accelerators' | 'currency' | 'timezone' | 'tariff' | 'puePermille' | 'gramsPerKWh' | 'nodeOverheadWatts'
>;

/** What is held: boards, and over all pods the share of a node each takes. */
export interface Holding {
  readonly accelerator: string;
  readonly gpus: number;
  readonly nodeShare: number;
}

/** What energy and money of something held follow from. */
export interface Meter {
  readonly facts: EnergyFacts;
  readonly holding: Holding;
}

export function holdingOf(
  admission: Pick<Admission, 'accelerator' | 'gpusPerNode'>,
  pods: number,
  boardsPerNode: number,
): Holding {
  const gpus = admission.gpusPerNode * pods;
  return { accelerator: admission.accelerator, gpus, nodeShare: boardsPerNode > 0 ? gpus / boardsPerNode : 0 };
}

const QUARTER_HOUR_MS = 900_000;

/** Use of an interval: board-seconds (parts of boards by their part), facility joules, money in millionths, CO2 in grams. Not rounded. */
export interface Interval {
  readonly gpuSeconds: number;
  readonly facilityJoules: number;
  readonly costMicros: number;
  readonly carbonGrams: number;
}

/**
 * Estimate for holding boards from `fromMs` to `toMs`: configured board power and the node's overhead, times PUE,
 * priced by the tariff band in force. Bands change on the hour, so quarter hours aligned to the clock are exact.
 */
export function estimate(facts: EnergyFacts, holding: Holding, fromMs: number, toMs: number): Interval {
  const sum = { gpuSeconds: 0, facilityJoules: 0, costMicros: 0, carbonGrams: 0 };
  const accelerator = facts.accelerators.find((entry) => entry.type === holding.accelerator) ?? null;
  for (let at = fromMs; at < toMs; ) {
    const end = Math.min(toMs, (Math.floor(at / QUARTER_HOUR_MS) + 1) * QUARTER_HOUR_MS);
    const seconds = (end - at) / 1000;
    const rate = rates({ cluster: facts, accelerator, gpus: holding.gpus, nodeShare: holding.nodeShare }, at);
    sum.gpuSeconds += (holding.gpus * seconds * (accelerator?.board?.permille ?? 1000)) / 1000;
    sum.facilityJoules += rate.watts * seconds;
    sum.costMicros += (rate.costMicrosPerHour * seconds) / 3600;
    sum.carbonGrams += (rate.carbonGramsPerHour * seconds) / 3600;
    at = end;
  }
  return sum;
}

/** Adds an interval to the closed sums; fractions are rounded once per closing. */
export function closeInterval(usage: Usage | undefined, interval: Interval, currency: string, until: string): Usage {
  return {
    gpuSeconds: Math.round((usage?.gpuSeconds ?? 0) + interval.gpuSeconds),
    facilityJoules: Math.round((usage?.facilityJoules ?? 0) + interval.facilityJoules),
    costMicros: Math.round((usage?.costMicros ?? 0) + interval.costMicros),
    carbonGrams: Math.round((usage?.carbonGrams ?? 0) + interval.carbonGrams),
    currency,
    until,
    source: 'Estimate',
  };
}

/** Facility energy as people read it; `~` marks an estimate. */
export const kWhText = (usage: Usage): string =>
  `${usage.source === 'Estimate' ? '~' : ''}${(usage.facilityJoules / 3_600_000).toFixed(3)}`;
export const costText = (usage: Usage): string => `${(usage.costMicros / 1_000_000).toFixed(2)} ${usage.currency}`;
export const co2Text = (usage: Usage): string => `${(usage.carbonGrams / 1000).toFixed(3)} kg`;
