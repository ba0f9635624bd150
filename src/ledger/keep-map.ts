import { LABEL, MANAGED_BY } from '../api/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../kube/errors.ts';
import { CONFIG_MAPS, type KubeObject } from '../kube/resource.ts';

/** A ConfigMap as it is to be. */
export interface MapToKeep {
  readonly namespace: string;
  readonly name: string;
  /** Beside the one that says whose it is. */
  readonly labels: Readonly<Record<string, string>>;
  /** As it was read or written last; undefined: it is new. */
  readonly resourceVersion: string | undefined;
  readonly data: Readonly<Record<string, string>>;
}

/** Writes it on condition that nobody else has since. @returns its new version; undefined: somebody has, read it again */
export async function keepMap(client: KubeClient, map: MapToKeep): Promise<string | undefined> {
  const { namespace, name, labels, resourceVersion, data } = map;
  const metadata = {
    name,
    namespace,
    labels: { [LABEL.managedBy]: MANAGED_BY, ...labels },
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  const body = { metadata, data };
  try {
    const stored =
      resourceVersion === undefined
        ? await client.create<KubeObject>(CONFIG_MAPS, { namespace, body })
        : await client.replace<KubeObject>(CONFIG_MAPS, { namespace, name, body });
    return stored.metadata.resourceVersion;
  } catch (error) {
    if (isConflict(error) || isAlreadyExists(error) || isNotFound(error)) return undefined;
    throw error;
  }
}
