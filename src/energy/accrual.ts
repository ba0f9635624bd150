import type { Admission, Usage } from '../api/index.ts';
import { QUARTER_HOUR_MS } from '../core/local-time.ts';
import { boardWatts, type EnergyFacts, valued } from './facts.ts';
import { addMoney, type Money, someMoney } from './money.ts';
import { NO_SUMS, plus, type Sums } from './sums.ts';
import type { WorkloadUse } from './workload-use.ts';

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
  /** Part of what was held between two moments for which no agent measures, of 1; absent: all of it. */
  readonly unmetered?: (fromMs: number, toMs: number) => number;
}

export function holdingOf(
  admission: Pick<Admission, 'accelerator' | 'gpusPerNode'>,
  pods: number,
  boardsPerNode: number,
): Holding {
  const gpus = admission.gpusPerNode * pods;
  return { accelerator: admission.accelerator, gpus, nodeShare: boardsPerNode > 0 ? gpus / boardsPerNode : 0 };
}

/** What follows from an interval of time held: its GPU-hours' money in millionths, and energy as an estimate. Not rounded. */
export interface Interval {
  readonly gpuSeconds: number;
  readonly gpuMicros: number;
  readonly energy: Sums;
}

/**
 * Estimate for holding boards from `fromMs` to `toMs`: configured board power and the node's overhead, times PUE,
 * priced by the tariff band in force. Bands change on the hour, so quarter hours aligned to the clock are exact.
 */
export function estimate({ facts, holding, unmetered }: Meter, fromMs: number, toMs: number): Interval {
  const accelerator = facts.accelerators.find((entry) => entry.type === holding.accelerator) ?? null;
  const seconds = Math.max(0, toMs - fromMs) / 1000;
  const gpuSeconds = (holding.gpus * seconds * (accelerator?.board?.permille ?? 1000)) / 1000;
  const share = toMs > fromMs ? (unmetered?.(fromMs, toMs) ?? 1) : 0;
  return {
    gpuSeconds,
    gpuMicros: (holding.gpus * (accelerator?.gpuHourMicros ?? 0) * seconds) / 3600,
    energy: share === 0 ? NO_SUMS : plus(NO_SUMS, estimatedEnergy(facts, holding, fromMs, toMs), share),
  };
}

/** Energy of boards at configured power, with the time they were held. */
export function estimatedEnergy(facts: EnergyFacts, holding: Holding, fromMs: number, toMs: number): Sums {
  const accelerator = facts.accelerators.find((entry) => entry.type === holding.accelerator);
  const boards = (holding.gpus * (accelerator?.board?.permille ?? 1000)) / 1000;
  const watts = boards * boardWatts(facts, holding.accelerator);
  let sum = NO_SUMS;
  for (let at = fromMs; at < toMs; ) {
    const end = Math.min(toMs, (Math.floor(at / QUARTER_HOUR_MS) + 1) * QUARTER_HOUR_MS);
    const seconds = (end - at) / 1000;
    const overheadJoules = holding.nodeShare * facts.nodeOverheadWatts * seconds;
    const energy = { gpuSeconds: boards * seconds, measuredSeconds: 0, gpuJoules: watts * seconds, overheadJoules };
    sum = plus(sum, valued(energy, facts, at));
    at = end;
  }
  return sum;
}

/** Of the sums of a usage, or of a part of them. */
export type UsagePart = Record<(typeof PART_KEYS)[number], number>;
export const PART_KEYS = [
  'gpuJoules',
  'itJoules',
  'facilityJoules',
  'costMicros',
  'carbonGrams',
  'carbonMarketGrams',
] as const;

export const partOf = (of: (key: keyof UsagePart) => number): UsagePart =>
  Object.fromEntries(PART_KEYS.map((key) => [key, of(key)])) as never;
const NOTHING = partOf(() => 0);
const filled = (part: NonNullable<Usage['reckoned']> | undefined): UsagePart => partOf((key) => part?.[key] ?? 0);
const rounded = (sums: Sums): UsagePart => partOf((key) => Math.round(sums[key]));
export const addParts = (...parts: readonly UsagePart[]): UsagePart =>
  partOf((key) => parts.reduce((sum, part) => sum + part[key], 0));

/** What a usage is made of. */
export interface UsageParts {
  /** From time held alone; of a usage of before there were agents, all of it. */
  readonly reckoned: UsagePart;
  readonly measured: UsagePart;
  /** By configured power for time that agents should have measured and did not. */
  readonly estimated: UsagePart;
}

export function partsOf(usage: Usage | undefined): UsageParts {
  const reckoned = filled(usage?.reckoned ?? usage);
  const measured = filled(usage?.measured);
  const estimated = partOf((key) => Math.max(0, (usage?.[key] ?? 0) - reckoned[key] - measured[key]));
  return { reckoned, measured, estimated };
}

/** The same of what the ledger tells; `final` leaves out what may still be taken back. */
export function measuredParts(use: WorkloadUse, currency: string, final = false): Omit<UsageParts, 'reckoned'> {
  const estimate = final ? 'final' : 'estimated';
  const part = (of: 'measured' | typeof estimate): UsagePart => {
    const { [currency]: micros = 0, '': unknown = 0 } = use.costs[of];
    return rounded({ ...use[of], costMicros: micros + unknown });
  };
  return { measured: part('measured'), estimated: part(estimate) };
}

/** Money of what agents told, in all currencies but that one. */
export function otherToldOf(use: WorkloadUse, currency: string, final = false): Money {
  const { [currency]: _, '': __, ...rest } = addMoney(use.costs.measured, use.costs[final ? 'final' : 'estimated']);
  return rest;
}

