import type { KubeClient } from '../kube/client.ts';
import { isNotFound } from '../kube/errors.ts';
import { CONFIG_MAPS, type KubeObject } from '../kube/resource.ts';

const NAME = 'aidc-tombstones';

interface TombstoneMap extends KubeObject {
  data?: Record<string, string>;
}

/** One abandoned workload: what may still run in a member that did not answer when it was deleted. */
export interface Tombstone {
  readonly uid: string;
  readonly cluster: string;
  /** Attempts up to this one may be removed, though the workload goes on elsewhere; absent: the workload is gone. */
  readonly attempt?: number;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/**
 * Workloads that were let go while their member did not answer (annotation `aidc.dev/abandon`). Only what is written
 * here is removed when the member is back; everything else that is ours but unknown is reported, never deleted.
 */
export class Tombstones {
  readonly #client: KubeClient;
  readonly #namespace: string;

  constructor(client: KubeClient, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  async bury(grave: Tombstone): Promise<void> {
    await this.#patch({ [keyOf(grave)]: JSON.stringify(grave) });
  }

  async list(): Promise<Tombstone[]> {
    try {
      const map = await this.#client.get<TombstoneMap>(CONFIG_MAPS, { namespace: this.#namespace, name: NAME });
      return Object.values(map.data ?? {}).map((text) => JSON.parse(text) as Tombstone);
    } catch (error) {
      if (isNotFound(error)) return [];
      throw error;
    }
  }

  async remove(grave: Pick<Tombstone, 'uid' | 'cluster'>): Promise<void> {
    await this.#patch({ [keyOf(grave)]: null });
  }

  async #patch(data: Record<string, string | null>): Promise<void> {
    const namespace = this.#namespace;
    try {
      await this.#client.mergePatch(CONFIG_MAPS, { namespace, name: NAME, body: { data } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const body = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: NAME, namespace },
        data: withoutNulls(data),
      };
      await this.#client.create(CONFIG_MAPS, { namespace, body });
    }
  }
}

/** A serving may be abandoned in several clusters. */
const keyOf = ({ uid, cluster }: Pick<Tombstone, 'uid' | 'cluster'>): string => `${uid}.${cluster}`;

const withoutNulls = (data: Record<string, string | null>): Record<string, string> =>
  Object.fromEntries(Object.entries(data).filter((entry): entry is [string, string] => entry[1] !== null));
