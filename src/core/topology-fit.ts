import { DomainSearch, type Former, packNodes } from './domain-search.ts';
import { DomainRoom, DomainTree, topologyOrder } from './domain-tree.ts';
import type { NodeIndex } from './node-index.ts';
import { isCandidate, type PodShape, podsThatFit } from './pod-shape.ts';
import { idlePods } from './shortfall.ts';
import { boundOf, type Layer, labelOf, searchesOf } from './topology.ts';

/** The largest gang that one domain could take, and which domain that is. */
interface LargestGang {
  readonly pods: number;
  /** Label value of the domain; empty: the gang is not bound to one domain. */
  readonly domain: string;
}

/** What the required domains of a cluster can take of pods of one shape. */
export interface GangRoom {
  readonly now: LargestGang;
  /** With everything idle and every node in service. */
  readonly idle: LargestGang;
  /** A required label that no node carries. */
  readonly missingLabel?: string;
}

/** Places for gangs that are bound to domains, or that ran before. Domains are cut and counted once, then kept up. */
export class TopologyFit {
  readonly #index: NodeIndex;
  readonly #trees = new Map<string, DomainTree>();
  readonly #rooms = new WeakMap<PodShape, Map<string, DomainRoom>>();
  #inOrder: Int32Array | undefined;

  constructor(index: NodeIndex) {
    this.#index = index;
  }

  /** Rows in rank order and the pods on each. */
  find(
    pods: number,
    shape: PodShape,
    avoid: ReadonlySet<string>,
    previous: readonly string[],
  ): [rows: number[], pods: number[]] | undefined {
    const former = this.#former(previous);
    for (const search of searchesOf(shape.topology)) {
      const room = this.#room(search.layers, shape, avoid);
      const leaves = new DomainSearch(room, search, former).find(pods);
      if (leaves === undefined) continue;
      const nodes = leaves.flatMap((leaf) =>
        packNodes(
          leaf.at.rows,
          leaf.pods,
          (row) => room.on(row),
          former,
          (row) => this.#index.tightness(row),
        ),
      );
      return [nodes.map(({ at }) => at), nodes.map((node) => node.pods)];
    }
    return undefined;
  }

  /** undefined: nothing is required. */
  room(shape: PodShape, avoid: ReadonlySet<string>): GangRoom | undefined {
    const bound = shape.topology === undefined ? undefined : boundOf(shape.topology);
    if (bound === undefined || bound.layers.length === 0) return undefined;
    const idle = new DomainRoom(this.#tree(bound.layers), (row) => this.#idlePods(row, shape));
    const [depth = 0] = bound.within;
    return {
      now: largest(this.#room(bound.layers, shape, avoid), depth),
      idle: largest(idle, depth),
      ...this.#missingLabel(bound.layers),
    };
  }

  #room(layers: readonly Layer[], shape: PodShape, avoid: ReadonlySet<string>): DomainRoom {
    let rooms = this.#rooms.get(shape);
    if (rooms === undefined) {
      rooms = new Map();
      this.#rooms.set(shape, rooms);
    }
    const key = JSON.stringify([layers, [...avoid]]);
    let room = rooms.get(key);
    if (room === undefined) {
      const podsOn = (row: number): number =>
        isCandidate(this.#index, row, shape) ? podsThatFit(this.#index, row, shape, avoid) : 0;
      room = new DomainRoom(this.#tree(layers), podsOn, this.#index.changes);
      rooms.set(key, room);
    }
    room.refresh();
    return room;
  }

  #tree(layers: readonly Layer[]): DomainTree {
    const key = JSON.stringify(layers);
    let tree = this.#trees.get(key);
    if (tree === undefined) {
      const { table, order } = this.#index;
      this.#inOrder ??= topologyOrder(table, order);
      tree = new DomainTree(table, this.#inOrder, layers);
      this.#trees.set(key, tree);
    }
    return tree;
  }

  #former(previous: readonly string[]): Former {
    const former = new Map<number, number>();
    if (previous.length === 0) return former;
    const pods = new Map<string, number>();
    for (const node of previous) pods.set(node, (pods.get(node) ?? 0) + 1);
    this.#index.table.names.forEach((name, row) => {
      const before = pods.get(name);
      if (before !== undefined) former.set(row, before);
    });
    return former;
  }

  #idlePods(row: number, shape: PodShape): number {
    const { table } = this.#index;
    if (shape.accelerator >= 0 && table.accelerator[row] !== shape.accelerator) return 0;
    return shape.suitability.suits(row) ? idlePods(table, row, shape) : 0;
  }

  #missingLabel(layers: readonly Layer[]): Pick<GangRoom, 'missingLabel'> {
    const { labelSets } = this.#index.table;
    const missing = layers.find(
      ({ level }) => level !== 'Host' && !labelSets.some((labels) => (labels[labelOf(level)] ?? '') !== ''),
    );
    return missing === undefined ? {} : { missingLabel: labelOf(missing.level) };
  }
}

function largest(room: DomainRoom, depth: number): LargestGang {
  const domain = room.largest(depth);
  return { pods: domain === undefined ? 0 : room.of(domain), domain: domain?.name ?? '' };
}
