/** Why a member cannot be given new work, and the reasons of RegionalCluster's conditions: closed sets. */
export const MEMBER_REASON = {
  /** Its RegionalCluster is being deleted. */
  Deleting: 'Deleting',
  /** No answer yet since the operator started or the connection changed. */
  Connecting: 'Connecting',
  /** Its API server does not answer. */
  Unreachable: 'Unreachable',
  /** Its API server answers 401: the kubeconfig's credentials are not accepted. */
  CredentialsRefused: 'CredentialsRefused',
  /** It answers, but nodes, pods or another kind have not been listed yet (or may not be). */
  NotSynced: 'NotSynced',
  /** The Secret or the kubeconfig in it is missing or not acceptable. */
  BadKubeconfig: 'BadKubeconfig',
  /** An older RegionalCluster is the same cluster. */
  DuplicateCluster: 'DuplicateCluster',
  /** Another cluster answers under this name than before. */
  ClusterIdentityChanged: 'ClusterIdentityChanged',
  /** The claim in the member names another hub. */
  ManagedByOtherHub: 'ManagedByOtherHub',
  /** The claim or the PriorityClass is missing and may not be created by us. */
  SetupRefused: 'SetupRefused',
  /** It runs a Kubernetes that the operator does not work with. */
  KubernetesTooOld: 'KubernetesTooOld',
  /** A tariff that leaves an hour without price, or an unknown time zone. */
  InvalidSpec: 'InvalidSpec',
} as const;
type MemberReason = (typeof MEMBER_REASON)[keyof typeof MEMBER_REASON];

/** Reasons of conditions that are True. */
export const REGION_REASON = { Ready: 'Ready', Answering: 'Answering' } as const;

/** Why a member is not usable: a word for programs, a sentence for people. */
export interface Problem {
  readonly reason: MemberReason;
  /** Cause, since when, and what to do next. */
  readonly message: string;
}
