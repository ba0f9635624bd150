import { ANNOTATION, FINALIZER, type RegionalCluster } from '../api/index.ts';
import type { KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import { claim, hasFinalizer, removeFinalizer } from '../kube/finalizers.ts';
import type { KubeObject, Resource } from '../kube/resource.ts';

/** Who holds nodes in a cluster. */
export interface ClusterUsers {
  /** `namespace/name` of each workload; undefined: not known yet. */
  names(cluster: string): readonly string[] | undefined;
  /** Remembers what may still run there, so that it is removed if the cluster ever comes back. */
  abandon(cluster: string): Promise<void>;
}

export interface ProtectionOptions {
  readonly client: KubeClient;
  readonly users: ClusterUsers;
  readonly events: Pick<EventRecorder, 'event'>;
}

/** How soon to look again whether the last workload has left. */
const IN_USE_MS = 5_000;

/**
 * A RegionalCluster that workloads run in does not go before them: without it nobody could see or stop what runs
 * there, and it would be started a second time elsewhere. The annotation `aidc.dev/abandon` lets it go at once.
 */
export class RegionProtection {
  readonly #options: ProtectionOptions;

  constructor(options: ProtectionOptions) {
    this.#options = options;
  }

  /** Adds the finalizer; what the watch brings decides where the object changed meanwhile. */
  async hold(resource: Resource, cluster: RegionalCluster): Promise<void> {
    await claim(this.#options.client, resource, cluster as KubeObject, FINALIZER);
  }

  /** Removes the finalizer of a cluster that is being deleted. @returns when to look again; undefined: it is let go */
  async release(resource: Resource, cluster: RegionalCluster): Promise<number | undefined> {
    const { client, users, events } = this.#options;
    const { name, annotations } = cluster.metadata;
    if (!hasFinalizer(cluster as KubeObject, FINALIZER)) return undefined;
    const names = users.names(name);
    if (names === undefined) return IN_USE_MS;
    if (names.length > 0 && annotations?.[ANNOTATION.abandon] !== 'true') {
      events.event(cluster, 'Warning', 'DeletionWaits', inUse(names));
      return IN_USE_MS;
    }
    if (names.length > 0) await users.abandon(name);
    await removeFinalizer(client, resource, cluster as KubeObject, FINALIZER);
    return undefined;
  }
}

function inUse(names: readonly string[]): string {
  const some = names.slice(0, 5).join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');
  return `${names.length} workloads hold nodes there: ${some}; suspend or delete them, or annotate the RegionalCluster with ${ANNOTATION.abandon}=true to give up what runs there`;
}
