/**
 * The past in a fair share: what a queue used above its own, as a mean in which use counts half after each half-life
 *
 *   past(t + d) = now + (past(t) - now) * 2^(-d / halfLife)        while `now` is used
 *
 * which is Kueue's usage u <- (1 - A) u + A now with A = 1 - 2^(-d / halfLife) (KEP-4136), for any interval at once. An
 * admission adds A of what it is charged, for an interval of its own: so a burst of short work is seen at once.
 */
import type { FairShareView, QueueCharge, QueueView, QuotaUse } from './model.ts';
import { QuotaTree } from './quota.ts';

/** Below this a mean counts as none, in milli-GPU. */
const NOTHING = 0.001;

const partOf = (ms: number, halfLifeMs: number): number => 1 - 2 ** (-Math.max(0, ms) / halfLifeMs);

/** Part of a charge that counts as used already when it is admitted. */
export const entryPenalty = ({ halfLifeMs, entryPenaltyMs }: FairShareView): number =>
  partOf(entryPenaltyMs, halfLifeMs);

/** A holder, as far as it is new. */
export interface Entry extends QuotaUse {
  readonly isNew: boolean;
}

/** What is used now, as far as it becomes the past. */
export class PresentUse {
  readonly #tree: QuotaTree;
  readonly #entries: readonly Entry[];

  constructor(queues: readonly QueueView[], entries: readonly Entry[]) {
    this.#tree = QuotaTree.build(queues);
    this.#entries = entries;
    for (const entry of entries) this.#tree.add(entry);
  }

  /** Queues in whose turns the past counts, with how; none where no root says so. */
  counted(): Map<string, FairShareView> {
    const found = new Map<string, FairShareView>();
    for (const { view, path } of this.#tree.nodes()) {
      const fairShare = path.at(-1)?.view.fairShare;
      if (fairShare !== undefined && path.length > 1) found.set(view.name, fairShare);
    }
    return found;
  }

  /** What the queue uses above its own now. */
  borrowed(queue: string): QueueCharge[] {
    return this.#tree
      .usage(queue)
      .filter(({ borrowedMilli }) => borrowedMilli > 0)
      .map(({ accelerator, region, borrowedMilli }) => ({ accelerator, region, milliGpus: borrowedMilli }));
  }

  /** What those that are new pay, by queue. */
  penalties(): Map<string, QueueCharge[]> {
    const counted = this.counted();
    const found = new Map<string, QueueCharge[]>();
    for (const entry of this.#entries) {
      if (!entry.isNew) continue;
      for (const { queue, charge } of this.#tree.borrowedOf(entry.queue, entry.charges)) {
        const fairShare = counted.get(queue);
        if (fairShare === undefined) continue;
        const milliGpus = charge.milliGpus * entryPenalty(fairShare);
        found.set(queue, added(found.get(queue) ?? [], [{ ...charge, milliGpus }]));
      }
    }
    return found;
  }
}

/** The mean after so long of using `now`. */
export function decayed(
  past: readonly QueueCharge[],
  now: readonly QueueCharge[],
  ms: number,
  halfLifeMs: number,
): QueueCharge[] {
  const part = partOf(ms, halfLifeMs);
  const scaled = (list: readonly QueueCharge[], by: number) =>
    list.map((charge) => ({ ...charge, milliGpus: charge.milliGpus * by }));
  return added(scaled(past, 1 - part), scaled(now, part)).filter(({ milliGpus }) => milliGpus >= NOTHING);
}

/** Sums by key, in order of key. */
export function added(a: readonly QueueCharge[], b: readonly QueueCharge[]): QueueCharge[] {
  const sums = new Map<string, QueueCharge>();
  for (const charge of [...a, ...b]) {
    const key = `${charge.accelerator}\n${charge.region}`;
    sums.set(key, { ...charge, milliGpus: (sums.get(key)?.milliGpus ?? 0) + charge.milliGpus });
  }
  return [...sums].sort(([x], [y]) => (x < y ? -1 : 1)).map(([, charge]) => charge);
}
