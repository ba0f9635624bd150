import type { ClusterView, Reservation } from '../model.ts';
import { facilityWatts } from './budget.ts';

/** Why the power budget of a cluster does not allow something, in facility watts. */
export interface PowerShort {
  readonly cluster: string;
  readonly neededWatts: number;
  readonly freeWatts: number;
  readonly budgetWatts: number;
  /** An accelerator there whose boards' watts are not known: nothing can be reckoned, so nothing is admitted. */
  readonly unknown?: string;
  /** It would fit now, but not in what is left when this one starts. */
  readonly keptFor?: Reservation;
}

/** What a reservation does to the power of its cluster, in facility watts. */
interface Kept {
  /** Of what it keeps a place for. */
  readonly watts: number;
  /** Of all that is expected to be held when it starts, itself too. */
  usedThen: number;
}

/** Sums of fractions of watts do not come out even. */
const TOLERANCE_WATTS = 1e-6;

/** What is left of the power budgets of clusters while decisions are made, now and when reservations start. */
export class PowerRoom {
  readonly #used = new Map<string, number>();
  readonly #kept = new Map<Reservation, Kept>();

  /**
   * Takes facility watts (below zero: gives back).
   * @param until when what draws them is expected to have ended, in ms
   */
  take(cluster: ClusterView, watts: number, until: number): void {
    if (cluster.power === undefined) return;
    this.#used.set(cluster.name, this.usedIn(cluster) + watts);
    for (const [{ cluster: name, startsAt }, kept] of this.#kept) {
      if (name === cluster.name && startsAt < until) kept.usedThen += watts;
    }
  }

  /**
   * Keeps facility watts for a reservation from its start on.
   * @param usedWatts what is expected to be held then, without reservations
   */
  keep(reservation: Reservation, cluster: ClusterView, watts: number, usedWatts: number): void {
    if (cluster.power === undefined) return;
    let usedThen = usedWatts + watts;
    // Of two in one cluster the later one starts while the earlier one runs.
    for (const [other, kept] of this.#kept) {
      if (other.cluster !== cluster.name) continue;
      if (other.startsAt <= reservation.startsAt) usedThen += kept.watts;
      else kept.usedThen += watts;
    }
    this.#kept.set(reservation, { watts, usedThen });
  }

  /**
   * undefined: the cluster has no budget, or there is room.
   * @param against reservations at whose start the watts must still be free, beside what they keep
   */
  short(cluster: ClusterView, neededWatts: number, against: readonly Reservation[]): PowerShort | undefined {
    if (cluster.power === undefined) return undefined;
    const { budgetWatts } = cluster.power;
    const unknown = cluster.accelerators.find(({ boardWatts }) => boardWatts <= 0)?.type;
    let freeWatts = budgetWatts - this.usedIn(cluster);
    let keptFor: Reservation | undefined;
    for (const reservation of against) {
      const freeThen = budgetWatts - this.#usedAtStart(reservation, cluster);
      if (freeThen >= freeWatts) continue;
      freeWatts = freeThen;
      keptFor = reservation;
    }
    if (unknown === undefined && neededWatts <= freeWatts + TOLERANCE_WATTS) return undefined;
    return {
      cluster: cluster.name,
      neededWatts,
      freeWatts,
      budgetWatts,
      ...(unknown === undefined ? {} : { unknown }),
      ...(keptFor === undefined ? {} : { keptFor }),
    };
  }

  #usedAtStart(reservation: Reservation, cluster: ClusterView): number {
    const kept = reservation.cluster === cluster.name ? this.#kept.get(reservation) : undefined;
    return kept?.usedThen ?? Number.NEGATIVE_INFINITY;
  }

  /** Facility watts that are held now. */
  usedIn(cluster: ClusterView): number {
    const known = this.#used.get(cluster.name);
    if (known !== undefined || cluster.power === undefined) return known ?? 0;
    const used = facilityWatts(cluster.power.reserved, cluster);
    this.#used.set(cluster.name, used);
    return used;
  }
}

const kilowatts = (watts: number, round: (value: number) => number): string => (round(watts / 10) / 100).toFixed(2);

/** `needs 12.00 kW in guian, and 3.10 of its power budget of 50.00 kW are free`. */
export function explainPower({ cluster, neededWatts, freeWatts, budgetWatts, unknown, keptFor }: PowerShort): string {
  if (unknown !== undefined) {
    return `${cluster} has a power budget, but boardWatts of its ${unknown} is 0, so that nothing can be reckoned: set it`;
  }
  const needs = `needs ${kilowatts(neededWatts, Math.ceil)} kW in ${cluster}`;
  const budget = `its power budget of ${kilowatts(budgetWatts, Math.floor)} kW`;
  if (neededWatts > budgetWatts) return `${needs}, more than all of ${budget}`;
  const free = `${needs}, and ${kilowatts(Math.max(0, freeWatts), Math.floor)} kW of ${budget} are free`;
  return keptFor === undefined
    ? free
    : `${free} and not kept for ${keptFor.workload.namespace}/${keptFor.workload.name}`;
}
