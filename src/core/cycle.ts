/**
 * One scheduling cycle: who is admitted where, for whom a place is cleared, and why the others wait.
 */

import type { Filtered } from '../api/index.ts';
import { PENDING_REASON } from '../api/index.ts';
import type { Admit, CyclePlan, Nominated, Nomination, NotAdmitted, Reservation, Snapshot, Workload } from './model.ts';
import type { Answer, Fitting, Option, Options } from './options.ts';
import { obstacleOf, optionsOf, queueFull, settledFit, takeBudget, tryOption, wattsOf } from './options.ts';
import { filteredOf, whyPending } from './pending.ts';
import { namesOf, preempt, reserve, unreserve } from './preemption.ts';
import { queueGate } from './queue-gate.ts';
import { decisionOf, rank } from './region.ts';
import type { Ranked } from './region-terms.ts';
import { behindReservation, Reservations } from './reservation.ts';
import { Room } from './room.ts';
import { Turns } from './turns.ts';

export interface CycleOptions {
  /** Stop after that many admissions; what was not looked at by then is in neither list of the plan. */
  readonly limit?: number;
}

/** A cycle in slices: the caller gives back the event loop between steps. */
export class Cycle {
  readonly #turns: Turns;
  readonly #room: Room;
  readonly #limit: number;
  readonly #admitted: Admit[] = [];
  readonly #pending: NotAdmitted[] = [];
  readonly #nominated: Nominated[] = [];
  readonly #lapsed: string[] = [];
  readonly #reservations: Reservations;
  /** Workloads whose nominated place is reserved: those whose turn comes before must not take it. */
  readonly #reserved = new Set<string>();
  readonly #options = new Map<string, Options>();
  /** Nothing is freed during a cycle, so what did not fit once does not fit for its equals. */
  readonly #answers = new Map<string, Answer>();

