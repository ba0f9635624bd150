/** The nodes of a cluster, cut into domains layer by layer. */
import { TOPOLOGY_LABEL } from '../api/index.ts';
import type { NodeTable } from './model.ts';
import { type NameOrder, naturalKey } from './node-order.ts';
import { type Layer, labelOf } from './topology.ts';

export interface Domain {
  /** Index into what is kept for each domain; among the children of one, in topology order. */
  readonly id: number;
  /** The label's value; empty: nodes without the label. */
  readonly name: string;
  readonly depth: number;
  /** Pods come here in multiples of this. */
  readonly slice: number;
  readonly parent: Domain | undefined;
  readonly children: Domain[];
  /** Of the narrowest layer only: its nodes in topology order. */
  readonly rows: number[];
}

const { Zone, Block, Rack } = TOPOLOGY_LABEL;
const PATH: readonly string[] = [Zone, Block, Rack];

/** Labels that tell a rack from one of the same name in another block, and so on. */
const pathOf = (level: string): readonly string[] => {
  const label = labelOf(level);
  const at = PATH.indexOf(label);
  return at < 0 ? [label] : PATH.slice(0, at + 1);
};

type Labels = Readonly<Record<string, string>>;

/** What a node is of a level: its own name for people, and a key that no other domain has. */
function domainOf(level: string, node: string, labels: Labels): { name: string; key: string } {
  if (level === 'Host') return { name: node, key: node };
  const path = pathOf(level);
  const name = labels[labelOf(level)] ?? '';
  return { name, key: name === '' ? '' : path.map((label) => labels[label] ?? '').join('\u0000') };
}

/** Rows by zone, block and rack, then by name; numbers within names by value. */
export function topologyOrder(table: NodeTable, order: NameOrder): Int32Array {
  const keys = table.labelSets.map((labels) => PATH.map((label) => naturalKey(labels[label] ?? '')).join('\u0000'));
  const ranks = new Map([...new Set(keys)].sort().map((key, rank) => [key, rank]));
  const rankOf = Int32Array.from(keys, (key) => ranks.get(key) ?? 0);
  const rank = (row: number): number => rankOf[table.labelSet[row] ?? 0] ?? 0;
  return order.rows.slice().sort((a, b) => rank(a) - rank(b) || (order.positions[a] ?? 0) - (order.positions[b] ?? 0));
}

export class DomainTree {
  readonly root: Domain = { id: 0, name: '', depth: 0, slice: 1, parent: undefined, children: [], rows: [] };
  /** Domains by depth. */
  readonly levels: readonly Domain[][];
  /** The narrowest domain of each row; undefined: it lacks a label that is required. */
  readonly leaves: (Domain | undefined)[];
  #count = 1;

  constructor(table: NodeTable, inOrder: Int32Array, layers: readonly Layer[]) {
    this.levels = [[this.root], ...layers.map(() => [])];
    this.leaves = new Array<Domain | undefined>(table.count).fill(undefined);
    const known = new Map<Domain, Map<string, Domain>>();
    for (const row of inOrder) {
      const labels = table.labelSets[table.labelSet[row] ?? 0] ?? {};
      const leaf = this.#leafOf(layers, table.names[row] ?? '', labels, known);
      this.leaves[row] = leaf;
      leaf?.rows.push(row);
    }
  }

  get count(): number {
    return this.#count;
  }

  #leafOf(
    layers: readonly Layer[],
    node: string,
    labels: Labels,
    known: Map<Domain, Map<string, Domain>>,
  ): Domain | undefined {
    const places = layers.map(({ level }) => domainOf(level, node, labels));
    if (layers.some(({ strict }, i) => strict && places[i]?.key === '')) return undefined;
    return places.reduce((parent: Domain, { name, key }, i) => {
      let children = known.get(parent);
      if (children === undefined) {
        children = new Map();
        known.set(parent, children);
      }
      let domain = children.get(key);
      if (domain === undefined) {
        domain = this.#add(name, layers[i]?.slice ?? 1, parent);
        children.set(key, domain);
      }
      return domain;
    }, this.root);
  }

  #add(name: string, slice: number, parent: Domain): Domain {
    const depth = parent.depth + 1;
    const domain: Domain = { id: this.#count, name, depth, slice, parent, children: [], rows: [] };
    this.#count += 1;
    parent.children.push(domain);
    this.levels[depth]?.push(domain);
    return domain;
  }
}

/** Pods that the domains of a tree can take, kept up to date while nodes are taken. */
export class DomainRoom {
  readonly tree: DomainTree;
  readonly #podsOn: (row: number) => number;
  readonly #changes: readonly number[];
  readonly #pods: Float64Array;
  /** Of each domain, what its children or nodes take together, before it is cut to whole slices. */
  readonly #sums: Float64Array;
  #seen: number;

  /** @param podsOn pods that a node takes now @param changes rows whose pods changed, appended by others */
  constructor(tree: DomainTree, podsOn: (row: number) => number, changes: readonly number[] = []) {
    this.tree = tree;
    this.#podsOn = podsOn;
    this.#changes = changes;
    this.#seen = changes.length;
    this.#pods = new Float64Array(tree.leaves.length);
    this.#sums = new Float64Array(tree.count);
    for (let row = 0; row < tree.leaves.length; row += 1) this.#count(row);
  }

  /** Looks again at the rows that changed. */
  refresh(): void {
    for (; this.#seen < this.#changes.length; this.#seen += 1) this.#count(this.#changes[this.#seen] ?? 0);
  }

  /** Pods on one node. */
  on(row: number): number {
    return this.#pods[row] ?? 0;
  }

  /** Pods in whole slices. */
  of(domain: Domain): number {
    const sum = this.#sums[domain.id] ?? 0;
    return domain.slice === 1 ? sum : Math.floor(sum / domain.slice) * domain.slice;
  }

  /** The domain with the most room at a depth, the first of equals; nodes without the label are none. */
  largest(depth: number): Domain | undefined {
    let best: Domain | undefined;
    for (const domain of this.tree.levels[depth] ?? []) {
      if (depth > 0 && domain.name === '') continue;
      if (best === undefined || this.of(domain) > this.of(best)) best = domain;
    }
    return best;
  }

  #count(row: number): void {
    const leaf = this.tree.leaves[row];
    if (leaf === undefined) return;
    const pods = this.#podsOn(row);
    let more = pods - (this.#pods[row] ?? 0);
    this.#pods[row] = pods;
    for (let domain: Domain | undefined = leaf; domain !== undefined && more !== 0; domain = domain.parent) {
      const before = this.of(domain);
      this.#sums[domain.id] = (this.#sums[domain.id] ?? 0) + more;
      more = this.of(domain) - before;
    }
  }
}
