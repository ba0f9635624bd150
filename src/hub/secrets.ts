import { type KubeObject, splitKey } from '../kube/resource.ts';
import { Store } from '../kube/store.ts';

export interface SecretObject extends KubeObject {
  data?: Record<string, string>;
}

/** Secrets of the operator's namespace, as far as they are seen. */
export type SecretSource = Pick<Store<SecretObject>, 'get' | 'subscribe'>;

/** Secrets that are watched one by one: a store for each, since a list of one says nothing of the others. */
export class NamedSecrets implements SecretSource {
  readonly stores: ReadonlyMap<string, Store<SecretObject>>;

  constructor(names: readonly string[]) {
    this.stores = new Map(names.map((name) => [name, new Store<SecretObject>()]));
  }

  /** By `namespace/name`. */
  get(key: string): SecretObject | undefined {
    return this.stores.get(splitKey(key).name)?.get(key);
  }

  subscribe(...args: Parameters<SecretSource['subscribe']>): () => void {
    const ends = Array.from(this.stores.values(), (store) => store.subscribe(...args));
    return () => {
      for (const end of ends) end();
    };
  }
}
