import type { Amounts } from './slice.ts';
import { type Entry, type PodRef, Tally } from './tally.ts';

/** Tariffs change at full quarters of an hour, in every time zone there is. */
export const BUCKET_MS = 15 * 60_000;
/** 48 hours. */
const KEPT_BUCKETS = 192;
/** A bucket stays open for so long after its end: a missing reading may be bridged by a later one. */
const GRACE_MS = 60_000;

/** What was used in a quarter of an hour; closed, it never changes. */
export interface Bucket {
  /** Counts closed buckets from 1, without holes. */
  readonly sequence: number;
  /** Start, in milliseconds since the epoch. After a step of the clock two buckets may have the same. */
  readonly startMs: number;
  readonly entries: readonly Entry[];
}

export interface BucketsState {
  readonly nextSequence: number;
  readonly open: readonly Omit<Bucket, 'sequence'>[];
  readonly closed: readonly Bucket[];
}

/** Use by quarters of an hour of wall time. */
export class Buckets {
  #nextSequence: number;
  #closed: Bucket[];
  readonly #open: Map<number, Tally>;

  constructor(state: BucketsState = { nextSequence: 1, open: [], closed: [] }) {
    this.#nextSequence = state.nextSequence;
    this.#closed = [...state.closed];
    this.#open = new Map(state.open.map(({ startMs, entries }) => [startMs, new Tally(entries)]));
  }

  get state(): BucketsState {
    const open = [...this.#open].map(([startMs, tally]) => ({ startMs, entries: tally.entries }));
    return { nextSequence: this.#nextSequence, open, closed: this.#closed };
  }

  /** The ends of buckets between two moments of wall time. */
  boundaries(fromMs: number, toMs: number): number[] {
    const out: number[] = [];
    for (let at = startOf(fromMs) + BUCKET_MS; at < toMs; at += BUCKET_MS) out.push(at);
    return out;
  }

  add(wallMs: number, pod: PodRef, gpu: string, amounts: Amounts, share: number): void {
    const startMs = startOf(wallMs);
    let tally = this.#open.get(startMs);
    if (tally === undefined) {
      tally = new Tally();
      this.#open.set(startMs, tally);
    }
    tally.add(pod, gpu, amounts, share);
  }

  /** Closes what is over, and what a clock set back has left in the future. @returns whether it closed any */
  close(wallMs: number): boolean {
    const over = [...this.#open].filter(
      ([startMs]) => wallMs >= startMs + BUCKET_MS + GRACE_MS || wallMs < startMs - GRACE_MS,
    );
    for (const [startMs, tally] of over.sort(([a], [b]) => a - b)) {
      this.#open.delete(startMs);
      this.#closed.push({ sequence: this.#nextSequence, startMs, entries: tally.entries });
      this.#nextSequence += 1;
    }
    this.#closed = this.#closed.slice(-KEPT_BUCKETS);
    return over.length > 0;
  }

  /** Every pod and board of every bucket. */
  mentioned(): Tally {
    const { open, closed } = this.state;
    return new Tally([...open, ...closed].flatMap(({ entries }) => entries));
  }
}

const startOf = (wallMs: number): number => Math.floor(wallMs / BUCKET_MS) * BUCKET_MS;
