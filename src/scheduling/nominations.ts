import type { Nominated, Nomination, Victim } from '../core/model.ts';

/** A place that is kept, with what is known of its clearing. */
export interface KeptPlace {
  readonly nominated: Nominated;
  /** It is stored on the object: those in the place may be told. */
  stored: boolean;
  until: number;
  /** Keys of victims that hold nothing any more. */
  readonly left: Set<string>;
}

/** A place that is clear, but not taken, is kept so much longer: the member's news of the last pods is on its way. */
const CLEARED_MS = 10_000;

/** Places that are being cleared: for whom, and who is pushed out. */
export class Nominations {
  readonly #entries = new Map<string, KeptPlace>();

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  set(nominated: Nominated, stored: boolean): void {
    this.#entries.set(nominated.workload.key, {
      nominated,
      stored,
      until: nominated.nomination.until,
      left: new Set(),
    });
  }

  /** @returns whether it is still wanted */
  stored(nominated: Nominated): boolean {
    const entry = this.#entries.get(nominated.workload.key);
    if (entry?.nominated !== nominated) return false;
    entry.stored = true;
    return true;
  }

  /** Keys of those for whom a place is being cleared. */
  keys(): IterableIterator<string> {
    return this.#entries.keys();
  }

  /** @returns whether there was one */
  delete(key: string): boolean {
    return this.#entries.delete(key);
  }

  get(key: string): KeptPlace | undefined {
    return this.#entries.get(key);
  }

  /** The place was not taken after all: it is kept on, with those who have left it. */
  restore(entry: KeptPlace): void {
    this.#entries.set(entry.nominated.workload.key, entry);
  }

  /** A workload holds nothing any more: a place of which it was the last to leave is clear. */
  left(key: string, nowMs: number): void {
    for (const entry of this.#entries.values()) {
      if (!entry.nominated.nomination.victims.some((victim) => victim.key === key)) continue;
      entry.left.add(key);
      if (holding(entry).length === 0) entry.until = Math.min(entry.until, nowMs + CLEARED_MS);
    }
  }

  /** Who pushes this workload out, in a sentence. */
  preemptorOf(key: string): string | undefined {
    for (const entry of this.#entries.values()) {
      if (!entry.stored || !holding(entry).some((victim) => victim.key === key)) continue;
      const { namespace, name, kind, queue, priority } = entry.nominated.workload;
      return `preempted by ${kind} ${namespace}/${name} (queue ${queue}, priority ${priority})`;
    }
    return undefined;
  }

  /** `namespace/name` of the first 16 that were pushed out for this workload. */
  victimNames(key: string): string[] | undefined {
    const victims = this.#entries.get(key)?.nominated.nomination.victims;
    return victims?.slice(0, 16).map(({ namespace, name }) => `${namespace}/${name}`);
  }

  /** As the pure core sees them. */
  view(): ReadonlyMap<string, Nomination> {
    return new Map([...this.#entries].map(([key, { nominated, until }]) => [key, { ...nominated.nomination, until }]));
  }
}

const holding = ({ nominated, left }: KeptPlace): readonly Victim[] =>
  nominated.nomination.victims.filter(({ key }) => !left.has(key));
