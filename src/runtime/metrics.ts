/**
 * What this layer asks of a metrics library. The shapes are a subset of prom-client's, so that its adapter is
 * a few lines and the library stays outside.
 */
export interface CounterHandle {
  inc(by?: number): void;
}

export interface GaugeHandle {
  set(value: number): void;
}

export interface HistogramHandle {
  observe(value: number): void;
}

export interface MetricFamily<H> {
  /** The series with these label values. Handles are kept and reused by callers on hot paths. */
  labels(values: Readonly<Record<string, string>>): H;
  /** Forgets a series, e.g. of a cluster that is no more. */
  remove?(values: Readonly<Record<string, string>>): void;
}

/** Asking twice for one name must give the same family. */
export interface RuntimeMetrics {
  counter(name: string, help: string, labelNames?: readonly string[]): MetricFamily<CounterHandle>;
  gauge(name: string, help: string, labelNames?: readonly string[]): MetricFamily<GaugeHandle>;
  histogram(
    name: string,
    help: string,
    labelNames?: readonly string[],
    buckets?: readonly number[],
  ): MetricFamily<HistogramHandle>;
  /** Calls `fn` before each scrape; the returned function removes it. */
  onCollect(fn: () => void): () => void;
}

const noopHandle = { inc: () => {}, set: () => {}, observe: () => {} };
const noopFamily = { labels: () => noopHandle };

export const noopMetrics: RuntimeMetrics = {
  counter: () => noopFamily,
  gauge: () => noopFamily,
  histogram: () => noopFamily,
  onCollect: () => () => {},
};

/** Keeps values in memory, for tests: counters and gauges by value, histograms by count and sum. */
export class MemoryMetrics implements RuntimeMetrics {
  readonly #values = new Map<string, number>();
  readonly #collectors = new Set<() => void>();

  counter(name: string): MetricFamily<CounterHandle> {
    return { labels: (values) => ({ inc: (by = 1) => this.#add(seriesKey(name, values), by) }) };
  }

  gauge(name: string): MetricFamily<GaugeHandle> {
    return {
      labels: (values) => ({ set: (value) => void this.#values.set(seriesKey(name, values), value) }),
      remove: (values) => void this.#values.delete(seriesKey(name, values)),
    };
  }

  histogram(name: string): MetricFamily<HistogramHandle> {
    return {
      labels: (values) => ({
        observe: (value) => {
          this.#add(seriesKey(`${name}_count`, values), 1);
          this.#add(seriesKey(`${name}_sum`, values), value);
        },
      }),
    };
  }

  onCollect(fn: () => void): () => void {
    this.#collectors.add(fn);
    return () => void this.#collectors.delete(fn);
  }

  /** The value of one series as a scrape would see it; 0 when it was never touched. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    for (const collect of this.#collectors) collect();
    return this.#values.get(seriesKey(name, labels)) ?? 0;
  }

  #add(key: string, by: number): void {
    this.#values.set(key, (this.#values.get(key) ?? 0) + by);
  }
}

function seriesKey(name: string, labels: Readonly<Record<string, string>>): string {
  const parts = Object.keys(labels)
    .sort()
    .map((label) => `${label}="${labels[label]}"`);
  return `${name}{${parts.join(',')}}`;
}
