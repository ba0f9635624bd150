import { PENDING_REASON } from '../api/index.ts';
import type { ClusterView, Reservation, Running, Workload } from '../core/model.ts';
import { type Ending, forecastStarts } from '../core/ordering/forecast.ts';
import { filterClusters } from '../core/region.ts';
import { compareWorkloads } from '../core/turns.ts';

/** Of those that wait for one type, so many in order are foreseen; further back it is guesswork. */
const MOST = 500;

/** What the next starts follow from. */
export interface ForecastSight {
  readonly clusters: readonly ClusterView[];
  /** Asked for only when somebody waits for nodes. */
  readonly running: () => readonly Running[];
  readonly pending: Iterable<Workload>;
  readonly reservations: readonly Reservation[];
  /** Why it waits, one word. */
  readonly reason: (workload: Workload) => string | undefined;
  /** Seconds that it will likely run, once started. */
  readonly seconds: (workload: Workload) => number;
}

/** Waits that end when nodes become free; nobody foresees when a quota is raised or a spec corrected. */
const FOR_NODES: ReadonlySet<string> = new Set([
  PENDING_REASON.InsufficientGPU,
  PENDING_REASON.InsufficientNodeResources,
  PENDING_REASON.InsufficientTopology,
  PENDING_REASON.BehindHead,
  PENDING_REASON.BehindReservation,
]);

/** When those that wait for nodes are expected to start, in ms by Workload.key; absent: it cannot be foreseen. */
export function startForecast(sight: ForecastSight, nowMs: number): Map<string, number> {
  const byType = new Map<string, Workload[]>();
  for (const workload of sight.pending) {
    const [first] = workload.request.accelerators;
    if (first === undefined || !FOR_NODES.has(sight.reason(workload) ?? '')) continue;
    const list = byType.get(first.type);
    if (list === undefined) byType.set(first.type, [workload]);
    else list.push(workload);
  }
  const starts = new Map<string, number>();
  const running = byType.size === 0 ? [] : sight.running();
  for (const [type, list] of byType) {
    const first = list.sort(compareWorkloads).slice(0, MOST);
    const seconds = ofType(type, first, running, sight, nowMs);
    first.forEach(({ key }, i) => {
      const wait = seconds[i] ?? Number.POSITIVE_INFINITY;
      // By boards alone it would run already: something else holds it up.
      if (wait > 0 && wait !== Number.POSITIVE_INFINITY) starts.set(key, nowMs + wait * 1000);
    });
  }
  for (const { workload, startsAt } of sight.reservations) if (startsAt > nowMs) starts.set(workload.key, startsAt);
  return starts;
}

function ofType(
  type: string,
  waiting: readonly Workload[],
  running: readonly Running[],
  sight: ForecastSight,
  nowMs: number,
): number[] {
  const clusters = sight.clusters.filter(({ unusable, accelerators }) => {
    return unusable === undefined && accelerators.some((entry) => entry.type === type);
  });
  const indexOf = new Map(clusters.map(({ name }, i) => [name, i]));
  const endings = running.flatMap((one): Ending[] => {
    const { cluster, accelerator, nodes, perPod, ending } = one;
    const at = indexOf.get(cluster);
    if (at === undefined || accelerator !== type) return [];
    const seconds = ending ? 0 : (one.endsAt ?? Number.POSITIVE_INFINITY) - nowMs;
    return [{ cluster: at, gpus: (nodes.length * perPod.gpuMilli) / 1000, at: Math.max(0, seconds / 1000) }];
  });
  return forecastStarts(
    clusters.map((cluster) => freeBoards(cluster, type)),
    endings,
    waiting.map((workload) => ({
      gpus: workload.request.pods * (workload.request.accelerators[0]?.countPerNode ?? 0),
      seconds: sight.seconds(workload),
      clusters: filterClusters(workload.regions, clusters).allowed.map(
        ({ cluster }) => indexOf.get(cluster.name) ?? -1,
      ),
    })),
  );
}

function freeBoards({ accelerators, nodes }: ClusterView, type: string): number {
  const index = accelerators.findIndex((entry) => entry.type === type);
  let free = 0;
  for (let row = 0; row < nodes.count; row += 1) {
    if (nodes.usable[row] === 1 && nodes.accelerator[row] === index) free += Math.max(0, nodes.gpuFree[row] ?? 0);
  }
  return free / 1000;
}
