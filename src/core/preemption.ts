/**
 * Whom to push out so that a workload fits. The rules are Kueue's (concepts/preemption: withinClusterQueue,
 * reclaimWithinCohort, borrowWithinCohort), the choice is ours: among those of lowest priority the ones that lose
 * least, in board-hours since their last checkpoint and for starting again.
 *
 * Who was pushed out cannot push back: within a queue only lower (or equal and newer) work goes, and work is reclaimed
 * only by a queue that stays within its own quota, from queues that use more than theirs.
 */
import type { PreemptionRule } from '../api/index.ts';
import type { Nomination, Running, Victim, Workload } from './model.ts';
import { isBeyondBudget, type Option, type Options, powerMayLack } from './options.ts';
import type { GangFit } from './placement.ts';
import type { Room } from './room.ts';
import { Trial } from './trial.ts';

/** Starting again costs about so much of everything held, in hours. */
const RESTART_HOURS = 0.1;
/** A place that could not be cleared by then is given up, in ms. */
const NOMINATION_MS = 600_000;

const HOUR_MS = 3_600_000;

/** Boards held, in thousandths. */
const milliGpus = ({ nodes, perPod }: Running): number => nodes.length * perPod.gpuMilli;

/** Board-hours in thousandths that are done again when it ends now. */
export function lossOf(running: Running, now: number): number {
  const hours = Math.max(0, now - running.lossSince) / HOUR_MS + RESTART_HOURS;
  return Math.round(milliGpus(running) * hours);
}

export type Preemption =
  | { readonly nomination: Nomination; readonly option: Option }
  /** Nobody need be pushed out: what is ending already makes the room. */
  | 'waits'
  | undefined;

/** The cluster and the victims that cost least; asked when it fits nowhere. */
export function preempt(workload: Workload, options: Options, room: Room): Preemption {
  for (const group of options.groups) {
    let best: { nomination: Nomination; option: Option; cost: number } | undefined;
    for (const option of group) {
      const found = clear(option, workload, room);
      if (found === 'waits') return 'waits';
      if (found === undefined) continue;
      const cost = found.victims.reduce((sum, { lostMilliGpuHours }) => sum + lostMilliGpuHours, 0);
      if (best === undefined || cost < best.cost) best = { nomination: found, option, cost };
    }
    if (best !== undefined) return best;
  }
  return undefined;
}

function clear(option: Option, workload: Workload, room: Room): Nomination | 'waits' | undefined {
  const { cluster, charges } = option;
  if (cluster.unusable !== undefined || charges === undefined) return undefined;
  const quota = room.quota.check(workload.queue, charges);
  // Budgets are not given back: nobody is pushed out for one.
  if ((!quota.ok && quota.exceedsMax) || isBeyondBudget(option, workload, room)) return undefined;
  const trial = new Trial(option, workload, room);
  try {
    const leaving = room.running.filter((running) => running.ending && !room.victims.has(running.key));
    for (const running of leaving) trial.release(running);
    if (leaving.length > 0 && trial.fit() !== undefined) return 'waits';
    const victims = minimal(trial, candidatesFor(option, workload, room, !quota.ok), room);
    const fit = victims === undefined ? undefined : trial.fit();
    if (victims === undefined || fit === undefined) return undefined;
    return nominationOf(option, fit, victims, room);
  } finally {
    trial.undo();
  }
}

interface Candidate {
  readonly running: Running;
  readonly rule: PreemptionRule;
  /** Of another queue. */
  readonly foreign: boolean;
  readonly ancestor: string;
  readonly loss: number;
}

/** Those whose going may help and whom the policies give up, the ones to go first at the front. */
function candidatesFor(option: Option, workload: Workload, room: Room, quotaShort: boolean): Candidate[] {
  const found: Candidate[] = [];
  // Power is short by whatever draws it.
  const anyType = powerMayLack(option, workload, room);
  for (const running of room.running) {
    if (running.ending || !running.preemptible || room.victims.has(running.key)) continue;
    const near = running.cluster === option.cluster.name && (anyType || sharesNodes(running, option));
    const shared = sharedCharges(running, option);
    if (!near && !(quotaShort && shared.length > 0)) continue;
    const foreign = running.queue !== workload.queue;
    const ancestor = foreign ? room.quota.commonAncestor(workload.queue, running.queue) : workload.queue;
    if (ancestor === undefined || !protectionIsOver(running, room)) continue;
    const rule = ruleFor(workload, running, foreign, ancestor, option, room);
    if (rule === undefined) continue;
    found.push({ running, rule, foreign, ancestor, loss: lossOf(running, room.now) });
  }
  return found.sort(compareCandidates);
}

const sharesNodes = (running: Running, { entry }: Option): boolean =>
  entry === undefined || running.accelerator === entry.type;

const sharedCharges = (running: Running, { charges }: Option) =>
  running.charges.filter((charge) =>
    charges?.some(({ accelerator, region }) => accelerator === charge.accelerator && region === charge.region),
  );

/** Whether it ran as long as the nearest queue that says so grants. */
function protectionIsOver(running: Running, room: Room): boolean {
  for (const name of room.quota.path(running.queue)) {
    const grant = room.queue(name)?.minRuntimeMs;
    if (grant !== undefined) return room.now - running.admittedAt >= grant;
  }
  return true;
}

