import type { ComputeQueue, ComputeQueueStatus } from '../api/index.ts';
import { added, decayed, PresentUse } from '../core/fair-share.ts';
import { iso } from '../core/iso.ts';
import type { FairShareView, QueueCharge } from '../core/model.ts';
import type { Store } from '../kube/store.ts';
import type { Clock } from '../runtime/clock.ts';
import { queueView } from './queue-view.ts';
import type { Holder } from './types.ts';

export interface FairHistoryOptions {
  readonly queues: Store<ComputeQueue>;
  readonly holders: () => Iterable<Holder>;
  readonly clock: Clock;
}

interface Mean {
  readonly untilMs: number;
  readonly mean: readonly QueueCharge[];
  /** Used above its own from then on. */
  readonly now: readonly QueueCharge[];
}

/** Between two looks use counts as it was at the first of them. */
const LOOK_MS = 1_000;
const MAX_ROWS = 64;

/**
 * What the queues used above their own in the past, where a root has it count in whose turn it is. Only the process that
 * leads looks; the means go into status with whatever else is written there, and the next one goes on from them.
 */
export class FairHistory {
  readonly #options: FairHistoryOptions;
  #means = new Map<string, Mean>();
  #seen: Set<string> | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(options: FairHistoryOptions) {
    this.#options = options;
  }

  /** Brings the means up to now. @returns them by queue, in milli-GPU */
  look(): ReadonlyMap<string, readonly QueueCharge[]> {
    const { clock, queues } = this.#options;
    const isCounted = [...queues.list()].some(({ spec }) => spec.fairShare.halfLifeSeconds !== undefined);
    if (!isCounted) {
      this.#means = new Map();
      this.#seen = undefined;
    } else if (clock.monotonic() - this.#lookedAt >= LOOK_MS || this.#hasNew()) {
      this.#look();
    }
    return new Map([...this.#means].map(([name, { mean }]) => [name, mean]));
  }

  /** As status keeps it; undefined: the past does not count there. */
  status(queue: string): ComputeQueueStatus['fairShare'] {
    const found = this.#means.get(queue);
    if (found === undefined) return undefined;
    return {
      until: iso(found.untilMs),
      borrowed: found.mean
        .map(({ accelerator, region, milliGpus }) => ({ accelerator, region, meanMilliGpus: Math.round(milliGpus) }))
        .filter(({ meanMilliGpus }) => meanMilliGpus > 0)
        .slice(0, MAX_ROWS),
    };
  }

  #hasNew(): boolean {
    for (const { key } of this.#options.holders()) if (this.#seen?.has(key) !== true) return true;
    return false;
  }

  #look(): void {
    const { clock, queues, holders } = this.#options;
    const nowMs = clock.now();
    const seen = this.#seen;
    // Those that the first look finds have paid when they were admitted.
    const entries = [...holders()].map((holder) => ({ ...holder, isNew: seen !== undefined && !seen.has(holder.key) }));
    const present = new PresentUse([...queues.list()].map(queueView), entries);
    const penalties = present.penalties();
    const means = new Map<string, Mean>();
    for (const [name, fairShare] of present.counted()) {
      const now = present.borrowed(name);
      const past = this.#means.get(name) ?? stored(queues.get(name), now, nowMs);
      const mean = added(this.#upTo(nowMs, past, fairShare), penalties.get(name) ?? []);
      // A clock that is behind adds nothing until it has caught up.
      means.set(name, { untilMs: Math.max(nowMs, past.untilMs), mean, now });
    }
    this.#means = means;
    this.#seen = new Set(entries.map(({ key }) => key));
    this.#lookedAt = clock.monotonic();
  }

  #upTo(nowMs: number, { untilMs, mean, now }: Mean, { halfLifeMs }: FairShareView): QueueCharge[] {
    return decayed(mean, now, Math.max(0, nowMs - untilMs), halfLifeMs);
  }
}

/** By its status; what is used now was used since. Nothing is given back while nobody leads. */
function stored(queue: ComputeQueue | undefined, now: readonly QueueCharge[], nowMs: number): Mean {
  const kept = queue?.status?.fairShare;
  if (kept === undefined) return { untilMs: nowMs, mean: [], now };
  return {
    untilMs: Date.parse(kept.until),
    mean: kept.borrowed.map(({ accelerator, region, meanMilliGpus }) => ({
      accelerator,
      region,
      milliGpus: meanMilliGpus,
    })),
    now,
  };
}