  constructor(workloads: readonly Workload[], snapshot: Snapshot, now: number, options: CycleOptions = {}) {
    this.#room = new Room(snapshot, now);
    this.#turns = new Turns(workloads, this.#room.quota, (type) => this.#room.boardOf(type), snapshot.costs);
    this.#reservations = new Reservations(this.#room);
    if (this.#room.nominations.size > 0) for (const workload of workloads) this.#keepPlace(workload);
    this.#limit = options.limit ?? Number.POSITIVE_INFINITY;
  }

  /** Looks at up to `budget` more workloads. @returns true: done */
  step(budget: number): boolean {
    for (let left = budget; left > 0; left -= 1) {
      if (this.#admitted.length >= this.#limit) return true;
      const workload = this.#turns.next();
      if (workload === undefined) return true;
      const admitted = this.#decide(workload);
      for (const behind of this.#turns.done(workload, admitted)) this.#pending.push(behindHead(behind, workload));
    }
    return false;
  }

  /** What was decided so far. */
  plan(): CyclePlan {
    return {
      admitted: this.#admitted,
      pending: this.#pending,
      nominated: this.#nominated,
      reservations: this.#reservations.list(),
      lapsed: this.#lapsed,
    };
  }

  #keepPlace(workload: Workload): void {
    const nomination = this.#room.nominations.get(workload.key);
    if (nomination === undefined || !this.#isGood(nomination)) return;
    reserve(workload, nomination, this.#room);
    this.#reserved.add(workload.key);
  }

  #isGood({ cluster, until }: Nomination): boolean {
    const there = this.#room.clusters.find(({ name }) => name === cluster);
    return until > this.#room.now && there !== undefined && there.unusable === undefined;
  }

  #decide(workload: Workload): boolean {
    const nomination = this.#room.nominations.get(workload.key);
    if (nomination !== undefined && this.#reserved.delete(workload.key)) unreserve(workload, nomination, this.#room);
    const kept = nomination === undefined ? this.#reservations.against(workload) : [];
    const answerKey = `${keyOf(workload, kept)}${this.#endOf(workload)}`;
    const known = nomination === undefined ? this.#answers.get(answerKey) : undefined;
    const answer = known ?? this.#tryToAdmit(workload, nomination, kept);
    if (answer === undefined) return true;
    // A place that is cleared for one is no answer to its equals.
    if (answer.reason !== PENDING_REASON.Preempting) this.#answers.set(answerKey, answer);
    this.#pending.push({ workload, ...answer });
    return false;
  }

  /** Of equals, how long they take matters where budgets do. */
  #endOf(workload: Workload): string {
    const { budgets, quota } = this.#room;
    return budgets.binds(quota.path(workload.queue)) ? ` until ${this.#room.expectedEnd(workload)}` : '';
  }

  /** Admits it and returns nothing, or says why not. */
  #tryToAdmit(
    workload: Workload,
    nomination: Nomination | undefined,
    kept: readonly Reservation[],
  ): Answer | undefined {
    const known = this.#options.get(keyOf(workload, kept));
    const problem = known === undefined ? queueGate(workload, this.#room) : undefined;
    const refused = problem ?? queueFull(workload, this.#room);
    if (refused !== undefined) {
      if (nomination !== undefined) this.#lapsed.push(workload.key);
      return refused;
    }
    const options = known ?? this.#optionsOf(workload, kept);
    for (const [i, group] of options.groups.entries()) {
      const fitting = this.#fitting(group, workload);
      if (fitting.length > 0) {
        const asked = options.groups.slice(0, i + 1).flat();
        this.#admit(workload, options, asked, rank(workload.regions, fitting));
        return undefined;
      }
    }
    const cleared = this.#clear(workload, options, nomination);
    if (cleared?.reason === PENDING_REASON.Preempting) return cleared;
    const [first] = kept;
    if (first !== undefined && this.#fitsAnywhere(workload)) return behindReservation(first);
    this.#reservations.consider(workload, options);
    return cleared ?? whyPending(workload, options, this.#room);
  }

  #optionsOf(workload: Workload, kept: readonly Reservation[]): Options {
    const key = keyOf(workload, kept);
    let options = this.#options.get(key);
    if (options === undefined) {
      options = optionsOf(workload, this.#room, kept);
      this.#options.set(key, options);
    }
    return options;
  }

  #fitting(group: readonly Option[], workload: Workload): Fitting[] {
    return group.flatMap((option) => tryOption(option, workload, this.#room) ?? []);
  }

  /** Whether it would fit, were nothing kept from it. */
  #fitsAnywhere(workload: Workload): boolean {
    return this.#optionsOf(workload, []).groups.some((group) => this.#fitting(group, workload).length > 0);
  }

  /** Has a place cleared, or keeps the one that is being cleared. */
  #clear(workload: Workload, options: Options, nomination: Nomination | undefined): Answer | undefined {
    if (nomination !== undefined) {
      if (this.#isGood(nomination)) {
        reserve(workload, nomination, this.#room);
        return preempting(nomination);
      }
      this.#lapsed.push(workload.key);
    }
    const found = preempt(workload, options, this.#room);
    if (found === undefined) return undefined;
    if (found === 'waits') return WAITS_FOR_CLEANUP;
    for (const { key } of found.nomination.victims) this.#room.victims.add(key);
    this.#nominated.push({ workload, nomination: found.nomination });
    reserve(workload, found.nomination, this.#room);
    return preempting(found.nomination);
  }

  #admit(workload: Workload, options: Options, asked: readonly Option[], ranking: readonly Ranked<Fitting>[]): void {
    const { option, fit: found } = (ranking[0] as Ranked<Fitting>).facts;
    const fit = settledFit(option, found, workload, this.#room);
    const queueCharges = option.charges ?? [];
    const filtered = [...options.filtered, ...this.#refused(workload, options, asked, ranking)];
    const scratch = this.#room.scratch(option.cluster);
    const device = option.cluster.accelerators[option.accelerator];
    const admit: Admit = {
      workload,
      cluster: option.cluster.name,
      region: option.cluster.region,
      accelerator: option.entry?.type ?? '',
      resourceName: device?.resourceName ?? '',
      ...(device?.perUnit === undefined ? {} : { perUnit: device.perUnit }),
      gpusPerNode: option.entry?.countPerNode ?? 0,
      nodes: scratch.nodeNames(fit),
      queueCharges,
      decision: decisionOf(workload.regions, ranking, filtered),
    };
    this.#admitted.push(admit);
    this.#reservations.started(admit);
    scratch.commit(fit, option.state.shape());
    this.#room.power.take(option.cluster, wattsOf(option, fit, workload), this.#room.endBy(workload));
    takeBudget(option, fit, workload, this.#room);
    this.#room.enter({ queue: workload.queue, charges: queueCharges });
  }

  /** Clusters that the policy allows and that were no candidates. */
  #refused(
    workload: Workload,
    options: Options,
    asked: readonly Option[],
    ranking: readonly Ranked<Fitting>[],
  ): Filtered[] {
    const candidates = new Set(ranking.map(({ facts }) => facts.cluster));
    const refusals = asked
      .filter((option) => !candidates.has(option.cluster.name))
      .map((option) => ({ option, obstacle: obstacleOf(option, workload, this.#room) }));
    return filteredOf(workload, options, refusals, this.#room, candidates);
  }
}

export function runCycle(
  workloads: readonly Workload[],
  snapshot: Snapshot,
  now: number,
  options: CycleOptions = {},
): CyclePlan {
  const cycle = new Cycle(workloads, snapshot, now, options);
  cycle.step(Number.POSITIVE_INFINITY);
  return cycle.plan();
}

/** Equal keys have equal answers: what they ask for, and what is kept from them. */
const keyOf = ({ classKey }: Workload, kept: readonly Reservation[]): string =>
  kept.length === 0 ? classKey : `${classKey} but for ${kept.map(({ workload }) => workload.key).join(', ')}`;

const preempting = ({ cluster, victims }: Nomination): Answer => ({
  reason: PENDING_REASON.Preempting,
  message: `its place in ${cluster} is being cleared; it waits for ${victims.length} to end: ${namesOf(victims)}.`,
  filtered: [],
});

const WAITS_FOR_CLEANUP: Answer = {
  reason: PENDING_REASON.WaitingForCleanup,
  message: 'it fits when the pods of workloads that are ending are gone.',
  filtered: [],
};

const behindHead = (workload: Workload, { namespace, name }: Workload): NotAdmitted => ({
  workload,
  reason: PENDING_REASON.BehindHead,
  message: `queue ${workload.queue} keeps its order strictly: it waits behind ${namespace}/${name}.`,
  filtered: [],
});
