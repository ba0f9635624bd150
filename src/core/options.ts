import type { AcceleratorRequest, Filtered, PendingReason } from '../api/index.ts';
import { PENDING_REASON } from '../api/index.ts';
import type { BudgetShort, UseUntil } from './budget-room.ts';
import type { ClusterView, QueueCharge, Reservation, Workload } from './model.ts';
import { type Held, ratesWith, totals } from './money.ts';
import type { GangFit, GangShort, ShapeRoom } from './placement.ts';
import { facilityWatts, type ItPower, unitWatts } from './power/budget.ts';
import type { PowerShort } from './power/power-room.ts';
import type { QuotaShort } from './quota.ts';
import { filterClusters } from './region.ts';
import type { CandidateFacts } from './region-terms.ts';
import type { Room, ShapeState } from './room.ts';
import { gangShort, largestGang, largestIdleGang } from './shortfall.ts';
import { speedPermille } from './speed.ts';

/** One cluster and one acceptable accelerator: a way to run the workload. */
export interface Option {
  readonly cluster: ClusterView;
  readonly latencyMs: number | undefined;
  /** undefined: CPU only. */
  readonly entry: AcceleratorRequest | undefined;
  /** Index into the cluster's accelerators; -1: CPU only. */
  readonly accelerator: number;
  readonly gpuMilli: number;
  /** undefined: no quota row covers the device. */
  readonly charges: readonly QueueCharge[] | undefined;
  readonly avoid: ReadonlySet<string>;
  /** Reservations that it may take neither nodes nor power from. */
  readonly kept: readonly Reservation[];
  readonly state: ShapeState;
}

/** What equal workloads have in common. */
export interface Options {
  /** Tried in order; the options within one compete by score. */
  readonly groups: readonly (readonly Option[])[];
  /** Clusters that the policy rules out. */
  readonly filtered: readonly Filtered[];
  /** Clusters that it allows. */
  readonly allowed: readonly ClusterView[];
}

/** @param kept what is kept from it */
export function optionsOf(workload: Workload, room: Room, kept: readonly Reservation[] = []): Options {
  const { allowed, filtered } = filterClusters(workload.regions, room.clusters);
  const { accelerators, acceleratorPolicy } = workload.request;
  const entries = accelerators.length === 0 ? [undefined] : accelerators;
  const groups = entries.map((entry) =>
    allowed.flatMap(({ cluster, latencyMs }) => {
      const accelerator = entry === undefined ? -1 : cluster.accelerators.findIndex(({ type }) => type === entry.type);
      if (entry !== undefined && accelerator < 0) return [];
      return [newOption(workload, room, kept, cluster, latencyMs, entry, accelerator)];
    }),
  );
  return {
    groups: acceleratorPolicy === 'AnyOf' ? [groups.flat()] : groups,
    filtered,
    allowed: allowed.map(({ cluster }) => cluster),
  };
}

function newOption(
  workload: Workload,
  room: Room,
  kept: readonly Reservation[],
  cluster: ClusterView,
  latencyMs: number | undefined,
  entry: AcceleratorRequest | undefined,
  accelerator: number,
): Option {
  const gpuMilli = (entry?.countPerNode ?? 0) * 1000;
  const avoided = workload.avoid.filter((where) => where.cluster === cluster.name).map(({ node }) => node);
  const keptHere = kept.filter((one) => one.cluster === cluster.name);
  const avoid = [...avoided, ...keptHere.flatMap(({ nodes }) => nodes)];
  return {
    cluster,
    latencyMs,
    entry,
    accelerator,
    gpuMilli,
    charges: chargesOf(workload, entry, cluster, accelerator, room),
    avoid: new Set(avoid),
    kept: keptHere,
    state: room.shapeState(cluster, workload.request, accelerator, gpuMilli, avoid),
  };
}

/** Parts of boards are charged by their part, to the board's type. */
function chargesOf(
  { queue, request }: Workload,
  entry: AcceleratorRequest | undefined,
  cluster: ClusterView,
  accelerator: number,
  room: Room,
): readonly QueueCharge[] | undefined {
  if (entry === undefined) return [];
  const { type, permille } = cluster.accelerators[accelerator]?.board ?? { type: entry.type, permille: 1000 };
  return room.quota.charges(queue, type, cluster.region, entry.countPerNode * permille * request.pods);
}

/** A fit as the choice of region sees it. */
export interface Fitting extends CandidateFacts {
  readonly option: Option;
  readonly fit: GangFit;
}

