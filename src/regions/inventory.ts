import type { AcceleratorType, Inventory as InventoryStatus } from '../api/index.ts';
import type { NodeTable, Taint } from '../core/model.ts';
import type { ItPower } from '../core/power/budget.ts';
import { COLUMNS, type Columns, hasMoreRoom, newColumns } from './columns.ts';
import { Interner } from './interner.ts';
import { awayPower, nodePower } from './node-power.ts';
import { addAmounts, addLarger, none, type RunOnNode, seen } from './sums.ts';
import type { Amounts, ForeignPod, MemberNode, MemberPod } from './types.ts';

/** What one pod of a run takes on its node: cpu in milli-cores, memory in MiB, boards in milli. */
export interface PodUse {
  readonly cpuMilli: number;
  readonly memoryMi: number;
  readonly gpuMilli: number;
  /** Power cap of each board in watts. */
  readonly capWatts?: number | undefined;
}

/** A run that holds nodes: its key is `<workload uid>/<attempt>`. */
export interface Reservation {
  readonly run: string;
  /** Node of each pod, in rank order. */
  readonly nodes: readonly string[];
  readonly perPod: PodUse;
}

interface Row {
  node: MemberNode;
  index: number;
  /** What is held there is reckoned to draw. */
  power: ItPower;
}

const NO_POWER: ItPower = { boardWatts: 0, nodeShare: 0 };

const FINISHED = new Set(['Succeeded', 'Failed']);

/**
 * Free capacity of one member, kept up to date event by event.
 *
 * A node is charged, for each run, the larger of what the hub reserved and what the run's pods are seen to use;
 * so capacity is counted from the moment of the decision until reservation and pods are both gone, and never twice.
 * Pods that are not ours are charged as they are seen. Free boards below zero mean that boards were lost.
 */
export class Inventory {
  /** Grows with every change that could matter to a placement. */
  version = 0;
  readonly #rows = new Map<string, Row>();
  readonly #runs = new Map<string, Map<string, RunOnNode>>();
  readonly #foreign = new Map<string, Map<string, Amounts>>();
  /** Where a pod of ours and a foreign one is charged. One uid may for a moment be in both: its label was changed. */
  readonly #podAt = new Map<string, { readonly node: string; readonly run: string }>();
  readonly #foreignAt = new Map<string, string>();
  readonly #reservations = new Map<string, Reservation>();
  readonly #dirty = new Set<string>();
  readonly #labelSets = new Interner<Readonly<Record<string, string>>>();
  readonly #taintSets = new Interner<readonly Taint[]>();
  readonly #listeners = new Set<() => void>();
  #accelerators: readonly AcceleratorType[] = [];
  #table: Columns | undefined;
  /** How often room grew, by index of the accelerator (-1: nodes without one). */
  readonly #grown = new Map<number, number>();
  #rebuilt = 0;

