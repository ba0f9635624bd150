/**
 * The words the pure core speaks: what is asked (Workload), what there is (Snapshot), what is decided
 * (CyclePlan). Everything here is data; nothing reads a clock, logs or waits.
 *
 * Units: cpu in milli-cores, memory in MiB, accelerators in milli (1000 is one board), power in watts, money in
 * millionths of a currency, CO2 in grams, times in ms since the epoch. Requests are rounded up, capacity down.
 */
import type {
  AcceleratorRequest,
  AcceleratorType,
  Decision,
  Filtered,
  ModelClass,
  PendingReason,
  PlacementPolicy,
  PreemptionRule,
  TariffBand,
} from '../api/index.ts';
import type { HeldBudget } from './budget-room.ts';
import type { Learned } from './node-value/demand-by-type.ts';
import type { ItPower } from './power/budget.ts';

export interface Toleration {
  readonly key?: string;
  readonly operator?: 'Exists' | 'Equal';
  readonly value?: string;
  readonly effect?: string;
}

export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}

/** How near to each other the pods of a gang are to be. A level is Zone, Block, Rack, Host or the key of a node label. */
export interface TopologyRequest {
  readonly required?: string;
  readonly preferred?: string;
  /** Consecutive ranks in slices of `size` pods, each in one domain; widest first, each size a multiple of the next. */
  readonly slices: readonly { readonly size: number; readonly required: string }[];
}

/** What each pod of a gang needs, and how many pods there are: placed all together or not at all. */
export interface GangRequest {
  readonly pods: number;
  /** Acceptable accelerators with boards per pod, in the user's order; empty: CPU only. */
  readonly accelerators: readonly AcceleratorRequest[];
  readonly acceleratorPolicy: 'Ordered' | 'AnyOf';
  readonly cpuMilli: number;
  readonly memoryMi: number;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly Toleration[];
  /** undefined: nothing is asked. */
  readonly topology?: TopologyRequest;
  /** Power cap of each board in watts; undefined: none that is known beforehand. */
  readonly capWatts?: number;
}

export interface RegionPolicy {
  readonly allowed: readonly string[];
  readonly denied: readonly string[];
  readonly preferred: readonly string[];
  readonly cluster?: string;
  readonly clusterLabels: Readonly<Record<string, string>>;
  /** Each list is a bound of its own (the workload's, each Dataset's); all must allow the place. Empty list: no bound. */
  readonly jurisdictions: readonly (readonly string[])[];
  /** Regions that hold all the data; undefined: no data is named. */
  readonly dataRegions?: readonly string[];
  /** Clusters ruled out for a reason the core does not know, each with a sentence. */
  readonly excluded?: readonly Filtered[];
  readonly policy: PlacementPolicy;
  readonly weights: Readonly<Partial<Weights>>;
  readonly maxLatencyMs?: number;
  readonly clientRegions: readonly { readonly region: string; readonly sharePercent: number }[];
}

export interface Weights {
  cost: number;
  energy: number;
  carbon: number;
  wait: number;
  latency: number;
  fragmentation: number;
}

/** One thing that is admitted as a whole: a training, or one replica of a serving. */
export interface Workload {
  /** Unique and stable: `<uid>` of a training, `<uid>/<replica>` of a serving's replica. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly kind: 'ModelTraining' | 'ModelServing';
  readonly queue: string;
  readonly priority: number;
  /** When it joined the queue; order within a priority. */
  readonly queuedAt: number;
  readonly request: GangRequest;
  /** Which throughput of an accelerator holds for it. Default Other. */
  readonly modelClass?: ModelClass;
  readonly regions: RegionPolicy;
  readonly avoid: readonly { readonly cluster: string; readonly node: string }[];
  /** Where its last attempt ran, in rank order: kept where that can be. No part of the class: it decides where, not if. */
  readonly previous?: { readonly cluster: string; readonly nodes: readonly string[] };
  /** Equal keys ask for the same thing under the same conditions: one "does not fit" answers for all of them. */
  readonly classKey: string;
}

/** Labels and taints are interned: rows with equal sets share one id, so that a selector is evaluated once a set. */
export interface NodeTable {
  readonly count: number;
  readonly names: readonly string[];
  /** 1: ready, not cordoned, not being deleted. */
  readonly usable: Uint8Array;
  /** Index into ClusterView.accelerators, or -1. */
  readonly accelerator: Int16Array;
  /** Boards on the node in milli (allocatable). */
  readonly gpuTotal: Float64Array;
  /** Free is below zero when boards were lost while in use. */
  readonly gpuFree: Float64Array;
  readonly cpuTotal: Float64Array;
  readonly cpuFree: Float64Array;
  readonly memoryFree: Float64Array;
  readonly podsFree: Float64Array;
  /** Id of the node's label set in labelSets. */
  readonly labelSet: Int32Array;
  /** Id of the node's set of NoSchedule and NoExecute taints in taintSets. */
  readonly taintSet: Int32Array;
  readonly labelSets: readonly Readonly<Record<string, string>>[];
  readonly taintSets: readonly (readonly Taint[])[];
}

