/**
 * Power, money and CO2 of holding accelerators.
 *
 *   watts  = (gpus * boardWatts + nodeShare * nodeOverheadWatts) * PUE          facility power
 *   cost   = gpus * gpuHourMicros + watts / 1000 * pricePerKWhMicros            an hour
 *   carbon = watts / 1000 * gramsPerKWh of the hour                             an hour, by location
 *
 * Money is in millionths of the cluster's currency. Results are integers, rounded half up once, at the end.
 */
import type { AcceleratorType, RegionalClusterSpec, TariffBand } from '../api/index.ts';
import { localTime, QUARTER_HOUR_MS } from './local-time.ts';
import type { ClusterView } from './model.ts';
import { facilityWatts } from './power/budget.ts';

/** The facts of a cluster that power and money follow from. */
export type PowerFacts = CarbonFacts & Pick<ClusterView, 'tariff' | 'puePermille' | 'nodeOverheadWatts'>;
type CarbonFacts = Pick<ClusterView, 'timezone' | 'gramsPerKWh' | 'hourlyGramsPerKWh'>;

/** What is held. */
export interface Held {
  readonly cluster: PowerFacts;
  /** null: CPU only. */
  readonly accelerator: Pick<AcceleratorType, 'boardWatts' | 'gpuHourMicros'> | null;
  /** Boards, all pods together. */
  readonly gpus: number;
  /** Sum over the pods of the share of its node's boards (of its cpu, for CPU only) that each takes. */
  readonly nodeShare: number;
}

export interface Rates {
  readonly watts: number;
  readonly costMicrosPerHour: number;
  readonly carbonGramsPerHour: number;
}

type Tariff = readonly TariffBand[];

/** Price of a kWh then: of the first band that matches; null: none does, or no such time zone. */
export function pricePerKWhMicrosAt(tariff: Tariff, timezone: string, nowMs: number): number | null {
  const local = localTime(timezone, nowMs);
  if (local === null) return null;
  return tariff.find((band) => holds(band, local))?.pricePerKWhMicros ?? null;
}

const holds = (band: TariffBand, local: { month: number; hour: number }): boolean =>
  (band.months.length === 0 || band.months.includes(local.month)) &&
  (band.hours.length === 0 || band.hours.includes(local.hour));

/** Where no band matches, the dearest one counts, so that a gap never looks free. */
export function priceOrDearest(tariff: Tariff, timezone: string, nowMs: number): number {
  return (
    pricePerKWhMicrosAt(tariff, timezone, nowMs) ??
    tariff.reduce((dearest, band) => Math.max(dearest, band.pricePerKWhMicros), 0)
  );
}

export const carbonFactsOf = ({
  electricity,
  carbon,
}: Pick<RegionalClusterSpec, 'electricity' | 'carbon'>): CarbonFacts => ({
  timezone: electricity.timezone,
  gramsPerKWh: carbon.gramsPerKWh,
  ...(carbon.hourly && { hourlyGramsPerKWh: carbon.hourly }),
});

/** CO2 of a kWh then, in grams by the location's grid. */
export function gramsPerKWhAt({ timezone, gramsPerKWh, hourlyGramsPerKWh }: CarbonFacts, nowMs: number): number {
  if (hourlyGramsPerKWh === undefined) return gramsPerKWh;
  return hourlyGramsPerKWh[localTime(timezone, nowMs)?.hour ?? -1] ?? gramsPerKWh;
}

/** What a kWh costs, in millionths of the currency, and what it emits. */
export interface Electricity {
  readonly pricePerKWhMicros: number;
  readonly gramsPerKWh: number;
}

export const electricityAt = (facts: CarbonFacts & Pick<ClusterView, 'tariff'>, nowMs: number): Electricity => ({
  pricePerKWhMicros: priceOrDearest(facts.tariff, facts.timezone, nowMs),
  gramsPerKWh: gramsPerKWhAt(facts, nowMs),
});

/** When the price next differs from the present one, in ms since the epoch; null: never. */
export function nextTariffChange(tariff: Tariff, timezone: string, nowMs: number): number | null {
  if (localTime(timezone, nowMs) === null || isConstant(tariff)) return null;
  const price = pricePerKWhMicrosAt(tariff, timezone, nowMs);
  const end = nowMs + 367 * DAY_MS;
  let at = (Math.floor(nowMs / QUARTER_HOUR_MS) + 1) * QUARTER_HOUR_MS;
  for (; at < end; at += QUARTER_HOUR_MS) {
    if (pricePerKWhMicrosAt(tariff, timezone, at) !== price) return at;
  }
  return null;
}

const DAY_MS = 86_400_000;

/** One price, always. */
function isConstant(tariff: Tariff): boolean {
  const always = tariff.some((band) => band.months.length === 0 && band.hours.length === 0);
  return always && tariff.every((band) => band.pricePerKWhMicros === tariff[0]?.pricePerKWhMicros);
}

/** Facility watts, before rounding. */
const watts = ({ cluster, accelerator, gpus, nodeShare }: Held): number =>
  facilityWatts({ boardWatts: gpus * (accelerator?.boardWatts ?? 0), nodeShare }, cluster);

const roundHalfUp = (value: number): number => Math.floor(value + 0.5);

/** Rates where it is known what a kWh costs and emits. */
export function ratesWith(held: Held, { pricePerKWhMicros, gramsPerKWh }: Electricity): Rates {
  const power = watts(held);
  return {
    watts: roundHalfUp(power),
    costMicrosPerHour: roundHalfUp(
      held.gpus * (held.accelerator?.gpuHourMicros ?? 0) + (power / 1000) * pricePerKWhMicros,
    ),
    carbonGramsPerHour: roundHalfUp((power / 1000) * gramsPerKWh),
  };
}

/** Rates at a moment. */
export const rates = (held: Held, nowMs: number): Rates => ratesWith(held, electricityAt(held.cluster, nowMs));

export interface Totals {
  readonly wattHours: number;
  readonly costMicros: number;
  readonly carbonGrams: number;
}

/** Energy, money and CO2 from `fromMs` to `toMs`, each tariff band and hour for as long as it holds. */
export function totals(held: Held, fromMs: number, toMs: number): Totals {
  const hours = Math.max(0, toMs - fromMs) / 3_600_000;
  const power = watts(held);
  let [priceHours, gramHours] = [0, 0];
  for (let at = fromMs; at < toMs; ) {
    const end = Math.min(toMs, (Math.floor(at / QUARTER_HOUR_MS) + 1) * QUARTER_HOUR_MS);
    const { pricePerKWhMicros, gramsPerKWh } = electricityAt(held.cluster, at);
    priceHours += (pricePerKWhMicros * (end - at)) / 3_600_000;
    gramHours += (gramsPerKWh * (end - at)) / 3_600_000;
    at = end;
  }
  return {
    wattHours: roundHalfUp(power * hours),
    costMicros: roundHalfUp(held.gpus * (held.accelerator?.gpuHourMicros ?? 0) * hours + (power / 1000) * priceHours),
    carbonGrams: roundHalfUp((power / 1000) * gramHours),
  };
}
