/**
 * Whole gangs on nodes.
 *
 * A gang that one node can hold goes to one node: the one whose rest is worth most to the demand as it was learned
 * (NodeValue), which is best fit by boards and cpu before anything is known. A larger one is found a place by best fit: the
 * nodes with the fewest free boards that will do, partly used before idle ones, then by name. When it is to be taken, the
 * node of each pod is chosen by value, too, with those before it counted. Ranks keep the nodes of a block and a rack
 * together, then go by name.
 */
import { TOPOLOGY_LABEL } from '../api/index.ts';
import type { ClusterView, GangRequest, NodeTable } from './model.ts';
import { NodeChoice } from './node-choice.ts';
import { NodeIndex } from './node-index.ts';
import type { Learned } from './node-value/demand-by-type.ts';
import { type PodShape, podsThatFit } from './pod-shape.ts';
import { shareOfNode } from './power/budget.ts';
import type { GangShort, ShapeRoom } from './shortfall.ts';
import { gangShort, roomFor } from './shortfall.ts';
import { Suitability } from './suitability.ts';
import { TopologyFit } from './topology-fit.ts';

export type { PodShape } from './pod-shape.ts';
export type { GangShort, ShapeRoom } from './shortfall.ts';

/** What one pod takes of a node. */
export interface PodNeeds {
  readonly gpuMilli: number;
  readonly cpuMilli: number;
  readonly memoryMi: number;
}

/** A place for a gang, not taken yet. Good until the scratch changes. */
export interface GangFit {
  readonly fits: true;
  /** Rows of the node table in rank order, and the pods on each. */
  readonly rows: readonly number[];
  readonly pods: readonly number[];
  /** Boards left free on the nodes it would use. */
  readonly strandedBoards: number;
  /** Sum over the pods of the share of its node's boards (cpu, for CPU only) that each takes. */
  readonly nodeShare: number;
  /** By best fit on several nodes: others of the cluster would do as well. */
  readonly isByBestFit?: boolean;
}

/** Pods on a node. */
interface Taken {
  readonly row: number;
  readonly pods: number;
}

const NO_NODES: ReadonlySet<string> = new Set();
const NEVER_RAN: readonly string[] = [];
const NOTHING_LEARNED: Learned = new Map();

/** A cluster with the placements of this cycle already taken from it. The view itself is never changed. */
export class ClusterScratch {
  readonly view: ClusterView;
  readonly #index: NodeIndex;
  readonly #domains: Domains;
  readonly #topology: TopologyFit;
  readonly #learned: Learned;
  #choice: NodeChoice | undefined;

  /** @param learned what is known of demand; default: nothing */
  constructor(view: ClusterView, learned: Learned = NOTHING_LEARNED) {
    this.view = view;
    this.#learned = learned;
    this.#index = new NodeIndex(view.nodes);
    this.#domains = new Domains(this.#index.table);
    this.#topology = new TopologyFit(this.#index);
  }

