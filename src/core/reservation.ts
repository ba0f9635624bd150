/**
 * Backfill (EASY, Lifka 1995): a gang that has waited long for nodes or power has those nodes kept that are expected to
 * be free for it first, and its watts of the power budget from then on. What comes after it may use them only if it is
 * sure to end before; nobody who comes before it is held back.
 * Found anew in each cycle, so that it moves to where there is room sooner.
 */
import { PENDING_REASON } from '../api/index.ts';
import type { Admit, Reservation, Running, Workload } from './model.ts';
import { type Answer, isBeyondBudget, type Option, type Options, wattsOf } from './options.ts';
import type { GangFit } from './placement.ts';
import type { Room } from './room.ts';
import { expectedEnd, Trial } from './trial.ts';

export class Reservations {
  readonly #room: Room;
  readonly #made: Reservation[] = [];
  readonly #started: Admit[] = [];

  constructor(room: Room) {
    this.#room = room;
  }

  list(): readonly Reservation[] {
    return this.#made;
  }

  /** It was admitted in this cycle: its nodes will be free again, too. */
  started(admit: Admit): void {
    this.#started.push(admit);
  }

  /** Those whose nodes and power it may not use: it might still run when they are wanted. */
  against(workload: Workload): readonly Reservation[] {
    if (this.#made.length === 0) return this.#made;
    const until = this.#room.endBy(workload);
    return this.#made.filter(({ startsAt }) => startsAt < until);
  }

  /** Asked of a workload that fits nowhere: keeps nodes for it where they are free first, if it has waited long enough. */
  consider(workload: Workload, options: Options): void {
    const after = this.#room.queue(workload.queue)?.reserveAfterMs;
    if (after === undefined || this.#room.now - workload.queuedAt < after) return;
    let best: { readonly option: Option; readonly found: LaterFit } | undefined;
    for (const option of options.groups.flat()) {
      const found = this.#isTaken(option) ? undefined : this.#earliest(option, workload);
      if (found !== undefined && (best === undefined || found.startsAt < best.found.startsAt)) best = { option, found };
    }
    if (best !== undefined) this.#keep(best.option, best.found, workload);
  }

  #keep(option: Option, { fit, startsAt, usedWatts }: LaterFit, workload: Workload): void {
    const { cluster, entry } = option;
    const nodes = [...new Set(this.#room.scratch(cluster).nodeNames(fit))];
    const made: Reservation = { workload, cluster: cluster.name, accelerator: entry?.type ?? '', nodes, startsAt };
    this.#made.push(made);
    this.#room.power.keep(made, cluster, wattsOf(option, fit, workload), usedWatts);
  }

  #earliest(option: Option, workload: Workload): LaterFit | undefined {
    const { cluster, charges = [] } = option;
    // Nodes are kept for who lacks nodes only: those of its quota are kept by the quota.
    if (!this.#room.quota.check(workload.queue, charges).ok) return undefined;
    const running = [...this.#room.running, ...this.#started.map((admit) => this.#asRunning(admit))];
    const there = running.filter((one) => one.cluster === cluster.name);
    return earliestFit(option, workload, this.#room, there);
  }

  #asRunning({ workload, cluster, accelerator, nodes, gpusPerNode, queueCharges }: Admit): Running {
    const { now } = this.#room;
    const { cpuMilli, memoryMi, capWatts } = workload.request;
    return {
      ...workload,
      cluster,
      accelerator,
      nodes,
      charges: queueCharges,
      perPod: { gpuMilli: gpusPerNode * 1000, cpuMilli, memoryMi, capWatts },
      ...{ preemptible: false, ending: false, admittedAt: now, lossSince: now, endsAt: this.#room.endBy(workload) },
    };
  }

  /** One for each cluster and accelerator: more would leave little for the work between. */
  #isTaken({ cluster, entry }: Option): boolean {
    return this.#made.some((one) => one.cluster === cluster.name && one.accelerator === (entry?.type ?? ''));
  }
}

/** A place that will be free. */
export interface LaterFit {
  readonly fit: GangFit;
  /** In ms. */
  readonly startsAt: number;
  /** Facility watts that others are expected to hold in the cluster then. */
  readonly usedWatts: number;
}

/**
 * When and where it fits because the first so many of these have ended and given back nodes and quota. undefined: not
 * even when all of them that end have ended.
 */
export function earliestFit(
  option: Option,
  workload: Workload,
  room: Room,
  running: readonly Running[],
): LaterFit | undefined {
  const { cluster, charges } = option;
  if (cluster.unusable !== undefined || charges === undefined) return undefined;
  if (isBeyondBudget(option, workload, room)) return undefined;
  const ends = running.flatMap((one) => endOf(one, room) ?? []).sort((a, b) => a.at - b.at);
  const trial = new Trial(option, workload, room);
  try {
    const needed = fewest(ends, trial);
    const last = needed === undefined ? undefined : ends[needed - 1];
    if (last === undefined) return undefined;
    for (const { running: one, at } of ends.slice(needed)) if (at === last.at) trial.release(one);
    const fit = trial.fit();
    return fit === undefined ? undefined : { fit, startsAt: last.at, usedWatts: room.power.usedIn(cluster) };
  } finally {
    trial.undo();
  }
}

interface End {
  readonly running: Running;
  readonly at: number;
}

/** undefined: nobody can tell. */
function endOf(running: Running, { now }: Room): End | undefined {
  const at = expectedEnd(running, now);
  return at === Number.POSITIVE_INFINITY ? undefined : { running, at };
}

/** How many of the first ends make it fit, by halving; leaves just these released. undefined: all do not. */
function fewest(ends: readonly End[], trial: Trial): number | undefined {
  let released = 0;
  const releaseTo = (count: number): boolean => {
    for (; released < count; released += 1) trial.release((ends[released] as End).running);
    for (; released > count; released -= 1) trial.restore((ends[released - 1] as End).running);
    return trial.fit() !== undefined;
  };
  if (!releaseTo(ends.length)) return undefined;
  let [low, high] = [0, ends.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (releaseTo(middle)) high = middle;
    else low = middle + 1;
  }
  releaseTo(low);
  return low;
}

/** Said of one that would fit, were its place not kept for another. */
export function behindReservation({ cluster, workload }: Reservation): Answer {
  const who = `${workload.namespace}/${workload.name} (queue ${workload.queue})`;
  return {
    reason: PENDING_REASON.BehindReservation,
    message: `nodes or power of ${cluster} that would do are kept for ${who}, which has waited longer; only what is sure to end before they are free for it may use them.`,
    filtered: [],
  };
}
