/**
 * One scheduling cycle: who is admitted where, and why the others wait. Best effort first in, first out: the order is
 * priority, then time of queueing, then key, and one that does not fit does not block those behind it.
 */
import type { Filtered } from '../api/index.ts';
import type { Admit, CyclePlan, NotAdmitted, Snapshot, Workload } from './model.ts';
import type { Answer, Fitting, Option, Options } from './options.ts';
import { obstacleOf, optionsOf, queueProblem, tryOption } from './options.ts';
import { filteredOf, whyPending } from './pending.ts';
import { decisionOf, rank } from './region.ts';
import type { Ranked } from './region-terms.ts';
import { Room } from './room.ts';

export interface CycleOptions {
  /** Stop after that many admissions; what was not looked at by then is in neither list of the plan. */
  readonly limit?: number;
}

/** A cycle in slices: the caller gives back the event loop between steps. */
export class Cycle {
  readonly #waiting: readonly Workload[];
  readonly #room: Room;
  readonly #limit: number;
  readonly #admitted: Admit[] = [];
  readonly #pending: NotAdmitted[] = [];
  readonly #options = new Map<string, Options>();
  /** Nothing is freed during a cycle, so what did not fit once does not fit for its equals. */
  readonly #answers = new Map<string, Answer>();
  #next = 0;

  constructor(workloads: readonly Workload[], snapshot: Snapshot, now: number, options: CycleOptions = {}) {
    this.#waiting = inOrder(workloads);
    this.#room = new Room(snapshot, now);
    this.#limit = options.limit ?? Number.POSITIVE_INFINITY;
  }

  /** Looks at up to `budget` more workloads. @returns true: done */
  step(budget: number): boolean {
    const end = Math.min(this.#waiting.length, this.#next + budget);
    while (this.#next < end && this.#admitted.length < this.#limit) {
      this.#decide(this.#waiting[this.#next] as Workload);
      this.#next += 1;
    }
    return this.#next >= this.#waiting.length || this.#admitted.length >= this.#limit;
  }

  /** What was decided so far. */
  plan(): CyclePlan {
    return { admitted: this.#admitted, pending: this.#pending };
  }

  #decide(workload: Workload): void {
    const answer = this.#answers.get(workload.classKey) ?? this.#tryToAdmit(workload);
    if (answer === undefined) return;
    this.#answers.set(workload.classKey, answer);
    this.#pending.push({ workload, ...answer });
  }

  /** Admits it and returns nothing, or says why not. */
  #tryToAdmit(workload: Workload): Answer | undefined {
    let options = this.#options.get(workload.classKey);
    if (options === undefined) {
      const problem = queueProblem(workload, this.#room);
      if (problem !== undefined) return problem;
      options = optionsOf(workload, this.#room);
      this.#options.set(workload.classKey, options);
    }
    for (const [i, group] of options.groups.entries()) {
      const fitting: Fitting[] = [];
      for (const option of group) {
        const found = tryOption(option, workload, this.#room);
        if (found !== undefined) fitting.push(found);
      }
      if (fitting.length > 0) {
        const asked = options.groups.slice(0, i + 1).flat();
        this.#admit(workload, options, asked, rank(workload.regions, fitting));
        return undefined;
      }
    }
    return whyPending(workload, options, this.#room);
  }

  #admit(workload: Workload, options: Options, asked: readonly Option[], ranking: readonly Ranked<Fitting>[]): void {
    const { option, fit } = (ranking[0] as Ranked<Fitting>).facts;
    const queueCharges = option.charges ?? [];
    const filtered = [...options.filtered, ...this.#refused(workload, options, asked, ranking)];
    const scratch = this.#room.scratch(option.cluster);
    this.#admitted.push({
      workload,
      cluster: option.cluster.name,
      region: option.cluster.region,
      accelerator: option.entry?.type ?? '',
      resourceName: option.cluster.accelerators[option.accelerator]?.resourceName ?? '',
      gpusPerNode: option.entry?.countPerNode ?? 0,
      nodes: scratch.nodeNames(fit),
      queueCharges,
      decision: decisionOf(workload.regions, ranking, filtered),
    });
    scratch.commit(fit, option.state.shape());
    this.#room.quota.add({ queue: workload.queue, charges: queueCharges });
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

/** Highest priority first, then who came first, then by key. */
export function compareWorkloads(a: Workload, b: Workload): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.queuedAt !== b.queuedAt) return a.queuedAt - b.queuedAt;
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

/** The same list where it is in order already, which is cheap to see. */
function inOrder(workloads: readonly Workload[]): readonly Workload[] {
  const sorted = workloads.every(
    (workload, i) => i === 0 || compareWorkloads(workloads[i - 1] as Workload, workload) <= 0,
  );
  return sorted ? workloads : [...workloads].sort(compareWorkloads);
}
