import type { RegionalCluster } from '../api/index.ts';
import type { ClusterView } from '../core/model.ts';
import { carbonFactsOf, electricityAt, type PowerFacts } from '../core/money.ts';
import { NO_SUMS, type Sums } from './sums.ts';

/** Facts about a cluster that energy and money follow from. */
export interface EnergyFacts extends PowerFacts, Pick<ClusterView, 'accelerators' | 'currency'> {
  readonly greenPowerPermille: number;
}

export const energyFactsOf = ({ spec }: Pick<RegionalCluster, 'spec'>): EnergyFacts => ({
  accelerators: spec.accelerators,
  currency: spec.electricity.currency,
  tariff: spec.electricity.tariff,
  puePermille: spec.puePermille,
  ...carbonFactsOf(spec),
  greenPowerPermille: spec.carbon.greenPowerPermille,
  nodeOverheadWatts: spec.power.nodeOverheadWatts,
});

/** Energy as it is found, before what follows from it. */
export interface Energy {
  readonly gpuSeconds: number;
  readonly measuredSeconds: number;
  readonly gpuJoules: number;
  /** Of the nodes beside the boards. */
  readonly overheadJoules: number;
}

const JOULES_PER_KWH = 3_600_000;

/** What energy is at the facility, costs and emits, when it is used at that moment. */
export function valued(energy: Energy, facts: EnergyFacts, atMs: number): Sums {
  const itJoules = energy.gpuJoules + energy.overheadJoules;
  const facilityJoules = (itJoules * facts.puePermille) / 1000;
  const kWh = facilityJoules / JOULES_PER_KWH;
  const { pricePerKWhMicros, gramsPerKWh } = electricityAt(facts, atMs);
  const carbonGrams = kWh * gramsPerKWh;
  return {
    ...NO_SUMS,
    gpuSeconds: energy.gpuSeconds,
    measuredSeconds: energy.measuredSeconds,
    gpuJoules: energy.gpuJoules,
    itJoules,
    facilityJoules,
    costMicros: kWh * pricePerKWhMicros,
    carbonGrams,
    carbonMarketGrams: (carbonGrams * (1000 - facts.greenPowerPermille)) / 1000,
  };
}

/** The same energy at the price of these facts. */
export function repriced(sums: Sums, facts: EnergyFacts, atMs: number): Sums {
  const gpuJoules = (sums.facilityJoules * 1000) / facts.puePermille;
  const energy = { gpuSeconds: 0, measuredSeconds: 0, gpuJoules, overheadJoules: 0 };
  return { ...sums, costMicros: valued(energy, facts, atMs).costMicros };
}

/** Power of a whole board of that type as configured, in watts; 0 where the cluster does not know the type. */
export function boardWatts({ accelerators }: EnergyFacts, type: string): number {
  const found = accelerators.find((entry) => entry.type === type);
  return found === undefined ? 0 : (found.boardWatts * 1000) / (found.board?.permille ?? 1000);
}
