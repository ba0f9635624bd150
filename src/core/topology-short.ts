/** Why a gang does not fit into the domains that it requires, with the numbers. */
import type { TopologyRequest } from './model.ts';
import type { GangShort } from './shortfall.ts';
import { largestGang, largestIdleGang } from './shortfall.ts';
import { requirement } from './topology.ts';
import type { GangRoom } from './topology-fit.ts';

/** A demand that one cluster refused. */
export interface DomainShort {
  readonly cluster: string;
  /** `16 pods x 8 H100 = 128`. */
  readonly needs: string;
  readonly topology: TopologyRequest;
  readonly nodes: GangShort & { readonly domains: GangRoom };
  /** `8 pods (64 H100)`. */
  readonly pods: (count: number) => string;
}

const inDomain = (domain: string): string => (domain === '' ? '' : ` (${domain})`);
const demand = ({ needs, topology }: DomainShort): string => `needs ${needs}${requirement(topology)}`;

/** No domain would do even when idle; `best` is the cluster whose largest one comes nearest. */
export function neverFits(best: DomainShort): string {
  const { nodes, cluster } = best;
  if (nodes.domains.missingLabel !== undefined) {
    return `${demand(best)}; no node of ${cluster} carries the label ${nodes.domains.missingLabel}.`;
  }
  const most = largestIdleGang(nodes);
  const missing = best.pods(nodes.neededPods - most);
  const where = `${cluster}${inDomain(nodes.domains.idle.domain)}`;
  return `${demand(best)}; the largest idle gang is ${best.pods(most)} in ${where}: ${missing} short.`;
}

/** Not now; best first. */
export function doesNotFitNow(shorts: readonly DomainShort[], named: number): string {
  const [best, ...others] = shorts as [DomainShort, ...DomainShort[]];
  const most = largestGang(best.nodes);
  const free = `largest free gang ${best.pods(most)} in ${best.cluster}${inDomain(best.nodes.domains.now.domain)}`;
  const rest = others.slice(0, named).map(({ cluster, nodes }) => `, ${largestGang(nodes)} in ${cluster}`);
  const all = `${best.nodes.fittingPods} free in all of ${best.cluster}`;
  return `${demand(best)}; ${free}${rest.join('')}; short ${best.pods(best.nodes.neededPods - most)}, ${all}.`;
}

/** The same of one cluster, where the demand is known. */
export function largestNow({ neededPods, domains }: GangShort, topology: TopologyRequest | undefined): string {
  if (topology === undefined || domains === undefined) return '';
  const { pods, domain } = domains.now;
  return `the largest gang${requirement(topology)} is ${pods} of ${neededPods} pods now${inDomain(domain)}`;
}
