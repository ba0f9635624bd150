import { LABEL } from '../api/index.ts';
import { emptyBook, type NodesBook } from '../energy/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { CONFIG_MAPS, type KubeObject } from '../kube/resource.ts';
import type { Logger } from '../runtime/logger.ts';
import { decodeBook, encodeBook } from './codec.ts';
import { keepMap } from './keep-map.ts';

interface BookMap extends KubeObject {
  data?: Record<string, string>;
}

/** The books of some nodes of a cluster, and where they are kept. */
export interface Shard {
  readonly name: string;
  readonly cluster: string;
  readonly region: string;
  readonly book: NodesBook;
  /** Of the ConfigMap as last read or written; undefined: there is none yet. */
  resourceVersion: string | undefined;
  /** It has changed since. */
  isDirty: boolean;
}

/** Shards of a cluster have numbers without holes below this, also those that cannot be read. */
export interface Kept {
  readonly shards: Shard[];
  readonly nextNumber: number;
}

const PREFIX = 'aidc-ledger-';

/** Keeps the books in ConfigMaps of the operator's namespace, each written only on top of what was read. */
export class Checkpoints {
  readonly #client: KubeClient;
  readonly #namespace: string;
  readonly #logger: Logger;

  constructor(client: KubeClient, namespace: string, logger: Logger) {
    this.#client = client;
    this.#namespace = namespace;
    this.#logger = logger;
  }

  /** By cluster. What cannot be read is left alone, and its nodes are booked elsewhere from now on. */
  async load(cluster?: string): Promise<Map<string, Kept>> {
    const labelSelector = cluster === undefined ? LABEL.ledger : `${LABEL.ledger}=${cluster}`;
    const { items } = await this.#client.list<BookMap>(CONFIG_MAPS, { namespace: this.#namespace, labelSelector });
    const kept = new Map<string, { shards: Shard[]; nextNumber: number }>();
    for (const { metadata, data } of items) {
      const of = metadata.labels?.[LABEL.ledger] ?? '';
      const entry = kept.get(of) ?? { shards: [], nextNumber: 0 };
      kept.set(of, entry);
      entry.nextNumber = Math.max(entry.nextNumber, Number(metadata.name.slice(nameOf(of, '').length)) + 1);
      const decoded = decodeBook(data);
      if (typeof decoded === 'string') {
        const where = `${this.#namespace}/${metadata.name}`;
        this.#logger.error('books cannot be read and are left as they are', { configMap: where, reason: decoded });
        continue;
      }
      const { resourceVersion } = metadata;
      entry.shards.push({ name: metadata.name, cluster: of, ...decoded, resourceVersion, isDirty: false });
    }
    return kept;
  }

  newShard(cluster: string, region: string, number: number): Shard {
    const name = nameOf(cluster, number);
    return { name, cluster, region, book: emptyBook(), resourceVersion: undefined, isDirty: true };
  }

  /** @returns false when somebody else has written it: read it again */
  async save(shard: Shard): Promise<boolean> {
    const { name, cluster, region, book, resourceVersion } = shard;
    const labels = { [LABEL.ledger]: cluster };
    const data = encodeBook(book, region);
    const kept = await keepMap(this.#client, { namespace: this.#namespace, name, labels, resourceVersion, data });
    if (kept === undefined) return false;
    shard.resourceVersion = kept;
    shard.isDirty = false;
    return true;
  }
}

const nameOf = (cluster: string, number: number | ''): string => `${PREFIX}${cluster}-${number}`;
