import type { BoardHealth } from '../api/index.ts';
import type { EnergyFacts } from './facts.ts';
import type { NodeNow } from './report.ts';

/** Power that was measured last, in watts. */
export interface Draw {
  readonly gpuWatts: number;
  /** Boards and the overhead of their nodes. */
  readonly itWatts: number;
  /** The same times PUE. */
  readonly facilityWatts: number;
}

export interface Draws {
  /** Of all boards whose power is known, whoever holds them. */
  readonly all: Draw;
  /** By run. undefined: of one of its boards power is not known. */
  readonly runs: ReadonlyMap<string, Draw | undefined>;
  /** Runs that hold boards there, by node. */
  readonly runsOn: ReadonlyMap<string, ReadonlySet<string>>;
}

/** What nodes draw now, by what their agents saw last. @param nodes those that measure, by name */
export function drawsOf(nodes: ReadonlyMap<string, NodeNow>, facts: EnergyFacts): Draws {
  let [gpuWatts, overheadWatts] = [0, 0];
  const runs = new Map<string, { gpuWatts: number; overheadWatts: number } | undefined>();
  const runsOn = new Map<string, Set<string>>();
  for (const [node, { boards }] of nodes) {
    if (boards.length === 0) continue;
    const perBoard = facts.nodeOverheadWatts / boards.length;
    const here = new Set<string>();
    runsOn.set(node, here);
    for (const { watts, holders } of boards) {
      if (watts !== null) {
        gpuWatts += watts;
        overheadWatts += perBoard;
      }
      for (const { run, share } of holders) {
        here.add(run);
        const before = runs.has(run) ? runs.get(run) : { gpuWatts: 0, overheadWatts: 0 };
        const isKnown = watts !== null && before !== undefined;
        runs.set(
          run,
          isKnown
            ? {
                gpuWatts: before.gpuWatts + watts * share,
                overheadWatts: before.overheadWatts + perBoard * share,
              }
            : undefined,
        );
      }
    }
  }
  const draw = (boards: number, overhead: number): Draw => {
    const itWatts = boards + overhead;
    return { gpuWatts: boards, itWatts, facilityWatts: (itWatts * facts.puePermille) / 1000 };
  };
  return {
    all: draw(gpuWatts, overheadWatts),
    runs: new Map([...runs].map(([run, sum]) => [run, sum && draw(sum.gpuWatts, sum.overheadWatts)])),
    runsOn,
  };
}

export const addDraw = (a: Draw, b: Draw): Draw => ({
  gpuWatts: a.gpuWatts + b.gpuWatts,
  itWatts: a.itWatts + b.itWatts,
  facilityWatts: a.facilityWatts + b.facilityWatts,
});

/** Boards by how they are. */
export type HealthCounts = Readonly<Record<BoardHealth, number>>;

/** Of some nodes; boards that only the driver's count tells of are lost. */
export function healthCounts(nodes: Iterable<NodeNow>): HealthCounts {
  const counts = { healthy: 0, degraded: 0, lost: 0, unknown: 0 };
  for (const { boards, expected } of nodes) {
    for (const { health } of boards) counts[health] += 1;
    counts.lost += Math.max(0, expected - boards.length);
  }
  return counts;
}
