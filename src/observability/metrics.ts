import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { RuntimeMetrics } from '../runtime/metrics.ts';

/** The process's metrics registry behind the interface the lower layers know. */
export class PrometheusMetrics implements RuntimeMetrics {
  readonly registry = new Registry();
  readonly #families = new Map<string, Counter | Gauge | Histogram>();
  readonly #collectors = new Set<() => void>();

  constructor(options: { processMetrics: boolean }) {
    if (options.processMetrics) collectDefaultMetrics({ register: this.registry });
  }

  counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    return this.#family(name, () => new Counter({ name, help, labelNames, registers: [this.registry] })) as Counter;
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): Gauge {
    return this.#family(name, () => new Gauge({ name, help, labelNames, registers: [this.registry] })) as Gauge;
  }

  histogram(name: string, help: string, labelNames: readonly string[] = [], buckets?: readonly number[]): Histogram {
    return this.#family(
      name,
      () =>
        new Histogram({
          name,
          help,
          labelNames,
          registers: [this.registry],
          ...(buckets ? { buckets: [...buckets] } : {}),
        }),
    ) as Histogram;
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
