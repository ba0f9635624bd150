import { Buckets, type BucketsState } from './buckets.ts';
import { type Amounts, add, amountsOf, cut, NOTHING, type PowerPoint, type Slice, sliceTo } from './slice.ts';
import { type Entry, NOBODY, type PodRef, podKey, Tally } from './tally.ts';

/** A pod's share of a board, of 1. */
export interface Share {
  readonly pod: PodRef;
  readonly share: number;
}

/** Who holds what, by UUID of the board. A board that is not in it is free. */
export type Holders = ReadonlyMap<string, readonly Share[]>;

export interface Reading {
  /** Monotonic time in milliseconds. */
  readonly atMs: number;
  /** Wall time of the same moment. */
  readonly wallMs: number;
  /** Longest time between two readings across which power is drawn as a line; more is a gap. */
  readonly maxGapMs: number;
  /** Power by UUID; null: the board is there and does not tell. */
  readonly watts: ReadonlyMap<string, number | null>;
}

export interface GpuState extends Amounts {
  readonly uuid: string;
  readonly last: PowerPoint;
  /** Who held it at `last`. */
  readonly shares: readonly Share[];
  /** Later holders, in order. */
  readonly changes: readonly HolderChange[];
}

interface HolderChange {
  readonly atMs: number;
  readonly shares: readonly Share[];
}

/** All that is known; plain data, so that it can be kept in a file. */
export interface LedgerState {
  readonly gpus: readonly GpuState[];
  readonly totals: readonly Entry[];
  readonly buckets: BucketsState;
  /** Who holds what now, also of boards that were not seen yet. */
  readonly holders: readonly { readonly uuid: string; readonly shares: readonly Share[] }[];
  /** When that was last confirmed, monotonic; null: never. */
  readonly holdersAtMs: number | null;
}

/** What is still true after the machine was off: its monotonic clock began anew, and boards drew nothing meanwhile. */
export function afterReboot(state: LedgerState, atMs: number): LedgerState {
  const gpus = state.gpus.map((gpu) => ({ ...gpu, last: { atMs, watts: null }, shares: [], changes: [] }));
  return { ...state, gpus, holders: [], holdersAtMs: null };
}

/** How long holders are believed that nobody confirms: a kubelet may restart meanwhile. */
const HOLDERS_VALID_MS = 60_000;

interface Gpu {
  total: Amounts;
  last: PowerPoint;
  shares: readonly Share[];
  /** In the time that no slice has covered yet. */
  changes: HolderChange[];
}

/**
 * The energy of each board, and whose it is: power by the trapezoid rule over monotonic time, split at the moments the
 * holder changed and at quarters of an hour. The parts of a board's energy, with what no pod held, are the whole.
 */
export class Ledger {
  readonly #gpus: Map<string, Gpu>;
  readonly #totals: Tally;
  readonly #buckets: Buckets;
  #holders: Holders;
  #holdersAtMs: number | null;

  constructor(state?: LedgerState) {
    this.#gpus = new Map();
    for (const { uuid, last, shares, changes, ...total } of state?.gpus ?? [])
      this.#gpus.set(uuid, { total, last, shares, changes: [...changes] });
    this.#holders = new Map(state?.holders.map(({ uuid, shares }) => [uuid, shares]));
    this.#totals = new Tally(state?.totals);
    this.#buckets = new Buckets(state?.buckets);
    this.#holdersAtMs = state?.holdersAtMs ?? null;
  }

  get state(): LedgerState {
    return {
      gpus: [...this.#gpus].map(([uuid, { total, changes, ...gpu }]) => {
        return { uuid, ...total, ...gpu, changes: [...changes] };
      }),
      totals: this.#totals.entries,
      buckets: this.#buckets.state,
      holders: [...this.#holders].map(([uuid, shares]) => ({ uuid, shares })),
      holdersAtMs: this.#holdersAtMs,
    };
  }

