import type { QuotaRowView } from './model.ts';
import type { QueueNode } from './quota-forest.ts';

/** A quota dimension; `*` stands for all. */
export interface QuotaKey {
  readonly accelerator: string;
  readonly region: string;
}

export interface QuotaUsageRow extends QuotaKey {
  /** Of the queue's own, with its subtree. */
  readonly nominalMilli: number;
  /** In use in its subtree. */
  readonly usedMilli: number;
  /** In use above what the subtree brings in. */
  readonly borrowedMilli: number;
}

/** One key over the whole forest; arrays are indexed by QueueNode.index. */
export class Dimension {
  readonly key: QuotaKey;
  readonly nominal: Float64Array;
  readonly borrow: Float64Array;
  readonly lend: Float64Array;
  /** Nominal and what the children lend. */
  readonly subtree: Float64Array;
  /** Part of `subtree` that is not lent to the parent. */
  readonly guaranteed: Float64Array;
  /** Own use and what the children use above their guaranteed parts. */
  readonly usage: Float64Array;
  /** All use, and all nominal, of the subtree; for people. */
  readonly used: Float64Array;
  readonly nominalBelow: Float64Array;
  /** Mean use above its own in the past, by its half-life. */
  readonly past: Float64Array;
  /** 1: the queue or one below it has a row of this key. */
  readonly declared: Uint8Array;

  constructor(key: QuotaKey, queues: number) {
    this.key = key;
    this.nominal = new Float64Array(queues);
    this.borrow = new Float64Array(queues).fill(Number.POSITIVE_INFINITY);
    this.lend = new Float64Array(queues).fill(Number.POSITIVE_INFINITY);
    this.subtree = new Float64Array(queues);
    this.guaranteed = new Float64Array(queues);
    this.usage = new Float64Array(queues);
    this.used = new Float64Array(queues);
    this.nominalBelow = new Float64Array(queues);
    this.past = new Float64Array(queues);
    this.declared = new Uint8Array(queues);
  }

  setRow(index: number, row: QuotaRowView): void {
    this.declared[index] = 1;
    this.nominal[index] = amount(row.nominal);
    if (row.borrowingLimit !== undefined) this.borrow[index] = amount(row.borrowingLimit);
    if (row.lendingLimit !== undefined) this.lend[index] = amount(row.lendingLimit);
  }

  /** Sums up the tree; children come after their parents in `nodes`. */
  settle(nodes: readonly QueueNode[]): void {
    this.subtree.set(this.nominal);
    this.nominalBelow.set(this.nominal);
    for (let i = nodes.length - 1; i >= 0; i -= 1) {
      const subtree = this.subtree[i] ?? 0;
      const parent = nodes[i]?.path[1]?.index;
      if (parent === undefined) continue;
      const guaranteed = Math.max(0, subtree - (this.lend[i] ?? 0));
      this.guaranteed[i] = guaranteed;
      this.subtree[parent] = (this.subtree[parent] ?? 0) + subtree - guaranteed;
      this.nominalBelow[parent] = (this.nominalBelow[parent] ?? 0) + (this.nominalBelow[i] ?? 0);
      if (this.declared[i] === 1) this.declared[parent] = 1;
    }
  }

  /** May be below zero where use is above the limits. */
  available(path: readonly QueueNode[]): { available: number; at: string } {
    let available = 0;
    let at = '';
    for (let level = path.length - 1; level >= 0; level -= 1) {
      const node = path[level] as QueueNode;
      const subtree = this.subtree[node.index] ?? 0;
      const usage = this.usage[node.index] ?? 0;
      if (level === path.length - 1) {
        available = subtree - usage;
        at = node.view.name;
        continue;
      }
      const guaranteed = this.guaranteed[node.index] ?? 0;
      const bound = subtree - guaranteed - Math.max(0, usage - guaranteed) + (this.borrow[node.index] ?? 0);
      if (bound < available) {
        available = bound;
        at = node.view.name;
      }
      // What it does not lend is its own, also where those above use more than they may.
      if (usage < guaranteed) available = Math.max(0, available) + guaranteed - usage;
    }
    return { available, at };
  }

  /** What would be available with everything idle. */
  max(path: readonly QueueNode[]): number {
    let max = 0;
    for (let level = path.length - 1; level >= 0; level -= 1) {
      const { index } = path[level] as QueueNode;
      const subtree = this.subtree[index] ?? 0;
      max =
        level === path.length - 1
          ? subtree
          : Math.min((this.guaranteed[index] ?? 0) + max, subtree + (this.borrow[index] ?? 0));
    }
    return max;
  }

  add(path: readonly QueueNode[], milli: number): void {
    let passedUp = milli;
    for (const { index } of path) {
      const guaranteed = this.guaranteed[index] ?? 0;
      const before = this.usage[index] ?? 0;
      const after = before + passedUp;
      this.usage[index] = after;
      this.used[index] = (this.used[index] ?? 0) + milli;
      passedUp = Math.max(0, after - guaranteed) - Math.max(0, before - guaranteed);
    }
  }

  /** Use beyond what the queue brings in and may borrow; a root borrows from nobody. */
  excess({ index, path }: QueueNode): number {
    const borrow = path.length === 1 ? 0 : (this.borrow[index] ?? 0);
    return (this.usage[index] ?? 0) - (this.subtree[index] ?? 0) - borrow;
  }

  /** Whether the queue uses more than it brings in once `milli` more are used. */
  isAbove(index: number, milli: number): boolean {
    return (this.usage[index] ?? 0) + milli > (this.subtree[index] ?? 0);
  }

  /** Part of what the parent's tree holds that the child uses above its own, with `milli` more and its past. */
  shareOf(index: number, parent: number, milli: number): number {
    const above = (this.usage[index] ?? 0) + milli - (this.subtree[index] ?? 0);
    const lendable = this.subtree[parent] ?? 0;
    if (above <= 0) return 0;
    return lendable > 0 ? (above + (this.past[index] ?? 0)) / lendable : Number.POSITIVE_INFINITY;
  }

  row(index: number): QuotaUsageRow {
    return {
      ...this.key,
      nominalMilli: this.nominalBelow[index] ?? 0,
      usedMilli: this.used[index] ?? 0,
      borrowedMilli: Math.max(0, (this.usage[index] ?? 0) - (this.subtree[index] ?? 0)),
    };
  }
}

/** What is no amount counts as none. */
export const amount = (milli: number): number => (milli > 0 ? Math.min(milli, Number.MAX_SAFE_INTEGER) : 0);