/** Whether it fits now: quota first, then nodes and power, then budgets. */
export function tryOption(option: Option, workload: Workload, room: Room): Fitting | undefined {
  const { cluster, charges } = option;
  if (cluster.unusable !== undefined || charges === undefined) return undefined;
  if (!room.quota.check(workload.queue, charges).ok) return undefined;
  const { room: known } = option.state;
  if (known !== undefined && largestGang(known) < workload.request.pods) return undefined;
  const fit = fitOf(option, workload, room);
  if (fit === undefined || budgetShort(option, fit, workload, room) !== undefined) return undefined;
  return fittingOf(option, fit, workload, room);
}

type Place = Pick<GangFit, 'nodeShare'>;
/** No place needs less. */
const BOARDS_ONLY: Place = { nodeShare: 0 };

/** Why the budgets of its queue, and those above, do not allow it there. */
function budgetShort(option: Option, place: Place, workload: Workload, room: Room): BudgetShort | undefined {
  const path = room.quota.path(workload.queue);
  return room.budgets.binds(path) ? room.budgets.short(path, useUntil(option, place, workload, room)) : undefined;
}

/** Whether the budgets forbid it there, on whatever nodes. */
export const isBeyondBudget = (option: Option, workload: Workload, room: Room): boolean =>
  budgetShort(option, BOARDS_ONLY, workload, room) !== undefined;

/** It is admitted there: budgets are to last for it. */
export function takeBudget(option: Option, place: Place, workload: Workload, room: Room): void {
  const path = room.quota.path(workload.queue);
  if (room.budgets.binds(path)) room.budgets.take(path, useUntil(option, place, workload, room));
}

function useUntil(option: Option, place: Place, workload: Workload, room: Room): UseUntil {
  const end = room.expectedEnd(workload);
  if (end === Number.POSITIVE_INFINITY) return undefined;
  const held = wouldHold(option, place, workload);
  const { permille } = option.cluster.accelerators[option.accelerator]?.board ?? { permille: 1000 };
  return (toMs) => {
    const until = Math.min(end, toMs);
    const { wattHours, costMicros, carbonGrams } = totals(held, room.now, until);
    return {
      gpuSeconds: (((held.gpus * permille) / 1000) * Math.max(0, until - room.now)) / 1000,
      facilityJoules: wattHours * 3600,
      carbonGrams,
      costMicros: new Map([[option.cluster.currency, costMicros]]),
    };
  };
}

/** A place for the whole gang on the nodes as they are now, within the power budget. */
export function fitOf(option: Option, workload: Workload, room: Room): GangFit | undefined {
  if (powerShortOf(option, boardWattsOf(option, workload), room) !== undefined) return undefined;
  const fit = nodesOf(option, workload, room);
  if (fit === undefined) return undefined;
  return powerShortOf(option, wattsOf(option, fit, workload), room) === undefined ? fit : undefined;
}

/** The place that it gets: nodes are chosen one by one, as long as power and budgets are enough for these, too. */
export function settledFit(option: Option, fit: GangFit, workload: Workload, room: Room): GangFit {
  const settled = room.scratch(option.cluster).settled(fit, option.state.shape(), option.avoid);
  if (settled === fit) return fit;
  const lacksPower = powerShortOf(option, wattsOf(option, settled, workload), room) !== undefined;
  return lacksPower || budgetShort(option, settled, workload, room) !== undefined ? fit : settled;
}

const powerShortOf = ({ cluster, kept }: Option, watts: number, room: Room): PowerShort | undefined =>
  room.power.short(cluster, watts, kept);

const nodesOf = (option: Option, workload: Workload, room: Room): GangFit | undefined =>
  room
    .scratch(option.cluster)
    .fit(workload.request.pods, option.state.shape(), option.avoid, formerNodes(option, workload));

/** Facility watts that the workload is reckoned to draw there. */
export const wattsOf = (option: Option, fit: GangFit, workload: Workload): number =>
  facilityWatts(itPower(option, fit.nodeShare, workload), option.cluster);

/** The same without what the nodes draw beside their boards: no place needs less. */
const boardWattsOf = (option: Option, workload: Workload): number =>
  facilityWatts(itPower(option, 0, workload), option.cluster);

/** Whether the power budget could be what is in the way: it is, if every pod had a node of its own. */
export const powerMayLack = (option: Option, workload: Workload, room: Room): boolean =>
  powerShortOf(option, facilityWatts(itPower(option, workload.request.pods, workload), option.cluster), room) !==
  undefined;