  /**
   * How often, as of the last table, room grew: on nodes with each declared accelerator, and ('') on any node. The
   * numbers only grow.
   */
  grown(): Map<string, number> {
    const all = [...this.#grown.values()].reduce((sum, times) => sum + times, this.#rebuilt);
    const byType = this.#accelerators.map(({ type }, i) => [type, this.#rebuilt + (this.#grown.get(i) ?? 0)] as const);
    return new Map([['', all], ...byType]);
  }

  /** Calls `listener` on each change that could matter to a placement; it must be quick. Returns the way to end it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  setAccelerators(accelerators: readonly AcceleratorType[]): void {
    if (JSON.stringify(accelerators) === JSON.stringify(this.#accelerators)) return;
    this.#accelerators = accelerators;
    // Under the new list the old indexes mean nothing; the sum of all must not fall.
    this.#rebuilt += [...this.#grown.values()].reduce((sum, times) => sum + times, 0);
    this.#grown.clear();
    this.#rebuild();
  }

  upsertNode(node: MemberNode): void {
    const name = node.metadata.name;
    const row = this.#rows.get(name);
    if (row === undefined) {
      this.#rows.set(name, { node, index: -1, power: NO_POWER });
      this.#rebuild();
      return;
    }
    if (sameForPlacement(row.node, node)) {
      row.node = node;
      return;
    }
    row.node = node;
    this.#touch(name);
  }

  removeNode(name: string): void {
    if (this.#rows.delete(name)) this.#rebuild();
  }

  upsertPod(pod: MemberPod, run: string): void {
    const { uid } = pod.metadata;
    const node = FINISHED.has(pod.phase) ? undefined : pod.nodeName;
    const at = this.#podAt.get(uid);
    if (at !== undefined && at.node === node && at.run === run) {
      const pods = this.#run(node, run).pods;
      if (sameAmounts(pods.get(uid), pod.requests)) return;
      pods.set(uid, pod.requests);
      this.#touch(node);
      return;
    }
    this.removePod(uid);
    if (node === undefined) return;
    this.#run(node, run).pods.set(uid, pod.requests);
    this.#podAt.set(uid, { node, run });
    this.#touch(node);
  }

  removePod(uid: string): void {
    const at = this.#podAt.get(uid);
    if (at === undefined) return;
    this.#podAt.delete(uid);
    const entry = this.#runs.get(at.node)?.get(at.run);
    if (entry === undefined) return;
    entry.pods.delete(uid);
    this.#dropIfEmpty(at.node, at.run, entry);
    this.#touch(at.node);
  }

  upsertForeignPod(pod: ForeignPod): void {
    const { uid } = pod.metadata;
    const at = this.#foreignAt.get(uid);
    if (at !== undefined && at === pod.nodeName && sameAmounts(this.#foreign.get(at)?.get(uid), pod.requests)) return;
    this.removeForeignPod(uid);
    if (pod.nodeName === undefined) return;
    getOrAdd(this.#foreign, pod.nodeName, () => new Map()).set(uid, pod.requests);
    this.#foreignAt.set(uid, pod.nodeName);
    this.#touch(pod.nodeName);
  }

  removeForeignPod(uid: string): void {
    const node = this.#foreignAt.get(uid);
    if (node === undefined) return;
    this.#foreignAt.delete(uid);
    const pods = this.#foreign.get(node);
    pods?.delete(uid);
    if (pods?.size === 0) this.#foreign.delete(node);
    this.#touch(node);
  }

  /** Replaces what the run had reserved before; nodes that do not exist (any more) are kept in mind for their return. */
  reserve(reservation: Reservation): void {
    this.release(reservation.run);
    this.#reservations.set(reservation.run, reservation);
    for (const node of reservation.nodes) {
      const reserved = this.#run(node, reservation.run).reserved;
      reserved.cpu += reservation.perPod.cpuMilli;
      reserved.memory += reservation.perPod.memoryMi;
      reserved.gpu += reservation.perPod.gpuMilli;
      reserved.pods += 1;
      this.#touch(node);
    }
  }

  release(run: string): void {
    const old = this.#reservations.get(run);
    if (old === undefined) return;
    this.#reservations.delete(run);
    for (const node of new Set(old.nodes)) {
      const entry = this.#runs.get(node)?.get(run);
      if (entry === undefined) continue;
      entry.reserved = none();
      this.#dropIfEmpty(node, run, entry);
      // It held no room, but power.
      if (!this.#rows.has(node)) this.#rebuilt += 1;
      this.#touch(node);
    }
  }

  reservation(run: string): Reservation | undefined {
    return this.#reservations.get(run);
  }

  node(name: string): MemberNode | undefined {
    return this.#rows.get(name)?.node;
  }

  /** Columns shared with the next call: read them before the next event is applied. */
  table(): NodeTable {
    if (this.#table === undefined) {
      this.#table = newColumns(this.#rows.size);
      // Only here may ids change: rows that are gone must not keep their sets for ever.
      this.#labelSets.clear();
      this.#taintSets.clear();
      let index = 0;
      for (const [name, row] of this.#rows) {
        row.index = index;
        this.#table.names[index] = name;
        this.#writeRow(this.#table, row);
        index += 1;
      }
    } else {
      for (const name of this.#dirty) {
        const row = this.#rows.get(name);
        if (row !== undefined) this.#renewRow(this.#table, row);
      }
    }
    this.#dirty.clear();
    return { ...this.#table, labelSets: this.#labelSets.values, taintSets: this.#taintSets.values };
  }

  /** IT power that everything held is reckoned to draw: our runs, and others' pods on accelerators. */
  power(): ItPower {
    this.table();
    const sum = { boardWatts: 0, nodeShare: 0 };
    const add = ({ boardWatts, nodeShare }: ItPower): void => {
      sum.boardWatts += boardWatts;
      sum.nodeShare += nodeShare;
    };
    for (const { power } of this.#rows.values()) add(power);
    for (const [node, runs] of this.#runs) {
      // A node that comes back must find its power still reserved.
      if (this.#rows.has(node)) continue;
      for (const [run, { reserved }] of runs) add(awayPower(this.#accelerators, reserved.gpu, this.#capOf(run)));
    }
    return sum;
  }

  /** One line per declared accelerator type; boards are rounded down to whole ones. */
  summary(): InventoryStatus[] {
    const table = this.table();
    return this.#accelerators.map((accelerator, index) => {
      const out = {
        type: accelerator.type,
        nodes: 0,
        total: 0,
        allocatable: 0,
        reserved: 0,
        usedByOthers: 0,
        free: 0,
        largestFreeGang: 0,
      };
      for (let row = 0; row < table.count; row += 1) {
        if (table.accelerator[row] !== index) continue;
        this.#addToSummary(out, table, row, accelerator.resourceName);
      }
      return out;
    });
  }

  #addToSummary(out: InventoryStatus, table: NodeTable, row: number, resourceName: string): void {
    const name = table.names[row] ?? '';
    const total = (table.gpuTotal[row] ?? 0) / 1000;
    const free = Math.max(0, Math.floor((table.gpuFree[row] ?? 0) / 1000));
    out.nodes += 1;
    out.total += total;
    for (const pod of this.#foreign.get(name)?.values() ?? []) out.usedByOthers += pod.extended[resourceName] ?? 0;
    for (const run of this.#runs.get(name)?.values() ?? []) {
      out.reserved += Math.ceil(Math.max(run.reserved.gpu, seen(run, resourceName).gpu) / 1000);
    }
    if (table.usable[row] !== 1) return;
    out.allocatable += total;
    out.free += free;
    if (total > 0 && free >= total) out.largestFreeGang += 1;
  }

  #rebuild(): void {
    this.#table = undefined;
    this.#rebuilt += 1;
    this.#grow();
  }

  #touch(node: string): void {
    this.#dirty.add(node);
    this.#grow();
  }

  #capOf(run: string): number | undefined {
    return this.#reservations.get(run)?.perPod.capWatts;
  }

  #grow(): void {
    this.version += 1;
    for (const listener of this.#listeners) listener();
  }

  #run(node: string, run: string): RunOnNode {
    const runs = getOrAdd(this.#runs, node, () => new Map());
    return getOrAdd(runs, run, () => ({ reserved: none(), pods: new Map() }));
  }

  #dropIfEmpty(node: string, run: string, entry: RunOnNode): void {
    if (entry.reserved.pods > 0 || entry.pods.size > 0) return;
    const runs = this.#runs.get(node);
    runs?.delete(run);
    if (runs?.size === 0) this.#runs.delete(node);
  }

  #acceleratorOf(node: MemberNode): number {
    return this.#accelerators.findIndex(
      (accelerator) =>
        accelerator.resourceName in node.allocatable.extended &&
        matches(accelerator.nodeSelector, node.metadata.labels),
    );
  }

  #renewRow(table: Columns, row: Row): void {
    const { index } = row;
    const before = COLUMNS.map((column) => table[column][index] ?? 0);
    this.#writeRow(table, row);
    const now = COLUMNS.map((column) => table[column][index] ?? 0);
    if (!hasMoreRoom(before, now)) return;
    const accelerator = table.accelerator[index] ?? -1;
    this.#grown.set(accelerator, (this.#grown.get(accelerator) ?? 0) + 1);
  }

  #writeRow(table: Columns, row: Row): void {
    const { node, index } = row;
    const name = node.metadata.name;
    const accelerator = this.#acceleratorOf(node);
    const device = this.#accelerators[accelerator];
    const resource = device?.resourceName;
    const gpuTotal = device === undefined ? 0 : unitsOn(node, device) * 1000;
    const foreign = [...(this.#foreign.get(name)?.values() ?? [])];
    const runs = this.#runs.get(name) ?? new Map<string, RunOnNode>();
    const used = none();
    for (const pod of foreign) addAmounts(used, pod, resource);
    for (const run of runs.values()) addLarger(used, run, resource);
    const totals = { gpuTotal, cpuTotal: node.allocatable.cpuMilli };
    row.power = nodePower(device, totals, foreign, runs, (run) => this.#capOf(run));
    table.usable[index] = node.ready && !node.unschedulable && node.metadata.deletionTimestamp === undefined ? 1 : 0;
    table.accelerator[index] = accelerator;
    table.gpuTotal[index] = gpuTotal;
    table.gpuFree[index] = gpuTotal - used.gpu;
    table.cpuTotal[index] = node.allocatable.cpuMilli;
    table.cpuFree[index] = node.allocatable.cpuMilli - used.cpu;
    table.memoryFree[index] = node.allocatable.memoryMi - used.memory;
    table.podsFree[index] = node.allocatable.pods - used.pods;
    table.labelSet[index] = this.#labelSets.id(node.metadata.labels);
    table.taintSet[index] = this.#taintSets.id(node.taints);
  }
}

/** Units of the type that a node has: those it offers, or the parts of the boards that it offers several times each. */
function unitsOn({ allocatable }: MemberNode, { resourceName, board }: AcceleratorType): number {
  const offered = allocatable.extended[resourceName] ?? 0;
  if (board?.replicas === undefined) return offered;
  const boards = Math.floor(offered / board.replicas);
  return Math.min(offered, boards * Math.floor(1000 / board.permille));
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

const matches = (selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

function sameAmounts(a: Amounts | undefined, b: Amounts): boolean {
  if (a === b) return true;
  if (a === undefined || a.cpuMilli !== b.cpuMilli || a.memoryMi !== b.memoryMi) return false;
  const names = Object.keys(b.extended);
  return (
    names.length === Object.keys(a.extended).length && names.every((name) => a.extended[name] === b.extended[name])
  );
}

/** Heartbeats change a node object without changing what can be placed on it. */
function sameForPlacement(a: MemberNode, b: MemberNode): boolean {
  return (
    a.ready === b.ready &&
    a.unschedulable === b.unschedulable &&
    a.metadata.deletionTimestamp === b.metadata.deletionTimestamp &&
    JSON.stringify([a.allocatable, a.taints, a.metadata.labels]) ===
      JSON.stringify([b.allocatable, b.taints, b.metadata.labels])
  );
}
