import type { RegionalCluster } from '../api/index.ts';
import type { Taint } from '../core/model.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Store } from '../kube/store.ts';

/** What every projected member object keeps of its metadata. */
export interface MemberMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
}

/** cpu in milli-cores, memory in MiB, extended resources in whole units (boards). */
export interface Amounts {
  readonly cpuMilli: number;
  readonly memoryMi: number;
  readonly extended: Readonly<Record<string, number>>;
}

export interface MemberNode {
  readonly metadata: MemberMeta;
  /** Condition Ready is True. */
  readonly ready: boolean;
  /** Member's time (RFC 3339) of the last change of condition Ready; compare only with that member's clock. */
  readonly readySince?: string;
  readonly unschedulable: boolean;
  readonly bootId: string;
  /** Taints with effect NoSchedule or NoExecute. */
  readonly taints: readonly Taint[];
  readonly allocatable: Amounts & { readonly pods: number };
}

/** A pod of ours, with all that the status of its workload is derived from. */
export interface MemberPod {
  readonly metadata: MemberMeta;
  readonly nodeName?: string;
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  /** status.reason and message, for example OutOfcpu, UnexpectedAdmissionError, NodeAffinity. */
  readonly reason?: string;
  readonly message?: string;
  readonly ready: boolean;
  /** Names of scheduling gates that are still closed. */
  readonly gates: readonly string[];
  /** Condition PodScheduled: its message while False. */
  readonly unschedulableMessage?: string;
  readonly requests: Amounts;
  /** Completion index of an Indexed Job, or ordinal of a StatefulSet's pod. */
  readonly index?: number;
  /** First container that ended badly: exit code and reason (Error, OOMKilled ...). */
  readonly exitCode?: number;
  readonly exitReason?: string;
  /** First container that cannot start: reason and message (ImagePullBackOff, CreateContainerConfigError ...). */
  readonly waitingReason?: string;
  readonly waitingMessage?: string;
  /** Reason of condition DisruptionTarget when True. */
  readonly disruption?: string;
  readonly startTime?: string;
}

/** A pod that is not ours and not finished: only what it takes away. */
export interface ForeignPod {
  readonly metadata: Pick<MemberMeta, 'name' | 'namespace' | 'uid' | 'resourceVersion'>;
  readonly nodeName?: string;
  readonly requests: Amounts;
}

export interface MemberJob {
  readonly metadata: MemberMeta;
  readonly active: number;
  readonly ready: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Condition Complete is True. */
  readonly complete: boolean;
  /** By the member's clock; undefined: its controller has not seen it yet. */
  readonly startTime?: string;
  readonly activeDeadlineSeconds?: number;
  /** Condition Failed is True. */
  readonly failure?: { readonly reason: string; readonly message: string };
}

/** A Deployment or StatefulSet of a serving replica. */
export interface MemberReplica {
  readonly metadata: MemberMeta;
  readonly kind: 'Deployment' | 'StatefulSet';
  readonly replicas: number;
  readonly readyReplicas: number;
}

export interface MemberNamespace {
  readonly metadata: MemberMeta;
}

/** What the agent of a node has written, as it is; `energy` reads it. */
export interface EnergyReport {
  readonly metadata: MemberMeta;
  readonly data: Readonly<Record<string, string>>;
}

/**
 * One member cluster: its connection and what is seen of it. Stores keep their last content while the cluster
 * cannot be reached; `unusable()` then says so.
 * Indexes: pods, jobs and replicas by 'workload' (the label's uid).
 */
export interface Member {
  readonly name: string;
  /** The RegionalCluster as last seen. */
  readonly object: RegionalCluster;
  readonly client: KubeClient;
  readonly nodes: Store<MemberNode>;
  readonly pods: Store<MemberPod>;
  readonly foreignPods: Store<ForeignPod>;
  readonly jobs: Store<MemberJob>;
  readonly replicas: Store<MemberReplica>;
  readonly namespaces: Store<MemberNamespace>;
  /** Not counted in `synced`: nothing is placed by it. */
  readonly energyReports: Store<EnergyReport>;
  /** The member's clock less ours in milliseconds; undefined: not known. */
  readonly clockSkewMs: number | undefined;
  /** When it last answered a probe, in ms; undefined: never. */
  readonly lastAnswerMs: number | undefined;
  /** All reflectors have listed at least once since the connection was made. */
  readonly synced: boolean;
  /** Why nothing new may be placed there now; undefined: usable. */
  unusable(): { readonly reason: string; readonly message: string } | undefined;
  /** The API server answers (its breaker is closed and the reflectors heard from it lately). */
  reachable(): boolean;
}

export interface MemberSource {
  get(name: string): Member | undefined;
  list(): readonly Member[];
  /**
   * Calls `attach` for every member there is and every later one; what it returns is called when the member goes.
   * `changed` is called when spec, reachability or sync state of a member change.
   */
  subscribe(handler: { attach(member: Member): () => void; changed(member: Member): void }): () => void;
}
