import { DEFAULT_QUEUE, LABEL } from '../api/index.ts';
import type { Member } from '../regions/index.ts';
import type { DeclaredAccelerator } from '../workloads/request.ts';
import type { HubStores } from './stores.ts';

/** Queue of a workload: what it names, else its namespace's label, else `default`. */
export function queueOf(hub: HubStores, namespace: string, named: string | undefined): string {
  return named ?? hub.namespaces.get(namespace)?.metadata.labels[LABEL.queue] ?? DEFAULT_QUEUE;
}

/** Tenant of a namespace: its label, else its name. */
export const tenantOf = (hub: HubStores, namespace: string): string =>
  hub.namespaces.get(namespace)?.metadata.labels[LABEL.tenant] ?? namespace;

/** Value of a priority class, or a sentence that it does not exist. Without a name: the global default's, else 0. */
export function priorityOf(hub: HubStores, name: string | undefined): number | { missing: string } {
  if (name === undefined) {
    for (const item of hub.priorityClasses.list()) if (item.globalDefault === true) return item.value;
    return 0;
  }
  const found = hub.priorityClasses.get(name);
  return (
    found?.value ?? {
      missing: `PriorityClass ${name} does not exist on the hub; create it or remove priorityClassName.`,
    }
  );
}

/** Region of a cluster; empty where there is no such cluster. */
export const regionOf = (hub: HubStores, cluster: string): string => hub.clusters.get(cluster)?.spec.region ?? '';

/** Accelerator types that any region declares. */
export function declaredAccelerators(hub: HubStores): DeclaredAccelerator[] {
  return [...hub.clusters.list()].flatMap((cluster) =>
    cluster.spec.accelerators.map(({ type, resourceName }) => ({ type, resourceName })),
  );
}

/** Boards on the first of these nodes that is known, for the share of a node that a pod takes. */
export function boardsPerNode(member: Member, nodes: readonly string[], resourceName: string): number {
  for (const name of nodes) {
    const count = member.nodes.get(name)?.allocatable.extended[resourceName];
    if (count !== undefined && count > 0) return count;
  }
  return 0;
}
