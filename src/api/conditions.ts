/**
 * Condition types and the closed sets of their reasons. A condition's message carries the numbers and is
 * rewritten only when status, reason or the demand behind it changes.
 */
export const CONDITION = {
  /** Every field of the spec is understood and will be obeyed (False names the field). */
  SpecHonoured: 'SpecHonoured',
  /** Quota and nodes are reserved (`status.admission` is complete). False says what is short, by how much. */
  Admitted: 'Admitted',
  /** The member objects exist in the chosen cluster. */
  Placed: 'Placed',
  /** All pods of the attempt (or of every replica) are ready. */
  PodsReady: 'PodsReady',
  Suspended: 'Suspended',
  /** Terminal: the training succeeded. */
  Complete: 'Complete',
  /** Terminal: the training failed and will not be tried again. */
  Failed: 'Failed',
  /** ModelServing: all replicas are ready. Dataset, ComputeQueue, RegionalCluster: usable. */
  Ready: 'Ready',
  /** ComputeQuote: the answer is in status. */
  Answered: 'Answered',
  /** ComputeQueue: no budget is used up. */
  WithinBudget: 'WithinBudget',
  /** RegionalCluster: its API server answers. */
  Reachable: 'Reachable',
  /** RegionalCluster: the agents on its accelerator nodes tell what they measure. */
  Metered: 'Metered',
  /** RegionalCluster: no board is lost or degraded, as far as agents tell. */
  AcceleratorsHealthy: 'AcceleratorsHealthy',
} as const;
export type ConditionType = (typeof CONDITION)[keyof typeof CONDITION];

/** Why a workload is not admitted (reason of Admitted=False), a closed set. */
export const PENDING_REASON = {
  Evaluating: 'Evaluating',
  SpecNotHonoured: 'SpecNotHonoured',
  Suspended: 'Suspended',
  QueueNotFound: 'QueueNotFound',
  QueueNotLeaf: 'QueueNotLeaf',
  QueueInvalid: 'QueueInvalid',
  QueueHeld: 'QueueHeld',
  /** limits.maxRunning of its queue, or of one above, is reached. */
  QueueFull: 'QueueFull',
  /** A budget of its queue, or of one above, with action Hold is used up for its period. */
  BudgetExhausted: 'BudgetExhausted',
  /** It fits, but such a budget has too little left beside what those that hold nodes are expected to use yet. */
  BudgetCommitted: 'BudgetCommitted',
  /** limits.maxPending of its queue, or of one above: so many before it wait already. */
  BeyondMaxPending: 'BeyondMaxPending',
  /** Its queue keeps the order strictly, and one before it waits. */
  BehindHead: 'BehindHead',
  /** It would fit, but nodes are kept for one that has waited longer. */
  BehindReservation: 'BehindReservation',
  /** Its place is being cleared: it waits for those that are pushed out to end. */
  Preempting: 'Preempting',
  NamespaceNotAllowed: 'NamespaceNotAllowed',
  NoQuotaForAccelerator: 'NoQuotaForAccelerator',
  ExceedsMaxQuota: 'ExceedsMaxQuota',
  QuotaExceeded: 'QuotaExceeded',
  NoRegionAllowed: 'NoRegionAllowed',
  NoSuchAccelerator: 'NoSuchAccelerator',
  ExceedsEveryRegion: 'ExceedsEveryRegion',
  InsufficientGPU: 'InsufficientGPU',
  InsufficientNodeResources: 'InsufficientNodeResources',
  /** Enough is free in a cluster, but not in one domain of placement.topology. */
  InsufficientTopology: 'InsufficientTopology',
  /** It fits, but not within the power budget of the cluster. */
  InsufficientPower: 'InsufficientPower',
  RegionUnreachable: 'RegionUnreachable',
  DatasetNotFound: 'DatasetNotFound',
  PriorityClassNotFound: 'PriorityClassNotFound',
  Backoff: 'Backoff',
  WaitingForCleanup: 'WaitingForCleanup',
} as const;
export type PendingReason = (typeof PENDING_REASON)[keyof typeof PENDING_REASON];

/** Reasons an attempt ended. `free` ends are not counted against any restart limit. */
export const END_REASON = {
  Succeeded: 'Succeeded',
  AppFailed: 'AppFailed',
  BindConflict: 'BindConflict',
  NodeLost: 'NodeLost',
  PodLost: 'PodLost',
  JobLost: 'JobLost',
  /** Its region did not answer for longer than placement.regionLostSeconds. */
  RegionLost: 'RegionLost',
  Suspended: 'Suspended',
  DeadlineExceeded: 'DeadlineExceeded',
  PreRunningDeadlineExceeded: 'PreRunningDeadlineExceeded',
  SpecChanged: 'SpecChanged',
  QueueHeld: 'QueueHeld',
  DispatchRefused: 'DispatchRefused',
  /** It made room for another workload. */
  Preempted: 'Preempted',
  /** A replica that is no longer wanted. */
  ScaledDown: 'ScaledDown',
  /** A replica of an older template gives its place to one of the present. */
  RolledOut: 'RolledOut',
} as const;
export type EndReason = (typeof END_REASON)[keyof typeof END_REASON];