  /** Takes one look at all boards. A board that is missing in it is looked for again the next time. */
  read({ atMs, wallMs, maxGapMs, watts }: Reading): void {
    if (this.#holdersAtMs !== null && atMs - this.#holdersAtMs > HOLDERS_VALID_MS) this.#forgetHolders();
    for (const uuid of watts.keys()) if (!this.#gpus.has(uuid)) this.#welcome(uuid, atMs);
    for (const [uuid, gpu] of this.#gpus) {
      const point = { atMs, watts: watts.get(uuid) ?? null };
      const slice = sliceTo(gpu.last, point, maxGapMs);
      if (slice !== undefined) this.#book(uuid, gpu, slice, wallMs - atMs);
      // A missing reading leaves the last one in place, to be bridged.
      if (slice !== undefined || (gpu.last.watts === null && atMs >= gpu.last.atMs)) gpu.last = point;
    }
    if (this.#buckets.close(wallMs)) this.#prune(watts);
  }

  /** Who holds what from this moment on. */
  setHolders(atMs: number, holders: Holders): void {
    const unknownSinceMs = this.#holdersAtMs !== null && atMs - this.#holdersAtMs > HOLDERS_VALID_MS;
    for (const [uuid, gpu] of this.#gpus) {
      const before = latest(gpu);
      const after = holders.get(uuid) ?? [];
      if (isSame(before, after)) continue;
      // Somebody else holds it after a long silence: when that began is not known, so it is nobody's meanwhile.
      if (unknownSinceMs) gpu.changes.push({ atMs: this.#holdersAtMs ?? atMs, shares: [] });
      gpu.changes.push({ atMs, shares: after });
    }
    this.#holders = holders;
    this.#holdersAtMs = atMs;
  }

  /** Pods that hold the board now. */
  holdersOf(uuid: string): readonly Share[] {
    return this.#holders.get(uuid) ?? [];
  }

  #forgetHolders(): void {
    for (const gpu of this.#gpus.values()) gpu.changes.push({ atMs: this.#holdersAtMs ?? 0, shares: [] });
    this.#holders = new Map();
    this.#holdersAtMs = null;
  }

  #welcome(uuid: string, atMs: number): void {
    const last = { atMs, watts: null };
    this.#gpus.set(uuid, { total: NOTHING, last, shares: this.#holders.get(uuid) ?? [], changes: [] });
  }

  #book(uuid: string, gpu: Gpu, slice: Slice, wallOffsetMs: number): void {
    const { fromMs, toMs } = slice;
    const boundaries = this.#buckets.boundaries(fromMs + wallOffsetMs, toMs + wallOffsetMs);
    const moments = [...boundaries.map((wallMs) => wallMs - wallOffsetMs), ...gpu.changes.map(({ atMs }) => atMs)];
    moments.sort((a, b) => a - b);
    for (const piece of cut(slice, moments)) {
      const middleMs = (piece.fromMs + piece.toMs) / 2;
      this.#enact(gpu, middleMs);
      const amounts = amountsOf(piece);
      gpu.total = add(gpu.total, amounts);
      for (const { pod, share } of withNobody(gpu.shares)) {
        this.#totals.add(pod, uuid, amounts, share);
        this.#buckets.add(middleMs + wallOffsetMs, pod, uuid, amounts, share);
      }
    }
    this.#enact(gpu, toMs);
  }

  /** Makes the changes up to a moment come true. */
  #enact(gpu: Gpu, untilMs: number): void {
    while (gpu.changes[0] !== undefined && gpu.changes[0].atMs <= untilMs) {
      gpu.shares = gpu.changes[0].shares;
      gpu.changes.shift();
    }
  }

  /** Forgets pods and boards that are gone once their last bucket is. */
  #prune(present: ReadonlyMap<string, unknown>): void {
    const mentioned = this.#buckets.mentioned();
    const isHeld = (pod: PodRef, gpu: string): boolean =>
      this.holdersOf(gpu).some((holder) => podKey(holder.pod) === podKey(pod));
    this.#totals.retain((entry) => mentioned.has(entry) || isHeld(entry.pod, entry.gpu));
    const boards = new Set(mentioned.entries.map(({ gpu }) => gpu));
    for (const uuid of this.#gpus.keys()) if (!present.has(uuid) && !boards.has(uuid)) this.#gpus.delete(uuid);
  }
}

const latest = ({ shares, changes }: Gpu): readonly Share[] => changes.at(-1)?.shares ?? shares;

/** The shares, and as nobody's what they leave. */
function withNobody(shares: readonly Share[]): readonly Share[] {
  const left = shares.reduce((rest, { share }) => rest - share, 1);
  return left > 1e-9 ? [...shares, { pod: NOBODY, share: left }] : shares;
}

const isSame = (a: readonly Share[], b: readonly Share[]): boolean =>
  a.length === b.length &&
  a.every(({ pod, share }, index) => b[index]?.share === share && podKey(b[index].pod) === podKey(pod));
