import { BudgetRoom } from './budget-room.ts';
import { entryPenalty } from './fair-share.ts';
import type {
  ClusterView,
  GangRequest,
  Nomination,
  QueueView,
  QuotaUse,
  Running,
  Snapshot,
  Workload,
} from './model.ts';
import { type Electricity, electricityAt } from './money.ts';
import { ClusterScratch, type PodShape, type ShapeRoom } from './placement.ts';
import { facilityWatts, unitWatts } from './power/budget.ts';
import { PowerRoom } from './power/power-room.ts';
import { QuotaTree } from './quota.ts';

/** What is known of one pod shape in one cluster. */
export interface ShapeState {
  /** Copies the cluster's columns when first called. */
  readonly shape: () => PodShape;
  /** As last counted; it can only have shrunk since. */
  room: ShapeRoom | undefined;
}

/** What is left of a snapshot while decisions are made on it. The snapshot itself is never changed. */
export class Room {
  /** In order of name. */
  readonly clusters: readonly ClusterView[];
  readonly quota: QuotaTree;
  readonly power = new PowerRoom();
  readonly now: number;
  readonly nominations: ReadonlyMap<string, Nomination>;
  /** Workloads that are being pushed out: nobody counts on them a second time. */
  readonly victims: Set<string>;
  readonly #namespaceLabels: Snapshot['namespaceLabels'];
  readonly #snapshot: Snapshot;
  #running: readonly Running[] | undefined;
  #budgets: BudgetRoom | undefined;
  readonly #holding = new Map<string, number>();
  readonly #boards = new Map<string, { readonly type: string; readonly permille: number }>();
  readonly #queues: ReadonlyMap<string, Snapshot['queues'][number]>;
  readonly #scratches = new Map<ClusterView, ClusterScratch>();
  readonly #shapes = new Map<string, ShapeState>();
  readonly #electricity = new Map<ClusterView, Electricity>();

  constructor(snapshot: Snapshot, now: number) {
    this.now = now;
    this.clusters = [...snapshot.clusters].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.quota = QuotaTree.build(snapshot.queues);
    for (const use of snapshot.quotaUse) this.quota.add(use);
    for (const { queue } of snapshot.quotaUse) this.#count(queue);
    for (const [queue, past] of snapshot.past ?? []) this.quota.setPast(queue, past);
    this.nominations = snapshot.nominations ?? new Map();
    this.victims = new Set([...this.nominations.values()].flatMap(({ victims }) => victims.map(({ key }) => key)));
    this.#snapshot = snapshot;
    this.#queues = new Map(snapshot.queues.map((queue) => [queue.name, queue]));
    this.#namespaceLabels = snapshot.namespaceLabels;
  }

  /** What runs, in order of key. */
  get running(): readonly Running[] {
    this.#running ??= [...(this.#snapshot.running?.() ?? [])].sort((a, b) => (a.key < b.key ? -1 : 1));
    return this.#running;
  }

  get budgets(): BudgetRoom {
    this.#budgets ??= new BudgetRoom(this.#snapshot.budgets?.() ?? new Map());
    return this.#budgets;
  }

  /** When a workload that starts now is expected to end, in ms. */
  expectedEnd(workload: Workload): number {
    return this.now + (this.#snapshot.expectedMs?.(workload) ?? Number.POSITIVE_INFINITY);
  }

  queue(name: string): QueueView | undefined {
    return this.#queues.get(name);
  }

  /** Of the nearest queue on the path whose budget admits nothing new, a sentence. */
  budgetHold(queue: string): string | undefined {
    const holds = this.#snapshot.budgetHolds;
    if (holds === undefined || holds.size === 0) return undefined;
    return holds.get(this.quota.path(queue).find((name) => holds.has(name)) ?? '');
  }

  /** One more workload of the queue holds quota. */
  enter(use: QuotaUse): void {
    this.quota.add(use);
    const { fairShare } = this.#queues.get(this.quota.path(use.queue).at(-1) ?? '') ?? {};
    if (fairShare !== undefined) this.quota.addPast(use.queue, use.charges, entryPenalty(fairShare));
    this.#count(use.queue);
  }

  #count(queue: string): void {
    this.#holding.set(queue, (this.#holding.get(queue) ?? 0) + 1);
  }

