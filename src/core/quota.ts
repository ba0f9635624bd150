/**
 * Quota of a tree of queues.
 *
 * Each row key (accelerator or *, region or *) is a dimension of its own. A request is charged to every key on the
 * path from its queue to the root that matches it, and each must pass. A queue without a row for the key has nominal
 * 0 and no limits there; a device that no key on the path matches may not be used.
 *
 * The arithmetic in a dimension is that of Kueue's hierarchical cohorts (KEP-79, pkg/cache/scheduler/resource_node.go):
 *   lendable   = subtree - guaranteed, guaranteed = max(0, subtree - lendingLimit)
 *   subtree    = nominal + sum over children of what they lend
 *   usage      = own use + sum over children of what they use above their guaranteed part
 *   available  = root: subtree - usage;
 *                else: guaranteed part left + min(available(parent), lendable + borrowingLimit - usage above guaranteed)
 *   where a part that is left is not lessened by those above that use more than they may (Kueue: it is)
 * A root has nothing to borrow from: its subtree is the cap. Units are milli-accelerators.
 */
import type { QueueCharge, QueueView, QuotaUse } from './model.ts';
import { amount, Dimension, type QuotaKey, type QuotaUsageRow } from './quota-dimension.ts';
import type { Forest, QueueNode, QueueProblem } from './quota-forest.ts';
import { buildForest } from './quota-forest.ts';

export type { QuotaKey } from './quota-dimension.ts';
export type { QueueProblem } from './quota-forest.ts';

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

/** A queue that uses more than it may, whatever the others leave idle. */
export interface QuotaExcess extends QuotaKey {
  readonly queue: string;
  readonly milliGpus: number;
}

const OK = { ok: true } as const;

export class QuotaTree {
  readonly #forest: Forest;
  readonly #dimensions = new Map<string, Dimension>();
  /** Keys of the rows on the path of each queue. */
  readonly #pathKeys = new Map<string, ReadonlySet<string>>();

