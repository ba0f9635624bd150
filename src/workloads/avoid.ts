import type { AvoidedNode } from '../api/index.ts';
import type { RunEnd } from './run-end.ts';
import { iso } from './times.ts';

const MAX_AVOIDED = 16;

/** Nodes to keep away from: lost ones until they booted anew, refusing ones for `avoidMs`. */
export function avoidAfter(
  old: readonly AvoidedNode[] | undefined,
  cluster: string,
  end: Pick<RunEnd, 'avoid'>,
  nowMs: number,
  avoidMs: number,
): AvoidedNode[] {
  const kept = (old ?? []).filter((entry) => entry.until === undefined || Date.parse(entry.until) > nowMs);
  const added = end.avoid.map((entry) => ({
    cluster,
    node: entry.node,
    reason: entry.reason,
    ...(entry.bootId === undefined ? { until: iso(nowMs + avoidMs) } : { bootId: entry.bootId }),
  }));
  const fresh = kept.filter(
    (entry) => !added.some((other) => other.cluster === entry.cluster && other.node === entry.node),
  );
  return [...fresh, ...added].slice(-MAX_AVOIDED);
}

/** Without nodes that booted anew or whose time is over. @param bootId of a node now; undefined: not seen */
export function stillAvoided(
  old: readonly AvoidedNode[],
  nowMs: number,
  bootId: (cluster: string, node: string) => string | undefined,
): AvoidedNode[] {
  return old.filter((entry) => {
    if (entry.until !== undefined) return Date.parse(entry.until) > nowMs;
    const now = bootId(entry.cluster, entry.node);
    return now === undefined || now === entry.bootId;
  });
}