  /** Queue on the path whose maxRunning is reached, with how many workloads of its subtree hold quota. */
  full(queue: string): { readonly queue: string; readonly holding: number; readonly max: number } | undefined {
    for (const name of this.quota.path(queue)) {
      const max = this.#queues.get(name)?.maxRunning;
      if (max === undefined) continue;
      const holding = this.quota.subtree(name).reduce((sum, leaf) => sum + (this.#holding.get(leaf) ?? 0), 0);
      if (holding >= max) return { queue: name, holding, max };
    }
    return undefined;
  }

  /** Board that one unit of the type is a part of, by the first cluster that declares the type. */
  boardOf(type: string): { readonly type: string; readonly permille: number } {
    let board = this.#boards.get(type);
    if (board === undefined) {
      const declared = this.clusters.flatMap(({ accelerators }) => accelerators).find((entry) => entry.type === type);
      board = declared?.board ?? { type, permille: 1000 };
      this.#boards.set(type, board);
    }
    return board;
  }

  /** The cluster's columns are copied when it is first looked at. */
  scratch(cluster: ClusterView): ClusterScratch {
    let scratch = this.#scratches.get(cluster);
    if (scratch === undefined) {
      scratch = new ClusterScratch(cluster, this.#snapshot.learned);
      this.#scratches.set(cluster, scratch);
    }
    return scratch;
  }

  /** When a workload that starts now is sure to have ended, in ms. */
  endBy(workload: Workload): number {
    return this.now + (this.#snapshot.runMs?.(workload) ?? Number.POSITIVE_INFINITY);
  }

  /**
   * Takes (sign 1) or gives back (sign -1) what pods on these nodes hold, and the power they are reckoned to draw.
   * @param until when they are expected to have ended, in ms
   */
  charge(
    cluster: ClusterView,
    accelerator: string,
    nodes: readonly string[],
    perPod: Running['perPod'],
    sign: 1 | -1,
    until: number,
  ): void {
    const scratch = this.scratch(cluster);
    scratch.charge(nodes, perPod, sign);
    if (cluster.power === undefined) return;
    const type = cluster.accelerators.find((entry) => entry.type === accelerator);
    const boards = (nodes.length * perPod.gpuMilli) / 1000;
    const boardWatts = type === undefined ? 0 : boards * unitWatts(type, perPod.capWatts);
    const held = { boardWatts, nodeShare: scratch.nodeShare(nodes, perPod) };
    this.power.take(cluster, sign * facilityWatts(held, cluster), until);
  }

  /** Shared by all workloads that ask for equal pods and avoid the same nodes. */
  shapeState(
    cluster: ClusterView,
    request: GangRequest,
    accelerator: number,
    gpuMilli: number,
    avoid: readonly string[],
  ): ShapeState {
    const { cpuMilli, memoryMi, nodeSelector, tolerations, topology } = request;
    const key = JSON.stringify([
      cluster.name,
      accelerator,
      gpuMilli,
      cpuMilli,
      memoryMi,
      nodeSelector,
      tolerations,
      topology,
      avoid,
    ]);
    let state = this.#shapes.get(key);
    if (state === undefined) {
      let shape: PodShape | undefined;
      const make = () => {
        shape ??= this.scratch(cluster).shape(request, accelerator, gpuMilli);
        return shape;
      };
      state = { shape: make, room: undefined };
      this.#shapes.set(key, state);
    }
    return state;
  }

  /** Room of the cluster has grown again. */
  countAnew({ name }: ClusterView): void {
    const prefix = `[${JSON.stringify(name)},`;
    for (const [key, state] of this.#shapes) if (key.startsWith(prefix)) state.room = undefined;
  }

  /** What a kWh costs and emits there now. */
  electricity(cluster: ClusterView): Electricity {
    let known = this.#electricity.get(cluster);
    if (known === undefined) {
      known = electricityAt(cluster, this.now);
      this.#electricity.set(cluster, known);
    }
    return known;
  }

  stopPolicy(queue: string): string {
    return this.#queues.get(queue)?.stopPolicy ?? 'None';
  }

  /** Whether the queue's selector takes the namespace; no selector takes none. */
  namespaceMayUse(namespace: string, queue: string): boolean {
    const selector = this.#queues.get(queue)?.namespaceSelector;
    if (selector === undefined) return false;
    const labels = this.#namespaceLabels.get(namespace) ?? {};
    return Object.entries(selector.matchLabels).every(([key, value]) => labels[key] === value);
  }
}
