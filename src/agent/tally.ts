import { type Amounts, add, NOTHING } from './slice.ts';

/** A pod on this node. Without access to the apiserver its uid is not known, and empty. */
export interface PodRef {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** Of a pod of ours: `<uid of the workload>/<attempt>`. */
  readonly run?: string | undefined;
}

/** In the place of a pod: what no pod held. */
export const NOBODY: PodRef = Object.freeze({ uid: '', namespace: '', name: '' });

/** What one pod used of one board. */
export interface Entry extends Amounts {
  readonly pod: PodRef;
  /** UUID of the board. */
  readonly gpu: string;
}

/** Pods of a name are told apart by uid, and only where that is not known by name. */
export const podKey = ({ uid, namespace, name }: PodRef): string => uid || `${namespace}/${name}`;

const keyOf = (pod: PodRef, gpu: string): string => `${gpu} ${podKey(pod)}`;

/** Sums by pod and board. */
export class Tally {
  readonly #entries = new Map<string, Entry>();

  constructor(entries: Iterable<Entry> = []) {
    for (const entry of entries) this.#entries.set(keyOf(entry.pod, entry.gpu), entry);
  }

  get entries(): Entry[] {
    return [...this.#entries.values()];
  }

  add(pod: PodRef, gpu: string, amounts: Amounts, share: number): void {
    const key = keyOf(pod, gpu);
    const sum = add(this.#entries.get(key) ?? NOTHING, amounts, share);
    this.#entries.set(key, { pod, gpu, ...sum });
  }

  has({ pod, gpu }: Pick<Entry, 'pod' | 'gpu'>): boolean {
    return this.#entries.has(keyOf(pod, gpu));
  }

  /** Forgets entries that no longer matter. */
  retain(matters: (entry: Entry) => boolean): void {
    for (const [key, entry] of this.#entries) if (!matters(entry)) this.#entries.delete(key);
  }
}