  shape(request: GangRequest, accelerator: number, gpuMilli: number): PodShape {
    const { cpuMilli, memoryMi, nodeSelector, tolerations, topology } = request;
    const suitability = new Suitability(this.#index.table, nodeSelector, tolerations);
    return { accelerator, gpuMilli, cpuMilli, memoryMi, suitability, topology };
  }

  /**
   * A place for all pods of the gang, or undefined.
   * @param previous node of each pod the last time: kept where that can be
   */
  fit(
    pods: number,
    shape: PodShape,
    avoid: ReadonlySet<string> = NO_NODES,
    previous: readonly string[] = NEVER_RAN,
  ): GangFit | undefined {
    const boards = Math.ceil(shape.gpuMilli / 1000);
    if (shape.accelerator >= 0 && boards > 0 && this.#index.podsByBoards(shape.accelerator, boards) < pods) {
      return undefined;
    }
    if (shape.topology !== undefined || previous.length > 0) {
      const found = this.#topology.find(pods, shape, avoid, previous);
      return found === undefined ? undefined : this.#made(...found, shape);
    }
    return this.#onOneNode(pods, shape, avoid) ?? this.#onManyNodes(pods, boards, shape, avoid);
  }

  /**
   * The same gang where each pod has the node whose rest is worth most, as far as there is a choice; takes nothing.
   * @param fit as just found
   */
  settled(fit: GangFit, shape: PodShape, avoid: ReadonlySet<string> = NO_NODES): GangFit {
    if (fit.isByBestFit !== true || !this.#nodeChoice.leavesRest(shape)) return fit;
    const pods = fit.pods.reduce((sum, here) => sum + here, 0);
    return this.#inRanks(this.#podByPod(pods, shape, avoid), shape);
  }

  /** Takes the place. */
  commit(fit: GangFit, shape: PodShape): void {
    fit.rows.forEach((row, i) => {
      this.#index.take(row, fit.pods[i] ?? 0, shape.gpuMilli, shape.cpuMilli, shape.memoryMi);
    });
  }

  /** Takes (sign 1) or gives back (sign -1) what pods need on these nodes; nodes that are gone have nothing to give. */
  charge(nodes: readonly string[], perPod: PodNeeds, sign: 1 | -1): void {
    for (const node of nodes) {
      const row = this.#index.rowOf(node);
      if (row !== undefined) this.#index.take(row, sign, perPod.gpuMilli, perPod.cpuMilli, perPod.memoryMi);
    }
  }

  /** Share of nodes that pods take on these, one entry a pod; nodes that are gone count whole. */
  nodeShare(nodes: readonly string[], perPod: PodNeeds): number {
    return nodes.reduce((sum, node) => {
      const row = this.#index.rowOf(node);
      return sum + (row === undefined ? 1 : this.#shareOf(row, 1, perPod));
    }, 0);
  }

  #shareOf(row: number, pods: number, perPod: Pick<PodNeeds, 'gpuMilli' | 'cpuMilli'>): number {
    const { gpuTotal, cpuTotal } = this.#index.table;
    const sums = { gpuMilli: pods * perPod.gpuMilli, cpuMilli: pods * perPod.cpuMilli };
    return shareOfNode(sums, { gpuTotal: gpuTotal[row] ?? 0, cpuTotal: cpuTotal[row] ?? 0 });
  }

  /** Node of each pod in rank order. */
  nodeNames(fit: GangFit): string[] {
    const names: string[] = [];
    fit.rows.forEach((row, i) => {
      const name = this.#index.table.names[row] ?? '';
      for (let pod = fit.pods[i] ?? 0; pod > 0; pod -= 1) names.push(name);
    });
    return names;
  }

  /** How many pods of the shape the cluster can take, and what limits them; looks at every node. */
  room(shape: PodShape, avoid: ReadonlySet<string> = NO_NODES): ShapeRoom {
    const domains = this.#topology.room(shape, avoid);
    return { ...roomFor(this.#index, shape, avoid), ...(domains === undefined ? {} : { domains }) };
  }

  get #nodeChoice(): NodeChoice {
    this.#choice ??= new NodeChoice(this.#index, this.view.accelerators, this.#learned);
    return this.#choice;
  }

  #onOneNode(pods: number, shape: PodShape, avoid: ReadonlySet<string>): GangFit | undefined {
    const row = this.#nodeChoice.choose(pods, shape, avoid);
    return row === undefined ? undefined : this.#made([row], [pods], shape);
  }

  #onManyNodes(pods: number, boards: number, shape: PodShape, avoid: ReadonlySet<string>): GangFit | undefined {
    if (pods === 1) return undefined;
    const taken: Taken[] = [];
    let left = pods;
    const complete = this.#index.some(shape.accelerator, boards, (row) => {
      const here = Math.min(left, podsThatFit(this.#index, row, shape, avoid));
      if (here === 0) return false;
      taken.push({ row, pods: here });
      left -= here;
      return left === 0;
    });
    return complete ? { ...this.#inRanks(taken, shape), isByBestFit: true } : undefined;
  }

  #inRanks(taken: Taken[], shape: PodShape): GangFit {
    const { positions } = this.#index.order;
    taken.sort((a, b) => this.#domains.compare(a.row, b.row) || (positions[a.row] ?? 0) - (positions[b.row] ?? 0));
    return this.#made(
      taken.map((entry) => entry.row),
      taken.map((entry) => entry.pods),
      shape,
    );
  }

  /** Each pod where the rest of the node is worth most, those before it counted; takes nothing. They must all fit. */
  #podByPod(pods: number, shape: PodShape, avoid: ReadonlySet<string>): Taken[] {
    const { gpuMilli, cpuMilli, memoryMi } = shape;
    const counts = new Map<number, number>();
    for (let left = pods; left > 0; left -= 1) {
      // Pods are alike, so that whichever went first, as many fit: there is a node for each.
      const row = this.#nodeChoice.choose(1, shape, avoid) as number;
      this.#index.take(row, 1, gpuMilli, cpuMilli, memoryMi);
      counts.set(row, (counts.get(row) ?? 0) + 1);
    }
    for (const [row, count] of counts) this.#index.take(row, -count, gpuMilli, cpuMilli, memoryMi);
    return [...counts].map(([row, count]) => ({ row, pods: count }));
  }

  #made(rows: readonly number[], pods: readonly number[], shape: PodShape): GangFit {
    let strandedBoards = 0;
    let nodeShare = 0;
    rows.forEach((row, i) => {
      const here = pods[i] ?? 0;
      const left = (this.#index.gpuFree[row] ?? 0) - here * shape.gpuMilli;
      strandedBoards += Math.max(0, Math.floor(left / 1000));
      nodeShare += this.#shareOf(row, here, shape);
    });
    return { fits: true, rows, pods, strandedBoards, nodeShare };
  }
}

/** Block and rack of nodes, read from the labels when first asked for. */
class Domains {
  readonly #table: NodeTable;
  #names: (string | undefined)[] | undefined;

  constructor(table: NodeTable) {
    this.#table = table;
  }

  compare(a: number, b: number): number {
    const { labelSet } = this.#table;
    const first = this.#name(labelSet[a] ?? 0);
    const second = this.#name(labelSet[b] ?? 0);
    return first === second ? 0 : first < second ? -1 : 1;
  }

  #name(labelSet: number): string {
    this.#names ??= new Array<string | undefined>(this.#table.labelSets.length);
    let name = this.#names[labelSet];
    if (name === undefined) {
      const labels = this.#table.labelSets[labelSet] ?? {};
      name = `${labels[TOPOLOGY_LABEL.Block] ?? ''}\u0000${labels[TOPOLOGY_LABEL.Rack] ?? ''}`;
      this.#names[labelSet] = name;
    }
    return name;
  }
}

/** One gang on one cluster: its nodes in rank order, or what is short. */
export function placeGang(
  cluster: ClusterView | ClusterScratch,
  request: GangRequest,
  accelerator: number,
  gpuMilli: number,
  avoid: ReadonlySet<string> = NO_NODES,
): { readonly nodes: string[] } | { readonly short: GangShort } {
  const scratch = cluster instanceof ClusterScratch ? cluster : new ClusterScratch(cluster);
  const shape = scratch.shape(request, accelerator, gpuMilli);
  const fit = scratch.fit(request.pods, shape, avoid);
  return fit === undefined
    ? { short: gangShort(scratch.room(shape, avoid), request.pods) }
    : { nodes: scratch.nodeNames(fit) };
}
