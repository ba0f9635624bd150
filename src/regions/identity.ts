import { MEMBER_REASON, type Problem } from './reasons.ts';

/** Which cluster a RegionalCluster stands for. */
export interface Identity {
  readonly name: string;
  /** metadata.creationTimestamp. */
  readonly createdAt: string;
  /** `status.clusterUID`: the cluster it was accepted as. */
  readonly recorded: string | undefined;
  /** uid of the kube-system namespace as seen now. */
  readonly seen: string | undefined;
}

/** Older ones first; the name decides within a second. */
const isOlder = (a: Identity, b: Identity): boolean =>
  a.createdAt === b.createdAt ? a.name < b.name : a.createdAt < b.createdAt;

/** What is wrong with a member's identity. Of RegionalClusters that are the same cluster only the oldest is well. */
export function judgeIdentity(me: Identity, all: Iterable<Identity>): Problem | undefined {
  if (me.seen === undefined) return undefined;
  if (me.recorded !== undefined && me.recorded !== me.seen) {
    const message =
      `Another cluster (uid ${me.seen}) answers than the one that this RegionalCluster stands for (uid ${me.recorded}). ` +
      'Restore the kubeconfig of that cluster; or, if it was replaced for good, delete the RegionalCluster and make it again.';
    return { reason: MEMBER_REASON.ClusterIdentityChanged, message };
  }
  for (const other of all) {
    if (other.name === me.name || (other.recorded ?? other.seen) !== me.seen || !isOlder(other, me)) continue;
    const message =
      `It is the same cluster (uid ${me.seen}) as RegionalCluster ${other.name}, which is older. ` +
      'Delete one of the two, or correct the kubeconfig.';
    return { reason: MEMBER_REASON.DuplicateCluster, message };
  }
  return undefined;
}
