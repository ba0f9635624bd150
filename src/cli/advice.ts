/** What would help, a sentence for each word of the API's closed sets. */
import type { EndReason, PendingReason } from '../api/conditions.ts';

export const PENDING_ADVICE: Readonly<Record<PendingReason, string>> = {
  Evaluating:
    'Wait some seconds: the next scheduling cycle looks at it. If that does not come, see whether the operator runs.',
  SpecNotHonoured: 'Correct what the message names in the spec and apply it again.',
  Suspended: 'Resume it: kubectl aidc resume.',
  QueueNotFound: 'Create that ComputeQueue, or name an existing one in spec.queue (kubectl aidc queue lists them).',
  QueueNotLeaf: 'Name one of the queues below it in spec.queue: only leaves take workloads.',
  QueueInvalid: 'Have spec.parent of that queue corrected by whoever owns the queues.',
  QueueHeld: 'Wait until the stopPolicy of that queue is None again, or move to another queue while suspended.',
  QueueFull: 'Wait until one of the workloads that hold quota there ends, or have limits.maxRunning raised.',
  BudgetCommitted:
    'Wait until other work of the queue ends sooner than expected, set a shorter spec.activeDeadlineSeconds, ask for less, or have that budget of the queue raised.',
  BudgetExhausted: 'Wait for the next period of the budget, or have that budget of the queue raised.',
  BeyondMaxPending:
    'Wait: it moves up by itself when one before it starts, is suspended or goes; or have limits.maxPending raised.',
  BehindHead:
    'Wait for the one named, suspend it, or have the ordering of the queue set to BestEffortFIFO so that others may pass.',
  BehindReservation:
    'Wait until the workload named has started, or set spec.activeDeadlineSeconds so that this one is sure to end before.',
  Preempting: 'Wait: those named are being stopped, and the place is kept for it.',
  NamespaceNotAllowed:
    'Use a queue whose namespaceSelector covers this namespace, or have the namespace labelled for this one.',
  NoQuotaForAccelerator:
    'Ask for an accelerator that the queue has quota for, or have a quota row added to it or to a queue above it.',
  ExceedsMaxQuota: 'Waiting does not help: ask for fewer accelerators, or have the quota of the tree raised.',
  QuotaExceeded: 'Wait until workloads of this quota end, suspend some of them, or have the quota raised.',
  NoRegionAllowed:
    'Loosen what rules the regions out: placement.regions, cluster, residency, maxLatencyMs, or where the datasets are.',
  NoSuchAccelerator: 'Ask for a type that an allowed region has (kubectl aidc regions), or allow more regions.',
  ExceedsEveryRegion:
    'Waiting does not help: ask for fewer nodes or smaller pods, accept other accelerator types, or allow more regions.',
  InsufficientGPU:
    'Wait until enough nodes are free, suspend other work, ask for fewer nodes, or accept other types and regions.',
  InsufficientTopology:
    'Wait until a domain is free, ask for fewer pods, or make placement.topology.required wider or preferred.',
  InsufficientNodeResources: 'Ask for less CPU or memory per pod, or wait until pods on those nodes end.',
  InsufficientPower:
    'Wait until other work there ends, ask for fewer accelerators or a power cap, allow other regions, or have the power budget raised.',
  RegionUnreachable: 'See why the region does not answer (kubectl aidc regions), or allow another region.',
  DatasetNotFound: 'Create the Dataset in this namespace; the training goes on by itself then.',
  PriorityClassNotFound: 'Create that PriorityClass on the hub, or name an existing one in spec.priorityClassName.',
  Backoff: 'Wait: the next attempt is made at the time named. See why the last attempt ended before it fails again.',
  WaitingForCleanup: 'Wait until the pods of the one before are gone; if they stay, look at them in the region.',
};

export const END_ADVICE: Readonly<Record<EndReason, string>> = {
  Succeeded: 'Nothing: it has done its work.',
  AppFailed: 'Read the log of the pod that failed, in the region named, and correct the program or its input.',
  BindConflict: 'Nothing: other pods took the node; it is avoided for a while and the next attempt is free of charge.',
  NodeLost: 'Nothing: the node is avoided until it has booted anew, and the next attempt goes elsewhere.',
  PodLost: 'See who removed the pod in the region; the next attempt follows.',
  JobLost: 'See who removed the Job in the region; the next attempt follows.',
  RegionLost: 'Nothing: the region did not answer for placement.regionLostSeconds; the next attempt goes elsewhere.',
  Suspended: 'Resume it: kubectl aidc resume.',
  Preempted: 'Nothing: it made room for work that its queue puts first, and queues again with its old age.',
  DeadlineExceeded: 'Make a new one with a longer spec.activeDeadlineSeconds; checkpoints of this one remain.',
  PreRunningDeadlineExceeded: 'Make a new one with a longer spec.preRunningDeadlineSeconds, or a smaller demand.',
  SpecChanged: 'Nothing: it is queued again with the new spec.',
  QueueHeld: 'Wait until the stopPolicy of its queue is None again.',
  DispatchRefused:
    'Correct what the message names: the object, or a quota, right or policy of that region; it is tried again by itself.',
  ScaledDown: 'Nothing: the replica is no longer wanted.',
  RolledOut: 'Nothing: the replica gives its place to one of the present template.',
};

/** Further words that status uses: reasons of Failed, Placed, PodsReady and Ready. */
const OTHER_ADVICE: Readonly<Record<string, string>> = {
  ReachedMaxRestarts: 'Correct what the message names, then make a new one, or with a higher limit in failurePolicy.',
  NotSeen: 'Wait some seconds; if nothing comes, see whether the operator runs and watches this hub.',
  Deleting: 'Wait until the region confirms that its pods are gone; events say if the region does not answer.',
  Dispatching: 'Wait some seconds: the objects are being created in the region.',
  ClusterUnreachable: 'See why the region does not answer (kubectl aidc regions); what runs there goes on meanwhile.',
  PodsWaiting:
    'Give the pods what the message names: an image that can be pulled, a Secret, ConfigMap or volume of that namespace.',
  Starting: 'Wait: images are pulled and programs start; if it takes long, look at its pods in the region.',
  NotAllReady: 'Wait while the model loads; if it takes long, look at the pods of that replica in the region.',
  Updating: 'Wait: replicas are replaced one by one, each when the one before is ready.',
  ScaledToZero: 'Set spec.replicas: kubectl scale msv/NAME --replicas=N.',
  Suspending: 'Wait: its pods are being removed.',
  NoOffer: 'Change the demand by what the shortfalls say, and make another quote.',
};

// A word that is both is about waiting: an end is told only while its pods are removed.
const ADVICE = new Map(Object.entries({ ...END_ADVICE, ...OTHER_ADVICE, ...PENDING_ADVICE }));

/** What would help; undefined: nothing needs to. */
export const adviceFor = (reason: string): string | undefined => ADVICE.get(reason);