export interface ClusterView {
  readonly name: string;
  readonly region: string;
  readonly jurisdiction: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Why nothing may be placed here now (unreachable, not synced, duplicate); undefined: usable. */
  readonly unusable?: { readonly reason: string; readonly message: string };
  readonly accelerators: readonly AcceleratorType[];
  readonly currency: string;
  readonly timezone: string;
  readonly tariff: readonly TariffBand[];
  readonly puePermille: number;
  readonly gramsPerKWh: number;
  /** Set: the same by hour of the day in `timezone`, 24 numbers, which go first. */
  readonly hourlyGramsPerKWh?: readonly number[];
  readonly nodeOverheadWatts: number;
  /** Set: admitted work may be reckoned to draw `budgetWatts` of facility power, and `reserved` is held by now. */
  readonly power?: { readonly budgetWatts: number; readonly reserved: ItPower };
  readonly userLatency: Readonly<Record<string, number>>;
  /** From an admission there to running pods, as it took lately. Default 0. */
  readonly startSeconds?: number;
  readonly nodes: NodeTable;
}

/** Whom a queue's workloads may push out (Kueue's names: withinClusterQueue, reclaimWithinCohort, borrowWithinCohort). */
export interface PreemptionPolicy {
  /** In the same queue. */
  readonly withinQueue: 'Never' | 'LowerPriority' | 'LowerOrNewerEqualPriority';
  /** In queues that borrow, to get back what is the queue's own. */
  readonly reclaim: 'Never' | 'LowerPriority' | 'Any';
  /** In queues that borrow, to borrow itself. */
  readonly borrow: 'Never' | 'LowerPriority';
  /** Highest priority that may be pushed out in order to borrow; undefined: no bound. */
  readonly borrowMaxPriority?: number;
}

/** How the past counts in a fair share. */
export interface FairShareView {
  /** After so long use counts half. */
  readonly halfLifeMs: number;
  /** An admission counts at once as if it had run so long. */
  readonly entryPenaltyMs: number;
}

export interface QueueView {
  readonly name: string;
  readonly parent?: string;
  /** Default BestEffortFIFO. */
  readonly ordering?: 'StrictFIFO' | 'BestEffortFIFO' | 'ShortestRemaining';
  /** With ShortestRemaining: what waited so long counts half. */
  readonly agingSeconds?: number;
  /** Share of what is idle, relative to the siblings'. Default 1. */
  readonly weight?: number;
  /** Of a root: the past counts in whose turn it is below it. Default: it does not. */
  readonly fairShare?: FairShareView;
  /** Default: nobody is pushed out. */
  readonly preemption?: PreemptionPolicy;
  /** A workload of the subtree that was admitted less than this ago is not pushed out. Default 0; the nearest queue counts. */
  readonly minRuntimeMs?: number;
  /** What is used beyond a quota that was lowered is taken back after so long. Default: never. */
  readonly quotaDrainMs?: number;
  /** A workload that has waited for nodes or power so long has those kept that are free for it first. Default: none are kept. */
  readonly reserveAfterMs?: number;
  /** Most workloads of the subtree that hold quota at once. Default: no bound. */
  readonly maxRunning?: number;
  /** Most waiting workloads of the subtree that are considered at once. Default: no bound. */
  readonly maxPending?: number;
  readonly quota: readonly QuotaRowView[];
  /** Namespaces that may use it; undefined: none. */
  readonly namespaceSelector?: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly stopPolicy: 'None' | 'Hold' | 'HoldAndDrain';
}

/** In milli-GPU; undefined limits are unbounded. */
export interface QuotaRowView {
  readonly accelerator: string;
  readonly region: string;
  readonly nominal: number;
  readonly borrowingLimit?: number;
  readonly lendingLimit?: number;
}

export interface QueueCharge {
  readonly accelerator: string;
  readonly region: string;
  readonly milliGpus: number;
}

/** Quota in use by a workload that holds an admission. */
export interface QuotaUse {
  readonly queue: string;
  readonly charges: readonly QueueCharge[];
}

