import type { NodeTable } from './model.ts';
import type { NameOrder } from './node-order.ts';
import { nameOrder, PositionSet } from './node-order.ts';

/** Whole free boards of a node, never below zero. */
const wholeBoards = (milli: number): number => Math.max(0, Math.floor(milli / 1000));

/** A copy that stays as it is while the owner of the table goes on changing its columns in place. */
function frozen(table: NodeTable): NodeTable {
  const { count } = table;
  return {
    ...table,
    usable: table.usable.slice(0, count),
    accelerator: table.accelerator.slice(0, count),
    gpuTotal: table.gpuTotal.slice(0, count),
    cpuTotal: table.cpuTotal.slice(0, count),
    labelSet: table.labelSet.slice(0, count),
    taintSet: table.taintSet.slice(0, count),
  };
}

/**
 * Usable nodes by accelerator and free boards, over a copy of the columns.
 * A gang looks only at nodes that have the boards, the tightest first, and a placement moves only the nodes it takes.
 */
export class NodeIndex {
  /** Its free columns are those of the start; the ones below are up to date. */
  readonly table: NodeTable;
  readonly order: NameOrder;
  readonly gpuFree: Float64Array;
  readonly cpuFree: Float64Array;
  readonly memoryFree: Float64Array;
  readonly podsFree: Float64Array;
  #rows: ReadonlyMap<string, number> | undefined;
  /** Rows taken from or given back to, in that order: what was counted earlier catches up from here. */
  readonly changes: number[] = [];
  /** By accelerator + 1, then by 2 x free boards + (1 where all boards of the node are free). */
  readonly #buckets: (PositionSet | undefined)[][] = [];

  constructor(table: NodeTable) {
    this.table = frozen(table);
    this.order = nameOrder(table.names, table.count);
    this.gpuFree = table.gpuFree.slice(0, table.count);
    this.cpuFree = table.cpuFree.slice(0, table.count);
    this.memoryFree = table.memoryFree.slice(0, table.count);
    this.podsFree = table.podsFree.slice(0, table.count);
    for (let row = 0; row < table.count; row += 1) {
      if (this.#isListed(row)) this.#add(row);
    }
  }

  /** Nodes of the accelerator (-1: all nodes) with at least `boards` free, tightest first, partly used before idle. */
  some(accelerator: number, boards: number, visit: (row: number) => boolean): boolean {
    const slots = accelerator < 0 ? this.#buckets : [this.#buckets[accelerator + 1] ?? []];
    const last = slots.reduce((most, slot) => Math.max(most, slot.length), 0);
    const { rows } = this.order;
    for (let bucket = boards * 2; bucket < last; bucket += 1) {
      for (const slot of slots) {
        if (slot?.[bucket]?.some((position) => visit(rows[position] ?? 0)) === true) return true;
      }
    }
    return false;
  }

  /** Pods that would fit if only boards counted and every node were suitable; a bound from above. */
  podsByBoards(accelerator: number, boardsPerPod: number): number {
    let pods = 0;
    const slot = this.#buckets[accelerator + 1] ?? [];
    for (let bucket = boardsPerPod * 2; bucket < slot.length; bucket += 1) {
      pods += (slot[bucket]?.size ?? 0) * Math.floor((bucket >> 1) / boardsPerPod);
    }
    return pods;
  }

  /** Takes what `pods` pods need on a node; below zero: gives it back. */
  take(row: number, pods: number, gpuMilli: number, cpuMilli: number, memoryMi: number): void {
    // A node that is cordoned, or has no room for a pod, stands in no bucket.
    if (this.#isListed(row)) this.#delete(row);
    this.gpuFree[row] = (this.gpuFree[row] ?? 0) - pods * gpuMilli;
    this.cpuFree[row] = (this.cpuFree[row] ?? 0) - pods * cpuMilli;
    this.memoryFree[row] = (this.memoryFree[row] ?? 0) - pods * memoryMi;
    this.podsFree[row] = (this.podsFree[row] ?? 0) - pods;
    if (this.#isListed(row)) this.#add(row);
    this.changes.push(row);
  }

  rowOf(node: string): number | undefined {
    this.#rows ??= new Map(this.table.names.slice(0, this.table.count).map((name, row) => [name, row]));
    return this.#rows.get(node);
  }

  /** The smaller, the sooner the node is taken: few free boards, and partly used before idle. */
  tightness(row: number): number {
    const free = this.gpuFree[row] ?? 0;
    const total = this.table.gpuTotal[row] ?? 0;
    const idle = total > 0 && free >= total ? 1 : 0;
    return wholeBoards(free) * 2 + idle;
  }

  #slotOf(row: number): (PositionSet | undefined)[] {
    const at = (this.table.accelerator[row] ?? -1) + 1;
    while (this.#buckets.length <= at) this.#buckets.push([]);
    return this.#buckets[at] ?? [];
  }

  #isListed(row: number): boolean {
    return this.table.usable[row] === 1 && (this.podsFree[row] ?? 0) >= 1;
  }

  #add(row: number): void {
    const slot = this.#slotOf(row);
    const bucket = this.tightness(row);
    while (slot.length <= bucket) slot.push(undefined);
    let set = slot[bucket];
    if (set === undefined) {
      set = new PositionSet(this.table.count);
      slot[bucket] = set;
    }
    set.add(this.order.positions[row] ?? 0);
  }

  #delete(row: number): void {
    this.#slotOf(row)[this.tightness(row)]?.delete(this.order.positions[row] ?? 0);
  }
}