function itPower(option: Option, nodeShare: number, { request }: Workload): ItPower {
  const accelerator = option.cluster.accelerators[option.accelerator];
  const boards = (option.entry?.countPerNode ?? 0) * request.pods;
  return { boardWatts: accelerator === undefined ? 0 : boards * unitWatts(accelerator, request.capWatts), nodeShare };
}

/** @param startsAt when the place is free, in ms */
export function fittingOf(
  option: Option,
  fit: GangFit,
  workload: Workload,
  room: Room,
  startsAt: number = room.now,
): Fitting {
  const { cluster } = option;
  return {
    option,
    fit,
    cluster: cluster.name,
    region: cluster.region,
    accelerator: option.entry?.type ?? '',
    currency: cluster.currency,
    speedPermille: speedPermille(workload, option.entry, cluster.accelerators[option.accelerator]),
    rates: ratesWith(wouldHold(option, fit, workload), room.electricity(cluster)),
    waitMs: Math.max(0, startsAt - room.now) + (cluster.startSeconds ?? 0) * 1000,
    strandedBoards: fit.strandedBoards,
    latencyMs: option.latencyMs,
  };
}

const formerNodes = (option: Option, { previous }: Workload): readonly string[] =>
  previous?.cluster === option.cluster.name ? previous.nodes : [];

/** What the workload would hold there. */
export function wouldHold(option: Option, { nodeShare }: Place, workload: Workload): Held {
  const { request } = workload;
  const type = option.cluster.accelerators[option.accelerator];
  return {
    cluster: option.cluster,
    accelerator: type === undefined ? null : { ...type, boardWatts: unitWatts(type, request.capWatts) },
    gpus: (option.entry?.countPerNode ?? 0) * request.pods,
    nodeShare,
  };
}

/** Why an option does not do; the higher the stage, the nearer it came. */
export type Obstacle =
  | { readonly stage: 1; readonly reason: 'NoQuotaForAccelerator' }
  | { readonly stage: 2; readonly reason: 'ExceedsMaxQuota'; readonly quota: QuotaShort }
  | { readonly stage: 3; readonly reason: 'ExceedsEveryRegion'; readonly nodes: GangShort }
  /** More than the whole power budget. */
  | { readonly stage: 4; readonly reason: 'InsufficientPower'; readonly power: PowerShort }
  | { readonly stage: 5; readonly reason: 'RegionUnreachable' }
  | { readonly stage: 6; readonly reason: 'QuotaExceeded'; readonly quota: QuotaShort }
  | {
      readonly stage: 7;
      readonly reason: 'InsufficientGPU' | 'InsufficientNodeResources' | 'InsufficientTopology';
      readonly nodes: GangShort;
    }
  | { readonly stage: 8; readonly reason: 'InsufficientPower'; readonly power: PowerShort }
  | { readonly stage: 9; readonly reason: 'BudgetCommitted'; readonly budget: BudgetShort };

/** Asked of an option that `tryOption` refused. */
export function obstacleOf(option: Option, workload: Workload, room: Room): Obstacle {
  const { cluster, charges } = option;
  if (charges === undefined) return { stage: 1, reason: PENDING_REASON.NoQuotaForAccelerator };
  const quota = room.quota.check(workload.queue, charges);
  if (!quota.ok && quota.exceedsMax) return { stage: 2, reason: PENDING_REASON.ExceedsMaxQuota, quota };
  // A region that was never seen has no nodes yet: it is not too small, it is not reached.
  if (cluster.unusable !== undefined && cluster.nodes.count === 0) return { stage: 5, reason: 'RegionUnreachable' };
  const counted = countedRoom(option, room);
  if (largestIdleGang(counted) < workload.request.pods) {
    return { stage: 3, reason: PENDING_REASON.ExceedsEveryRegion, nodes: gangShort(counted, workload.request.pods) };
  }
  const power = powerShort(option, workload, room);
  if (power !== undefined && (power.unknown !== undefined || power.neededWatts > power.budgetWatts)) {
    return { stage: 4, reason: PENDING_REASON.InsufficientPower, power };
  }
  if (cluster.unusable !== undefined) return { stage: 5, reason: PENDING_REASON.RegionUnreachable };
  if (!quota.ok) return { stage: 6, reason: PENDING_REASON.QuotaExceeded, quota };
  if (power !== undefined) return { stage: 8, reason: PENDING_REASON.InsufficientPower, power };
  const budget = budgetInTheWay(option, workload, room);
  if (budget !== undefined) return { stage: 9, reason: PENDING_REASON.BudgetCommitted, budget };
  const nodes = shortOf(option, workload, room);
  return { stage: 7, reason: reasonOfNodes(nodes, option), nodes };
}

