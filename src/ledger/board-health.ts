import type { BoardHealth } from '../api/index.ts';
import { type HealthCounts, healthCounts, type NodeNow } from '../energy/index.ts';
import { named } from './metering.ts';

/** How the boards of a member are, as far as agents tell. */
export interface BoardsVerdict {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: 'AllHealthy' | 'BoardsLost' | 'BoardsDegraded' | 'HealthNotKnown';
  readonly message: string;
  readonly counts: HealthCounts;
}

/** @param nodes what the agents that report saw last, by name of the node */
export function boardsVerdict(nodes: ReadonlyMap<string, NodeNow>): BoardsVerdict {
  const counts = healthCounts(nodes.values());
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const bad = [
    ...(counts.lost > 0 ? [`${counts.lost} lost (${where(nodes, 'lost')})`] : []),
    ...(counts.degraded > 0 ? [`${counts.degraded} degraded (${where(nodes, 'degraded')})`] : []),
  ];
  const told = `of ${all} boards that agents tell of`;
  if (bad.length > 0) {
    const reason = counts.lost > 0 ? 'BoardsLost' : 'BoardsDegraded';
    return { status: 'False', reason, message: `${told}: ${bad.join(', ')}`, counts };
  }
  if (counts.healthy === 0) {
    const message = all === 0 ? 'no agent tells of a board' : `of none of ${all} boards it is known how they are`;
    return { status: 'Unknown', reason: 'HealthNotKnown', message, counts };
  }
  const unknown = counts.unknown > 0 ? `; of ${counts.unknown} it is not known how they are` : '';
  return { status: 'True', reason: 'AllHealthy', message: `${told} none is lost or degraded${unknown}`, counts };
}

/** The first few, as `UUID on node`; a board that is only counted has no UUID. */
function where(nodes: ReadonlyMap<string, NodeNow>, wanted: BoardHealth): string {
  return named(
    [...nodes].flatMap(([node, { boards, expected }]) => {
      const known = boards.filter(({ health }) => health === wanted).map(({ uuid }) => `${uuid} on ${node}`);
      return wanted === 'lost' && expected > boards.length
        ? [...known, `${expected - boards.length} on ${node}`]
        : known;
    }),
  );
}
