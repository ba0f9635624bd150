/** The API group. Every generated CRD, label, annotation and finalizer name follows from this constant. */
export const GROUP = 'aidc.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;

/** Labels and annotations we put on objects. One name, one meaning. */
export const LABEL = {
  /** Member objects and pods: always `aidc-operator`; our pod reflector selects on it. */
  managedBy: `${GROUP}/managed-by`,
  /** uid of the hub's workload object. */
  workloadUid: `${GROUP}/workload-uid`,
  /** name of the hub's workload object; its namespace is the member object's own. */
  workload: `${GROUP}/workload`,
  /** `ModelTraining` or `ModelServing`. */
  kind: `${GROUP}/kind`,
  /** attempt number, decimal. */
  attempt: `${GROUP}/attempt`,
  /** ordinal of a serving replica, decimal. */
  replica: `${GROUP}/replica`,
  /** `leader` or `worker`, where the pods of a serving replica have two templates. */
  role: `${GROUP}/role`,
  /** hash of the pod template a serving replica was made from. */
  revision: `${GROUP}/revision`,
  /** on a ConfigMap of the operator's namespace: the cluster whose books it keeps. */
  ledger: `${GROUP}/ledger`,
  /** on a ConfigMap of the operator's namespace: it keeps what tenants have used. */
  accounts: `${GROUP}/accounts`,
  /** on a hub namespace: its tenant (default: the namespace's name). */
  tenant: `${GROUP}/tenant`,
  /** on a hub namespace: the queue of workloads that name none. */
  queue: `${GROUP}/queue`,
} as const;

export const MANAGED_BY = 'aidc-operator';

export const ANNOTATION = {
  /** uid of the hub's kube-system namespace: which hub owns a member object. */
  hubId: `${GROUP}/hub-id`,
  /** lease transitions of the leader that created the member object. */
  epoch: `${GROUP}/epoch`,
  /** hash of what was asked of the scheduler, see `status.admission.shapeHash`. */
  shapeHash: `${GROUP}/shape-hash`,
  /** on a pod of a run, by its program: when the last checkpoint was complete, RFC 3339. */
  lastCheckpoint: `${GROUP}/last-checkpoint-time`,
  /** beside it: for how many seconds the run wrote it instead of working, decimal. */
  lastCheckpointSeconds: `${GROUP}/last-checkpoint-seconds`,
  /** on a pod of a training, by its program: how far it is, in percent from 0 to 100. */
  progress: `${GROUP}/progress`,
  /** beside it or alone: for how many seconds it has to run yet, decimal. */
  remainingSeconds: `${GROUP}/remaining-seconds`,
  /** on a pod: the power cap of the boards it holds, `Auto` or whole watts; see docs/agent.md. */
  gpuPowerCap: `${GROUP}/gpu-power-cap`,
  /** on a workload: give up a member that cannot be reached when deleting ("true"). */
  abandon: `${GROUP}/abandon`,
} as const;

export const FINALIZER = `${GROUP}/member-cleanup`;
/** Pods of a gang are born with this gate; the hub lifts it when it names the pod's node. */
export const BIND_GATE = `${GROUP}/bind`;
/** The one PriorityClass (preemptionPolicy Never) of all member pods. */
export const MEMBER_PRIORITY_CLASS = 'aidc-workload';
/** Namespace in each member for the claim, leases and the agents' ConfigMaps. */
export const MEMBER_SYSTEM_NAMESPACE = 'aidc-system';
/** ConfigMap in MEMBER_SYSTEM_NAMESPACE that says which hub manages the cluster. */
export const CLAIM_NAME = 'aidc-hub-claim';
export const DEFAULT_QUEUE = 'default';
/** Longest workload name: leaves room for `-<attempt>` and pod suffixes within 63. */
export const MAX_NAME_LENGTH = 48;
