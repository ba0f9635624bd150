/**
 * Where in a tree of domains a gang goes.
 *
 * Best fit: the tightest domain that holds it, so that large ones stay free. What one domain cannot hold goes to as few
 * as can be, the last of them the tightest that holds the rest. Ranks follow the topology. Nodes that the gang had
 * before are kept where that costs no further domain.
 */
import type { Domain, DomainRoom } from './domain-tree.ts';
import type { Search } from './topology.ts';

export interface Share<T> {
  readonly at: T;
  readonly pods: number;
}

/** Pods that the gang had before on rows that are still good. */
export type Former = ReadonlyMap<number, number>;

export class DomainSearch {
  readonly #room: DomainRoom;
  readonly #search: Search;
  /** Pods that can stay, by domain. */
  readonly #staying = new Map<Domain, number>();

  constructor(room: DomainRoom, search: Search, former: Former) {
    this.#room = room;
    this.#search = search;
    for (const [row, pods] of former) {
      for (let domain = room.tree.leaves[row]; domain !== undefined; domain = domain.parent) {
        this.#staying.set(domain, this.#stay(domain) + Math.min(pods, room.on(row)));
      }
    }
  }

  /** Narrowest domains in rank order and the pods in each, or undefined: nowhere is room. */
  find(pods: number): Share<Domain>[] | undefined {
    for (const depth of this.#search.within) {
      const best = this.#best(depth, pods);
      if (best !== undefined) return this.#leaves(best, pods);
    }
    return undefined;
  }

  /** Of the domains that hold the whole gang: where most can stay, then over few domains, then the tightest. */
  #best(depth: number, pods: number): Domain | undefined {
    const { few } = this.#search;
    let best: { domain: Domain; key: readonly number[] } | undefined;
    for (const domain of this.#room.tree.levels[depth] ?? []) {
      const room = this.#room.of(domain);
      if (room < pods || (depth > 0 && domain.name === '')) continue;
      const spread = few > depth ? this.#domainsUsed(domain, pods) : 1;
      const key = [-Math.min(pods, this.#stay(domain)), spread, room];
      if (best === undefined || compare(key, best.key) < 0) best = { domain, key };
    }
    return best?.domain;
  }

  /** Domains at the depth that should be few. */
  #domainsUsed(domain: Domain, pods: number): number {
    if (domain.depth === this.#search.few) return 1;
    return this.#split(domain, pods).reduce((sum, share) => sum + this.#domainsUsed(share.at, share.pods), 0);
  }

  #leaves(domain: Domain, pods: number): Share<Domain>[] {
    if (domain.children.length === 0) return [{ at: domain, pods }];
    return this.#split(domain, pods).flatMap((share) => this.#leaves(share.at, share.pods));
  }

  /** Over as few children as can be, in rank order; nodes without the label only take what is left. */
  #split(domain: Domain, pods: number): Share<Domain>[] {
    const open = domain.children.filter((child) => this.#room.of(child) > 0);
    const labelled = open.filter(({ name }) => name !== '');
    const here = Math.min(
      pods,
      labelled.reduce((sum, child) => sum + this.#room.of(child), 0),
    );
    const shares = this.#fewest(domain, labelled, here);
    for (const at of here < pods ? open : []) if (at.name === '') shares.push({ at, pods: pods - here });
    return shares.sort((a, b) => a.at.id - b.at.id);
  }

  #fewest(domain: Domain, open: readonly Domain[], pods: number): Share<Domain>[] {
    const large = this.#fill(open, pods, (child) => [-this.#room.of(child), -this.#stay(child)]);
    if (this.#stay(domain) === 0) return large;
    const kept = this.#fill(open, pods, (child) => [-this.#stay(child), -this.#room.of(child)]);
    return kept.length <= large.length ? kept : large;
  }

  /** Takes children whole, in the order of the key, until one is found that holds the rest. */
  #fill(open: readonly Domain[], pods: number, key: (child: Domain) => readonly number[]): Share<Domain>[] {
    const keyed = open.map((child) => ({ child, key: [...key(child), child.id] }));
    const sorted = keyed.sort((a, b) => compare(a.key, b.key)).map(({ child }) => child);
    const most = open.reduce((largest, child) => Math.max(largest, this.#room.of(child)), 0);
    const taken: Share<Domain>[] = [];
    let left = pods;
    for (let i = 0; left > 0 && i < sorted.length; i += 1) {
      const end = left > most ? undefined : this.#tightest(sorted.slice(i), left);
      const at = end ?? (sorted[i] as Domain);
      const here = Math.min(left, this.#room.of(at));
      taken.push({ at, pods: here });
      left -= here;
    }
    return taken;
  }

  /** The domain that holds the rest: where most can stay, then the one that fits best. */
  #tightest(open: readonly Domain[], pods: number): Domain | undefined {
    let best: { child: Domain; key: readonly number[] } | undefined;
    for (const child of open) {
      const room = this.#room.of(child);
      if (room < pods) continue;
      const key = [-Math.min(pods, this.#stay(child)), room, child.id];
      if (best === undefined || compare(key, best.key) < 0) best = { child, key };
    }
    return best?.child;
  }

  #stay(domain: Domain): number {
    return this.#staying.get(domain) ?? 0;
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Over the nodes of one domain: those of before, then one node for the rest if one can hold it, then the tightest. */
export function packNodes(
  rows: readonly number[],
  pods: number,
  podsOn: (row: number) => number,
  former: Former,
  tightness: (row: number) => number,
): Share<number>[] {
  const taken = new Map<number, number>();
  let left = pods;
  const take = (row: number, most: number): void => {
    const here = Math.min(left, most);
    if (here > 0) taken.set(row, (taken.get(row) ?? 0) + here);
    left -= Math.max(0, here);
  };
  const free = (row: number): number => podsOn(row) - (taken.get(row) ?? 0);
  for (const row of rows) take(row, Math.min(former.get(row) ?? 0, free(row)));
  const tight = rows.filter((row) => free(row) > 0).sort((a, b) => tightness(a) - tightness(b));
  const one = left > 0 ? tight.find((row) => free(row) >= left) : undefined;
  for (const row of one === undefined ? tight : [one]) take(row, free(row));
  return rows.flatMap((row) => (taken.has(row) ? [{ at: row, pods: taken.get(row) ?? 0 }] : []));
}