  private constructor(forest: Forest) {
    this.#forest = forest;
    for (const node of forest.nodes) {
      const keys = new Set(this.#pathKeys.get(node.view.parent ?? ''));
      for (const row of node.view.quota) {
        keys.add(keyText(row));
        this.#dimension(row).setRow(node.index, row);
      }
      this.#pathKeys.set(node.view.name, keys);
    }
    for (const dimension of this.#dimensions.values()) dimension.settle(forest.nodes);
  }

  /** Queues that form no tree are in `problems` and have no quota; the rest works. Never throws. */
  static build(queues: readonly QueueView[]): QuotaTree {
    return new QuotaTree(buildForest(queues));
  }

  get problems(): ReadonlyMap<string, QueueProblem> {
    return this.#forest.problems;
  }

  has(queue: string): boolean {
    return this.#forest.byName.has(queue) || this.#forest.problems.has(queue);
  }

  isLeaf(queue: string): boolean {
    return this.#forest.byName.get(queue)?.children.length === 0;
  }

  children(queue: string): string[] {
    return (this.#forest.byName.get(queue)?.children ?? []).map((child) => child.view.name);
  }

  /** Queue on the path to the root whose stopPolicy holds, the nearest first. */
  heldBy(queue: string): string | undefined {
    return this.#forest.byName.get(queue)?.path.find((node) => node.view.stopPolicy !== 'None')?.view.name;
  }

  /** Itself first, its root last. */
  path(queue: string): string[] {
    return (this.#forest.byName.get(queue)?.path ?? []).map(({ view }) => view.name);
  }

  /** Leaves below (itself when it is one). */
  subtree(queue: string): string[] {
    const node = this.#forest.byName.get(queue);
    if (node === undefined) return [];
    if (node.children.length === 0) return [queue];
    return node.children.flatMap((child) => this.subtree(child.view.name));
  }

  /** What a request is charged to. CPU only: nothing. undefined: no row on the path covers the device. */
  charges(queue: string, accelerator: string, region: string, milliGpus: number): QueueCharge[] | undefined {
    if (accelerator === '' || milliGpus <= 0) return [];
    const keys = this.#pathKeys.get(queue);
    const matching = [
      { accelerator, region },
      { accelerator, region: '*' },
      { accelerator: '*', region },
      { accelerator: '*', region: '*' },
    ].filter((key) => keys?.has(keyText(key)));
    return matching.length === 0 ? undefined : matching.map((key) => ({ ...key, milliGpus }));
  }

  /** Whether every charge passes up to the root; a charge that never could is named before one that cannot now. */
  check(queue: string, charges: readonly QueueCharge[]): QuotaCheck {
    const path = this.#forest.byName.get(queue)?.path ?? [];
    let short: QuotaShort | undefined;
    for (const charge of charges) {
      const dimension = this.#dimensions.get(keyText(charge));
      const { available, at } = dimension?.available(path) ?? { available: 0, at: path.at(-1)?.view.name ?? queue };
      if (charge.milliGpus <= available) continue;
      const max = dimension?.max(path) ?? 0;
      const found: QuotaShort = {
        ok: false,
        exceedsMax: charge.milliGpus > max,
        key: { accelerator: charge.accelerator, region: charge.region },
        neededMilli: charge.milliGpus,
        availableMilli: Math.max(0, available),
        maxMilli: max,
        at,
      };
      if (found.exceedsMax) return found;
      short ??= found;
    }
    return short ?? OK;
  }

  /**
   * Whether, in a dimension of `charges`, the queue and each one above it up to below `ancestor` uses more than it
   * brings in: then what it holds there is borrowed from others below the ancestor.
   */
  isBorrowing(queue: string, ancestor: string, charges: readonly QueueCharge[]): boolean {
    const path = this.#forest.byName.get(queue)?.path ?? [];
    const levels = path.slice(
      0,
      Math.max(
        0,
        path.findIndex(({ view }) => view.name === ancestor),
      ),
    );
    if (levels.length === 0) return false;
    return charges.some((charge) => {
      const dimension = this.#dimensions.get(keyText(charge));
      return dimension !== undefined && levels.every(({ index }) => dimension.isAbove(index, 0));
    });
  }

  /** Whether the charges keep the queue, and each one above it up to below `ancestor`, within what it brings in. */
  staysWithin(queue: string, ancestor: string, charges: readonly QueueCharge[]): boolean {
    const path = this.#forest.byName.get(queue)?.path ?? [];
    const levels = path.slice(
      0,
      Math.max(
        0,
        path.findIndex(({ view }) => view.name === ancestor),
      ),
    );
    return charges.every((charge) => {
      const dimension = this.#dimensions.get(keyText(charge));
      return dimension === undefined || levels.every(({ index }) => !dimension.isAbove(index, charge.milliGpus));
    });
  }

  /** The lowest queue above both; undefined: they are of different trees. */
  commonAncestor(a: string, b: string): string | undefined {
    const above = new Set(
      this.#forest.byName
        .get(a)
        ?.path.slice(1)
        .map(({ view }) => view.name),
    );
    return this.#forest.byName
      .get(b)
      ?.path.slice(1)
      .find(({ view }) => above.has(view.name))?.view.name;
  }

  /**
   * Dominant share of a child of a queue if the charges were added: over the dimensions the largest part of what the
   * parent's tree can lend that the child uses above its own, divided by its weight (Kueue KEP-1714). A root has none.
   */
  share(queue: string, charges: readonly QueueCharge[]): number {
    const node = this.#forest.byName.get(queue);
    const parent = node?.path[1];
    if (node === undefined || parent === undefined) return 0;
    let share = 0;
    for (const charge of charges) {
      const dimension = this.#dimensions.get(keyText(charge));
      if (dimension !== undefined)
        share = Math.max(share, dimension.shareOf(node.index, parent.index, charge.milliGpus));
    }
    return share / (node.view.weight ?? 1);
  }

  /** The same of what is used now, without more; undefined: a root, or no queue of a tree. */
  presentShare(queue: string): number | undefined {
    if (this.#forest.byName.get(queue)?.path[1] === undefined) return undefined;
    return this.share(
      queue,
      [...this.#dimensions.values()].map(({ key }) => ({ ...key, milliGpus: 0 })),
    );
  }

  /** What a queue used above its own in the past counts beside what it uses now, where that is above its own. */
  setPast(queue: string, past: readonly QueueCharge[]): void {
    const node = this.#forest.byName.get(queue);
    if (node === undefined) return;
    for (const { milliGpus, ...key } of past) this.#dimension(key).past[node.index] = amount(milliGpus);
  }

  /** What of charges that were added the queue, and each one above it below the root, uses above its own. */
  borrowedOf(
    queue: string,
    charges: readonly QueueCharge[],
  ): { readonly queue: string; readonly charge: QueueCharge }[] {
    const path = this.#forest.byName.get(queue)?.path.slice(0, -1) ?? [];
    return path.flatMap(({ index, view }) =>
      charges.flatMap((charge) => {
        const above = this.#dimensions.get(keyText(charge))?.row(index).borrowedMilli ?? 0;
        const milliGpus = Math.min(charge.milliGpus, above);
        return milliGpus > 0 ? [{ queue: view.name, charge: { ...charge, milliGpus } }] : [];
      }),
    );
  }

  /** Counts so much of charges that were added as if it had been used before. */
  addPast(queue: string, charges: readonly QueueCharge[], part: number): void {
    if (part <= 0) return;
    for (const { queue: name, charge } of this.borrowedOf(queue, charges)) {
      const index = this.#forest.byName.get(name)?.index ?? 0;
      const { past } = this.#dimension(charge);
      past[index] = (past[index] ?? 0) + charge.milliGpus * part;
    }
  }

  /** Parents before their children; each with its path to the root. */
  nodes(): readonly QueueNode[] {
    return this.#forest.nodes;
  }

  /** Counts a use, also above the limits: what is admitted counts even when quota shrank since. */
  add(use: QuotaUse): void {
    this.#apply(use, 1);
  }

  remove(use: QuotaUse): void {
    this.#apply(use, -1);
  }

  /** Parents before their children. What was admitted stays counted when quota shrinks: this is what is beyond it. */
  excess(): QuotaExcess[] {
    return this.#forest.nodes.flatMap((node) =>
      [...this.#dimensions.values()].flatMap((dimension) => {
        const milliGpus = dimension.excess(node);
        return milliGpus > 0 ? [{ queue: node.view.name, ...dimension.key, milliGpus }] : [];
      }),
    );
  }

  /** Rows of the queue's subtree, and others in use there; in order of key. */
  usage(queue: string): QuotaUsageRow[] {
    const node = this.#forest.byName.get(queue);
    if (node === undefined) return [];
    return [...this.#dimensions.values()]
      .filter((dimension) => dimension.declared[node.index] === 1 || dimension.used[node.index] !== 0)
      .map((dimension) => dimension.row(node.index))
      .sort((a, b) => (keyText(a) < keyText(b) ? -1 : 1));
  }

  /** A sentence with the numbers. */
  explain(queue: string, short: QuotaShort): string {
    const need = `needs ${boards(short.neededMilli)} x ${keyName(short.key)}`;
    const node = this.#forest.byName.get(short.at);
    const dimension = this.#dimensions.get(keyText(short.key));
    if (node === undefined || dimension === undefined) return `${need}, queue ${queue} has no quota for it`;
    const row = dimension.row(node.index);
    const limit = dimension.borrow[node.index] ?? Number.POSITIVE_INFINITY;
    const may = node.path.length > 1 && limit !== Number.POSITIVE_INFINITY ? `, may borrow ${boards(limit)}` : '';
    if (short.exceedsMax) {
      const most = `more than the ${boards(short.maxMilli)} that queue ${queue} can ever have`;
      return `${need}, ${most} (nominal ${boards(row.nominalMilli)}${may} in queue ${short.at})`;
    }
    const state = `nominal ${boards(row.nominalMilli)}${may}, used ${boards(row.usedMilli)}`;
    const free = boards(short.availableMilli);
    if (short.at !== queue) return `${need}, ${free} free for queue ${queue}: limited by queue ${short.at} (${state})`;
    return `${need}, ${free} of ${boards(short.maxMilli)} free in queue ${queue} (${state})`;
  }

  #apply(use: QuotaUse, sign: 1 | -1): void {
    const path = this.#forest.byName.get(use.queue)?.path;
    if (path === undefined) return;
    for (const charge of use.charges) this.#dimension(charge).add(path, sign * amount(charge.milliGpus));
  }

  #dimension(key: QuotaKey): Dimension {
    const text = keyText(key);
    let dimension = this.#dimensions.get(text);
    if (dimension === undefined) {
      dimension = new Dimension({ accelerator: key.accelerator, region: key.region }, this.#forest.nodes.length);
      this.#dimensions.set(text, dimension);
    }
    return dimension;
  }
}

const keyText = (key: QuotaKey): string => `${key.accelerator}\u0000${key.region}`;
const keyName = ({ accelerator, region }: QuotaKey): string =>
  (accelerator === '*' ? 'any accelerator' : accelerator) + (region === '*' ? '' : ` in ${region}`);
/** Milli-accelerators as boards, exactly. */
const boards = (milli: number): string => String(milli / 1000);