/** What of its queue's policy lets the workload push it out; undefined: nothing. */
function ruleFor(
  workload: Workload,
  running: Running,
  foreign: boolean,
  ancestor: string,
  option: Option,
  room: Room,
): PreemptionRule | undefined {
  const policy = room.queue(workload.queue)?.preemption;
  if (policy === undefined) return undefined;
  const lower = running.priority < workload.priority;
  if (!foreign) {
    const newer = running.priority === workload.priority && running.admittedAt > workload.queuedAt;
    const goes = lower || (policy.withinQueue === 'LowerOrNewerEqualPriority' && newer);
    return policy.withinQueue !== 'Never' && goes ? 'WithinQueue' : undefined;
  }
  if (room.quota.staysWithin(workload.queue, ancestor, option.charges ?? [])) {
    return policy.reclaim === 'Any' || (policy.reclaim === 'LowerPriority' && lower) ? 'Reclaim' : undefined;
  }
  const { borrow, borrowMaxPriority = Number.POSITIVE_INFINITY } = policy;
  return borrow === 'LowerPriority' && lower && running.priority <= borrowMaxPriority ? 'Borrow' : undefined;
}

/** Others' borrowed work first, then the lowest priority, then what loses least, then what came last. */
function compareCandidates(a: Candidate, b: Candidate): number {
  if (a.foreign !== b.foreign) return a.foreign ? -1 : 1;
  if (a.running.priority !== b.running.priority) return a.running.priority - b.running.priority;
  if (a.loss !== b.loss) return a.loss - b.loss;
  if (a.running.admittedAt !== b.running.admittedAt) return b.running.admittedAt - a.running.admittedAt;
  return a.running.key < b.running.key ? -1 : 1;
}

/**
 * Releases candidates in order until it fits, then gives back from the dearest those that are not needed.
 * A queue that is back within its own quota gives no more. @returns undefined: it does not fit with all of them gone
 */
function minimal(trial: Trial, candidates: readonly Candidate[], room: Room): Candidate[] | undefined {
  const gone: Candidate[] = [];
  let fits = trial.fit() !== undefined;
  for (const candidate of candidates) {
    if (fits) break;
    const { running, foreign, ancestor } = candidate;
    if (foreign && !room.quota.isBorrowing(running.queue, ancestor, running.charges)) continue;
    trial.release(running);
    gone.push(candidate);
    fits = trial.fit() !== undefined;
  }
  if (!fits || gone.length === 0) return undefined;
  const needed = gone.length === 1 ? gone : thinned(trial, gone);
  return needed.every((candidate) => isSpare(candidate, trial, room)) ? needed : undefined;
}

/** With all others gone, its queue still uses more than its own: else it would take the place back, and so on for ever. */
function isSpare({ running, foreign, ancestor }: Candidate, trial: Trial, room: Room): boolean {
  if (!foreign) return true;
  trial.restore(running);
  const isBorrowed = room.quota.isBorrowing(running.queue, ancestor, running.charges);
  trial.release(running);
  return isBorrowed;
}

/** From the dearest: whoever can stay, stays. */
function thinned(trial: Trial, gone: readonly Candidate[]): Candidate[] {
  const needed: Candidate[] = [];
  for (const candidate of [...gone].sort((a, b) => b.loss - a.loss || compareCandidates(b, a))) {
    trial.restore(candidate.running);
    if (trial.fit() !== undefined) continue;
    trial.release(candidate.running);
    needed.push(candidate);
  }
  return needed;
}

function nominationOf(option: Option, fit: GangFit, victims: readonly Candidate[], room: Room): Nomination {
  return {
    cluster: option.cluster.name,
    region: option.cluster.region,
    accelerator: option.entry?.type ?? '',
    queueCharges: option.charges ?? [],
    nodes: room.scratch(option.cluster).nodeNames(fit),
    victims: victims.map(({ running, rule, loss }): Victim => {
      const { key, namespace, name, kind, queue, priority } = running;
      return { key, namespace, name, kind, queue, priority, rule, lostMilliGpuHours: loss };
    }),
    until: room.now + NOMINATION_MS,
  };
}

/** Takes the nominated place out of the room, below zero where it is not free yet: nobody after gets it. */
export function reserve(workload: Workload, nomination: Nomination, room: Room): void {
  room.quota.add({ queue: workload.queue, charges: nomination.queueCharges });
  const cluster = room.clusters.find(({ name }) => name === nomination.cluster);
  if (cluster === undefined) return;
  room.charge(
    cluster,
    nomination.accelerator,
    nomination.nodes,
    podNeeds(workload, nomination),
    1,
    room.endBy(workload),
  );
}

/** Gives a reserved place back, for the one that it is kept for. */
export function unreserve(workload: Workload, nomination: Nomination, room: Room): void {
  room.quota.remove({ queue: workload.queue, charges: nomination.queueCharges });
  const cluster = room.clusters.find(({ name }) => name === nomination.cluster);
  if (cluster === undefined) return;
  room.charge(
    cluster,
    nomination.accelerator,
    nomination.nodes,
    podNeeds(workload, nomination),
    -1,
    room.endBy(workload),
  );
  room.countAnew(cluster);
}

function podNeeds({ request }: Workload, { accelerator }: Nomination): Running['perPod'] {
  const { cpuMilli, memoryMi, accelerators, capWatts } = request;
  const boards = accelerators.find(({ type }) => type === accelerator)?.countPerNode ?? 0;
  return { gpuMilli: boards * 1000, cpuMilli, memoryMi, capWatts };
}

/** `team-b/train (queue b, priority 0)` and so on. */
export function namesOf(victims: readonly Victim[]): string {
  const some = victims.slice(0, 4).map(({ namespace, name, queue, priority }) => {
    return `${namespace}/${name} (queue ${queue}, priority ${priority})`;
  });
  return some.join(', ') + (victims.length > some.length ? ` and ${victims.length - some.length} more` : '');
}