/** A workload that holds nodes, as far as pushing it out is concerned. */
export interface Running {
  /** Workload.key. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly kind: Workload['kind'];
  readonly queue: string;
  readonly cluster: string;
  /** Type, or '' for CPU only. */
  readonly accelerator: string;
  readonly priority: number;
  readonly preemptible: boolean;
  /** It is ending already, for another reason. */
  readonly ending: boolean;
  readonly admittedAt: number;
  /** What it did since then is lost when it ends now: the last checkpoint, else the start. */
  readonly lossSince: number;
  /** When it is expected to end, in ms; undefined: never. */
  readonly endsAt?: number;
  readonly charges: readonly QueueCharge[];
  /** Node of each pod. */
  readonly nodes: readonly string[];
  readonly perPod: {
    readonly gpuMilli: number;
    readonly cpuMilli: number;
    readonly memoryMi: number;
    /** Power cap of each board in watts. */
    readonly capWatts?: number | undefined;
  };
}

/** A place that is being cleared for a workload: nobody else is given it, and no second one is cleared. */
export interface Nomination {
  readonly cluster: string;
  readonly region: string;
  readonly accelerator: string;
  readonly queueCharges: readonly QueueCharge[];
  /** Node of each pod in rank order. */
  readonly nodes: readonly string[];
  readonly victims: readonly Victim[];
  /** It is given up then, in ms. */
  readonly until: number;
}

export interface Victim {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly kind: Workload['kind'];
  readonly queue: string;
  readonly priority: number;
  /** What lets it be pushed out; undefined: it is not for another's sake, or an older version has chosen it. */
  readonly rule?: PreemptionRule | undefined;
  /** Board-hours that are done again, in thousandths. */
  readonly lostMilliGpuHours: number;
}

export interface Snapshot {
  readonly clusters: readonly ClusterView[];
  readonly queues: readonly QueueView[];
  readonly quotaUse: readonly QuotaUse[];
  /** What runs, asked for when something does not fit; absent: nothing may be pushed out. */
  readonly running?: () => readonly Running[];
  /** By Workload.key. */
  readonly nominations?: ReadonlyMap<string, Nomination>;
  /** Mean use above its own in the past, by queue; in milli-GPU. */
  readonly past?: ReadonlyMap<string, readonly QueueCharge[]>;
  /** Estimated cost of a completion by Workload.key, for queues that go by it. */
  readonly costs?: ReadonlyMap<string, number>;
  /** How long a workload is sure to run at most, in ms, by what it declares and what its queue has learned. */
  readonly runMs?: (workload: Workload) => number;
  /** When those that wait before it leave it room, in ms; undefined: none do wait, or nobody can tell. */
  readonly turnAt?: (workload: Workload) => number | undefined;
  /** What is known of demand, by which nodes are chosen; absent: nothing. It never changes while it is looked at. */
  readonly learned?: Learned;
  /** Queues that admit nothing in their subtree because a budget is used up, each with a sentence. */
  readonly budgetHolds?: ReadonlyMap<string, string>;
  /** Budgets with action Hold by queue, asked for when something is to be admitted; absent: there are none. */
  readonly budgets?: () => ReadonlyMap<string, readonly HeldBudget[]>;
  /** How long a workload is expected to run, in ms, once it starts; infinite: nobody can tell. */
  readonly expectedMs?: (workload: Workload) => number;
  /** Labels of namespaces, for queues' selectors. */
  readonly namespaceLabels: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

export interface Placed {
  readonly cluster: string;
  readonly region: string;
  /** Type, or '' for CPU only. */
  readonly accelerator: string;
  readonly resourceName: string;
  /** Further extended resources of each pod. */
  readonly perUnit?: Readonly<Record<string, number>>;
  readonly gpusPerNode: number;
  /** Node name of each pod in rank order. */
  readonly nodes: readonly string[];
}

export interface Admit extends Placed {
  readonly workload: Workload;
  readonly queueCharges: readonly QueueCharge[];
  readonly decision: Decision;
}

export interface NotAdmitted {
  readonly workload: Workload;
  readonly reason: PendingReason;
  /** A sentence with the numbers. */
  readonly message: string;
  readonly filtered: readonly Filtered[];
}

export interface Nominated {
  readonly workload: Workload;
  readonly nomination: Nomination;
}

/** Nodes, and their power, that are kept for a workload. */
export interface Reservation {
  readonly workload: Workload;
  readonly cluster: string;
  /** Type, or '' for CPU only. */
  readonly accelerator: string;
  readonly nodes: readonly string[];
  /** When they, and the power, are expected to be free, in ms. */
  readonly startsAt: number;
}

export interface CyclePlan {
  readonly admitted: readonly Admit[];
  /** Also those that are nominated. */
  readonly pending: readonly NotAdmitted[];
  /** Places that are to be cleared from now on. */
  readonly nominated: readonly Nominated[];
  /** Nodes that are kept for those that wait longest. */
  readonly reservations: readonly Reservation[];
  /** Keys of workloads whose nomination is over without an admission. */
  readonly lapsed: readonly string[];
}