/** What the power budget lacks, where that is the only thing that is short now, or where it never could do. */
function powerShort(option: Option, workload: Workload, room: Room): PowerShort | undefined {
  const { cluster } = option;
  if (cluster.power === undefined) return undefined;
  const never = powerShortOf(option, boardWattsOf(option, workload), room);
  if (never !== undefined && (never.unknown !== undefined || never.neededWatts > never.budgetWatts)) return never;
  const fit = nodesOf(option, workload, room);
  return fit === undefined ? undefined : powerShortOf(option, wattsOf(option, fit, workload), room);
}

/** What a budget lacks, where that is the only thing that is short. */
function budgetInTheWay(option: Option, workload: Workload, room: Room): BudgetShort | undefined {
  if (!room.budgets.binds(room.quota.path(workload.queue))) return undefined;
  const fit = fitOf(option, workload, room);
  return fit === undefined ? undefined : budgetShort(option, fit, workload, room);
}

function reasonOfNodes(nodes: GangShort, option: Option) {
  if (nodes.domains !== undefined && nodes.fittingPods >= nodes.neededPods) return PENDING_REASON.InsufficientTopology;
  return nodes.why === 'boards' && option.entry !== undefined
    ? PENDING_REASON.InsufficientGPU
    : PENDING_REASON.InsufficientNodeResources;
}

/** Room as last counted: it has only shrunk since, so a count that was too small still is. */
function countedRoom(option: Option, room: Room): ShapeRoom {
  const { state } = option;
  state.room ??= room.scratch(option.cluster).room(state.shape(), option.avoid);
  return state.room;
}

function shortOf(option: Option, workload: Workload, room: Room): GangShort {
  const { pods } = workload.request;
  if (largestGang(countedRoom(option, room)) >= pods) option.state.room = undefined;
  return gangShort(countedRoom(option, room), pods);
}

export interface Answer {
  readonly reason: PendingReason;
  readonly message: string;
  readonly filtered: readonly Filtered[];
}

/** What is wrong with the queue itself; undefined: it takes the workload. */
export function queueProblem(workload: Workload, room: Room): Answer | undefined {
  const { queue, namespace } = workload;
  const answer = (reason: PendingReason, message: string): Answer => ({ reason, message, filtered: [] });
  if (!room.quota.has(queue)) {
    return answer(PENDING_REASON.QueueNotFound, `queue ${queue} does not exist: create it or set spec.queue.`);
  }
  const problem = room.quota.problems.get(queue);
  if (problem !== undefined) return answer(PENDING_REASON.QueueInvalid, `queue ${queue}: ${problem.message}`);
  if (!room.quota.isLeaf(queue)) {
    const children = room.quota.children(queue);
    const some = children.slice(0, 8).join(', ') + (children.length > 8 ? ` and ${children.length - 8} more` : '');
    return answer(
      PENDING_REASON.QueueNotLeaf,
      `queue ${queue} has queues below it, and only leaves take workloads: set spec.queue to one of ${some}.`,
    );
  }
  if (!room.namespaceMayUse(namespace, queue)) {
    return answer(
      PENDING_REASON.NamespaceNotAllowed,
      `queue ${queue} does not select namespace ${namespace}: change its spec.namespaceSelector or spec.queue.`,
    );
  }
  const held = room.quota.heldBy(queue);
  if (held === undefined) return undefined;
  const which = held === queue ? `queue ${queue}` : `queue ${held} above queue ${queue}`;
  return answer(PENDING_REASON.QueueHeld, `${which} has stopPolicy ${room.stopPolicy(held)}: it admits nothing new.`);
}

/** Its queue, or one above, has as many workloads as it may; undefined: there is room for one more. */
export function queueFull({ queue }: Workload, room: Room): Answer | undefined {
  const full = room.full(queue);
  if (full === undefined) return undefined;
  const { holding, max } = full;
  const message = `${holding} workloads hold quota in queue ${full.queue}, and its limits.maxRunning is ${max}: it waits for one to end.`;
  return { reason: PENDING_REASON.QueueFull, message, filtered: [] };
}
