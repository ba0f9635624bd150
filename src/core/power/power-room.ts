import type { ClusterView } from '../model.ts';
import { facilityWatts } from './budget.ts';

/** Why the power budget of a cluster does not allow something, in facility watts. */
export interface PowerShort {
  readonly cluster: string;
  readonly neededWatts: number;
  readonly freeWatts: number;
  readonly budgetWatts: number;
  /** An accelerator there whose boards' watts are not known: nothing can be reckoned, so nothing is admitted. */
  readonly unknown?: string;
}

/** Sums of fractions of watts do not come out even. */
const TOLERANCE_WATTS = 1e-6;

/** What is left of the power budgets of clusters while decisions are made. */
export class PowerRoom {
  readonly #used = new Map<string, number>();

  /** Takes facility watts (below zero: gives back). */
  take(cluster: ClusterView, watts: number): void {
    if (cluster.power !== undefined) this.#used.set(cluster.name, this.#usedOf(cluster) + watts);
  }

  /** undefined: the cluster has no budget, or there is room. */
  short(cluster: ClusterView, neededWatts: number): PowerShort | undefined {
    if (cluster.power === undefined) return undefined;
    const { budgetWatts } = cluster.power;
    const unknown = cluster.accelerators.find(({ boardWatts }) => boardWatts <= 0)?.type;
    const freeWatts = budgetWatts - this.#usedOf(cluster);
    if (unknown === undefined && neededWatts <= freeWatts + TOLERANCE_WATTS) return undefined;
    return {
      cluster: cluster.name,
      neededWatts,
      freeWatts,
      budgetWatts,
      ...(unknown === undefined ? {} : { unknown }),
    };
  }

  #usedOf(cluster: ClusterView): number {
    const known = this.#used.get(cluster.name);
    if (known !== undefined || cluster.power === undefined) return known ?? 0;
    const used = facilityWatts(cluster.power.reserved, cluster);
    this.#used.set(cluster.name, used);
    return used;
  }
}

const kilowatts = (watts: number, round: (value: number) => number): string => (round(watts / 10) / 100).toFixed(2);

/** `needs 12.00 kW in guian, and 3.10 of its power budget of 50.00 kW are free`. */
export function explainPower({ cluster, neededWatts, freeWatts, budgetWatts, unknown }: PowerShort): string {
  if (unknown !== undefined) {
    return `${cluster} has a power budget, but boardWatts of its ${unknown} is 0, so that nothing can be reckoned: set it`;
  }
  const needs = `needs ${kilowatts(neededWatts, Math.ceil)} kW in ${cluster}`;
  const budget = `its power budget of ${kilowatts(budgetWatts, Math.floor)} kW`;
  if (neededWatts > budgetWatts) return `${needs}, more than all of ${budget}`;
  return `${needs}, and ${kilowatts(Math.max(0, freeWatts), Math.floor)} kW of ${budget} are free`;
}
