import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { CounterHandle, HistogramHandle, MetricFamily, RuntimeMetrics } from '../runtime/metrics.ts';

/** prom-client's sums over `nodejs_active_*` by type: gauges with the name of a counter. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** The process's metrics registry behind the interface the lower layers know. */
export class PrometheusMetrics implements RuntimeMetrics {
  readonly registry = new Registry();
  /** Series of histograms, by family: to start one again would empty it. */
  readonly #started = new Map<string, Set<string>>();
  readonly #families = new Map<string, Counter | Gauge | Histogram>();
  readonly #collectors = new Set<() => void>();

  constructor(options: { processMetrics: boolean }) {
    if (options.processMetrics) collectDefaultMetrics({ register: this.registry });
    for (const name of MISNAMED) this.registry.removeSingleMetric(name);
  }

  /** A series is there from when it is asked for, at 0: an increase from nothing to 1 is none to Prometheus. */
  counter(name: string, help: string, labelNames: readonly string[] = []): MetricFamily<CounterHandle> {
    const make = () => new Counter({ name, help, labelNames, registers: [this.registry] });
    const family = this.#family(name, make) as Counter;
    return {
      labels: (values) => {
        const series = family.labels(values);
        series.inc(0);
        return series;
      },
      remove: (values) => family.remove(values),
    };
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): Gauge {
    return this.#family(name, () => new Gauge({ name, help, labelNames, registers: [this.registry] })) as Gauge;
  }

  /** As of counters: a series is there, empty, from when it is asked for. */
  histogram(
    name: string,
    help: string,
    labelNames: readonly string[] = [],
    buckets?: readonly number[],
  ): MetricFamily<HistogramHandle> {
    const registers = [this.registry];
    const make = () => new Histogram({ name, help, labelNames, registers, ...(buckets && { buckets: [...buckets] }) });
    const family = this.#family(name, make) as Histogram;
    const started = this.#started.get(name) ?? new Set<string>();
    this.#started.set(name, started);
    const keyOf = (values: Readonly<Record<string, string>>): string =>
      labelNames.map((label) => values[label] ?? '').join('\n');
    return {
      labels: (values) => {
        if (!started.has(keyOf(values))) family.zero(values);
        started.add(keyOf(values));
        return family.labels(values);
      },
      remove: (values) => {
        family.remove(values);
        started.delete(keyOf(values));
      },
    };
  }

  onCollect(fn: () => void): () => void {
    this.#collectors.add(fn);
    return () => this.#collectors.delete(fn);
  }

  /** The exposition text; collectors run first, one that throws does not hide the others' series. */
  async expose(onError: (error: unknown) => void): Promise<string> {
    for (const collect of this.#collectors) {
      try {
        collect();
      } catch (error) {
        onError(error);
      }
    }
    return this.registry.metrics();
  }

  #family<F extends Counter | Gauge | Histogram>(name: string, make: () => F): F {
    const known = this.#families.get(name);
    if (known !== undefined) return known as F;
    const made = make();
    this.#families.set(name, made);
    return made;
  }
}
