import type { QueueCharge, QueueView, QuotaUse } from './model.ts';

export interface QueueProblem {
  readonly reason: 'CycleInTree' | 'ParentNotFound';
  readonly message: string;
}

/** A quota dimension; `*` stands for all. */
export interface QuotaKey {
  readonly accelerator: string;
  readonly region: string;
}

export type QuotaCheck = { readonly ok: true } | QuotaShort;

export interface QuotaShort {
  readonly ok: false;
  /** It could never fit, even with everything idle. */
  readonly exceedsMax: boolean;
  readonly key: QuotaKey;
  readonly neededMilli: number;
  readonly availableMilli: number;
  /** What the queue could have at most, with everything idle. */
  readonly maxMilli: number;
  /** Queue on the path whose limit binds. */
  readonly at: string;
}

export interface QuotaUsageRow extends QuotaKey {
  /** Of the queue's own, with its subtree. */
  readonly nominalMilli: number;
  readonly usedMilli: number;
  readonly borrowedMilli: number;
}

export class QuotaTree {
  readonly problems: ReadonlyMap<string, QueueProblem> = new Map();
  static build(_queues: readonly QueueView[]): QuotaTree {
    return new QuotaTree();
  }
  has(_queue: string): boolean {
    throw new Error('not implemented');
  }
  isLeaf(_queue: string): boolean {
    throw new Error('not implemented');
  }
  /** Queue on the path to the root whose stopPolicy holds, the nearest first. */
  heldBy(_queue: string): string | undefined {
    throw new Error('not implemented');
  }
  /** Leaves below (itself when it is one). */
  subtree(_queue: string): string[] {
    throw new Error('not implemented');
  }
  /** undefined: no row on the path covers the device. */
  charges(_queue: string, _accelerator: string, _region: string, _milliGpus: number): QueueCharge[] | undefined {
    throw new Error('not implemented');
  }
  check(_queue: string, _charges: readonly QueueCharge[]): QuotaCheck {
    throw new Error('not implemented');
  }
  add(_use: QuotaUse): void {
    throw new Error('not implemented');
  }
  remove(_use: QuotaUse): void {
    throw new Error('not implemented');
  }
  usage(_queue: string): QuotaUsageRow[] {
    throw new Error('not implemented');
  }
}
