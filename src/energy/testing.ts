import type { EnergyFacts } from './facts.ts';
import type { Report, ReportedPod, Triple, Use } from './report.ts';

/** For tests: PUE 1.2, a node's overhead of 800 W, a price that doubles at 08:00 UTC, a quarter of green power. */
export const FACTS: EnergyFacts = {
  accelerators: [{ type: 'H100', resourceName: 'nvidia.com/gpu', nodeSelector: {}, boardWatts: 700, gpuHourMicros: 0 }],
  currency: 'CNY',
  timezone: 'UTC',
  tariff: [
    { months: [], hours: [0, 1, 2, 3, 4, 5, 6, 7], pricePerKWhMicros: 300_000 },
    { months: [], hours: [], pricePerKWhMicros: 600_000 },
  ],
  puePermille: 1200,
  gramsPerKWh: 400,
  greenPowerPermille: 250,
  nodeOverheadWatts: 800,
};

export const aReportedPod = (run: string, name = run): ReportedPod => ({
  uid: `pod-${name}`,
  namespace: 'ns',
  name,
  run,
});

const QUARTER_MS = 900_000;

/**
 * An agent that needs no board: it is told what was used and when, and reports as the real one does, with totals and
 * closed quarters of an hour.
 */
export class FakeAgent {
  readonly series: string;
  readonly #startMs: number;
  readonly #node: string;
  readonly #totals = new Map<string, Use>();
  readonly #open = new Map<number, Map<string, Use>>();
  readonly #closed: { sequence: number; startMs: number; uses: Use[] }[] = [];

  constructor(node: string, series: string, startMs: number) {
    this.#node = node;
    this.series = series;
    this.#startMs = startMs;
  }

  /** @param atMs of the quarter of an hour it is used in */
  use(atMs: number, pod: ReportedPod | null, gpu: string, amounts: Triple): void {
    const startMs = Math.floor(atMs / QUARTER_MS) * QUARTER_MS;
    const bucket = this.#open.get(startMs) ?? new Map<string, Use>();
    this.#open.set(startMs, bucket);
    for (const tally of [this.#totals, bucket]) {
      const key = `${gpu} ${pod?.uid}`;
      const known = tally.get(key)?.amounts ?? [0, 0, 0];
      const sum: Triple = [known[0] + amounts[0], known[1] + amounts[1], known[2] + amounts[2]];
      tally.set(key, { pod, gpu, amounts: sum });
    }
  }

  report(atMs: number, kept = 192): Report {
    for (const [startMs, bucket] of [...this.#open].sort(([a], [b]) => a - b)) {
      if (atMs < startMs + QUARTER_MS + 60_000) continue;
      this.#open.delete(startMs);
      this.#closed.push({ sequence: this.#closed.length + 1, startMs, uses: [...bucket.values()] });
    }
    const totals = [...this.#totals.values()];
    return {
      node: this.#node,
      series: this.series,
      writtenAtMs: atMs,
      boards: [...new Set(totals.map(({ gpu }) => gpu))],
      watchedSeconds: (atMs - this.#startMs) / 1000,
      totals,
      buckets: this.#closed.slice(-kept),
    };
  }

  /** All that was used of a pod, or of all boards. */
  sum(pod?: ReportedPod): number {
    const uses = [...this.#totals.values()].filter((use) => pod === undefined || use.pod?.uid === pod.uid);
    return uses.reduce((sum, { amounts }) => sum + amounts[0], 0);
  }
}