/** The same of all currencies, as a usage has it. */
export function toldBefore(usage: Usage): Money {
  const { measured, estimated } = partsOf(usage);
  return addMoney({ [usage.currency]: measured.costMicros + estimated.costMicros }, otherToldBefore(usage));
}

const otherToldBefore = ({ otherCosts = [] }: Usage): Money =>
  Object.fromEntries(otherCosts.map((one) => [one.currency, one.costMicros - one.reckonedMicros]));

/** Reckoned money by currency. */
export const reckonedCosts = (usage: Usage): Money => ({
  ...otherReckoned(usage),
  [usage.currency]: partsOf(usage).reckoned.costMicros,
});

const otherReckoned = ({ otherCosts = [] }: Usage): Money =>
  Object.fromEntries(otherCosts.map(({ currency, reckonedMicros }) => [currency, reckonedMicros]));

/** Money in currencies that are not the usage's. */
function otherCostsOf(usage: Usage, reckoned: Money, use: WorkloadUse | undefined): Pick<Usage, 'otherCosts'> {
  const told = use === undefined ? otherToldBefore(usage) : otherToldOf(use, usage.currency);
  const otherCosts = Object.keys(someMoney(addMoney(reckoned, told)))
    .sort()
    .map((currency) => {
      const reckonedMicros = Math.round(reckoned[currency] ?? 0);
      return { currency, costMicros: reckonedMicros + Math.round(told[currency] ?? 0), reckonedMicros };
    });
  return otherCosts.length === 0 ? {} : { otherCosts };
}

/**
 * Adds an interval to the closed sums, with what was measured as of now; fractions are rounded once per closing. The
 * money of a usage is in the currency it began with; of another one it is kept apart.
 */
export function closeInterval(
  usage: Usage | undefined,
  interval: Interval,
  currency: string,
  until: string,
  measured?: WorkloadUse,
): Usage {
  const { reckoned: before } = partsOf(usage);
  const { energy, gpuMicros } = interval;
  const micros = energy.costMicros + gpuMicros;
  const isOther = usage !== undefined && usage.currency !== currency;
  const money = isOther ? 0 : micros;
  const reckoned = partOf((key) => Math.round(before[key] + (key === 'costMicros' ? money : energy[key])));
  const gpuSeconds = Math.round((usage?.gpuSeconds ?? 0) + interval.gpuSeconds);
  const closed: Usage = usage ?? { ...NOTHING, gpuSeconds, currency, until, source: 'Estimate' };
  const others = addMoney(otherReckoned(closed), isOther ? { [currency]: micros } : undefined);
  return withMeasured({ ...closed, gpuSeconds, until }, reckoned, others, measured);
}

/** What the agents of the nodes have measured takes its place in the sums. */
export const withLateMeasured = (usage: Usage, measured: WorkloadUse | undefined): Usage =>
  measured === undefined ? usage : withMeasured(usage, partsOf(usage).reckoned, otherReckoned(usage), measured);

/** While the ledger does not know the workload, what it said before stands. */
function withMeasured(before: Usage, reckoned: UsagePart, others: Money, use: WorkloadUse | undefined): Usage {
  const { otherCosts: _, drawWatts: __, ...usage } = before;
  const { measured, estimated } = use === undefined ? partsOf(before) : measuredParts(use, usage.currency);
  const parts = { ...addParts(reckoned, measured, estimated), reckoned, ...otherCostsOf(before, others, use) };
  if (use === undefined) return { ...usage, ...parts };
  const { startup, useful, lost, checkpoint } = use.classes;
  const seconds = use.measured.measuredSeconds;
  if (seconds === 0) return { ...usage, ...parts };
  return {
    ...usage,
    ...parts,
    measured,
    source: 'Integrated',
    coveragePermille: usage.gpuSeconds > 0 ? Math.min(1000, Math.floor((seconds * 1000) / usage.gpuSeconds)) : 0,
    startupJoules: Math.round(startup.facilityJoules),
    usefulJoules: Math.round(useful.facilityJoules),
    lostJoules: Math.round(lost.facilityJoules),
    checkpointJoules: Math.round(checkpoint.facilityJoules),
  };
}

/** With the power that was measured last, of what is still held. */
export const withDraw = (usage: Usage, use: WorkloadUse | undefined): Usage =>
  use?.drawWatts === undefined ? usage : { ...usage, drawWatts: Math.round(use.drawWatts) };

/** Whether it is one to people: more than a tenth of the energy was not measured. */
export const isEstimate = (usage: Pick<Usage, 'source' | 'facilityJoules' | 'measured'>): boolean =>
  usage.source === 'Estimate' ||
  (usage.source === 'Integrated' && (usage.measured?.facilityJoules ?? 0) < 0.9 * usage.facilityJoules);

/** Facility energy as people read it; `~` marks an estimate. */
export const kWhText = (usage: Usage): string =>
  `${isEstimate(usage) ? '~' : ''}${(usage.facilityJoules / 3_600_000).toFixed(3)}`;
/** Money of each currency by itself, in at most 48 characters. */
export function costText(usage: Usage): string {
  const [first = '', ...rest] = [usage, ...(usage.otherCosts ?? [])].map(
    ({ costMicros, currency }) => `${(costMicros / 1_000_000).toFixed(2)} ${currency}`,
  );
  const all = [first, ...rest].join(' + ');
  return all.length <= 48 ? all : `${first} + ${rest.length} other currencies`.slice(0, 48);
}
export const co2Text = (usage: Usage): string => `${(usage.carbonGrams / 1000).toFixed(3)} kg`;
