import { END_REASON, type EndReason } from '../api/index.ts';
import type { CounterHandle, HistogramHandle, MetricFamily, RuntimeMetrics } from '../runtime/metrics.ts';

/** 1 s, then 2.5 s doubled up to 11 hours: 16 in all, those of Kueue. */
const WAIT_BUCKETS = [1, ...Array.from({ length: 15 }, (_, power) => 2.5 * 2 ** power)];
const LABELS = ['queue', 'kind', 'priority_class'] as const;

/** Whose life it is. */
export interface LifeOf {
  readonly queue: string;
  readonly kind: 'ModelTraining' | 'ModelServing';
  /** As named in the spec. */
  readonly priorityClass: string | undefined;
}

/**
 * How long workloads wait and run, and why runs end. Each step is counted by whoever stored it, once it is stored: a
 * restart, or another leader, counts none a second time. A write whose answer was lost is not counted.
 */
export class LifeMetrics {
  readonly #waits: MetricFamily<HistogramHandle>;
  readonly #readyWaits: MetricFamily<HistogramHandle>;
  readonly #runs: MetricFamily<HistogramHandle>;
  readonly #migrations: MetricFamily<CounterHandle>;
  readonly #evictions: ReadonlyMap<string, CounterHandle>;
  /** Label values in use, by queue. */
  readonly #used = new Map<string, Map<string, Record<(typeof LABELS)[number], string>>>();

  constructor(metrics: RuntimeMetrics) {
    const histogram = (name: string, help: string) => metrics.histogram(name, help, LABELS, WAIT_BUCKETS);
    this.#waits = histogram('aidc_queue_wait_seconds', 'From a workload’s creation to its first admission.');
    this.#readyWaits = histogram(
      'aidc_workload_ready_wait_seconds',
      'From the admission of a training’s attempt to all its pods ready; of a serving once, from the admission of the last replica it needed to be ready.',
    );
    this.#runs = histogram(
      'aidc_workload_execution_seconds',
      'From all pods ready to the end, of each attempt of a training; not of one that was not ready when it ended.',
    );
    this.#migrations = metrics.counter(
      'aidc_migrations_total',
      'Attempts of trainings that were admitted in another region than the attempt before.',
      ['from_region', 'to_region'],
    );
    const evictions = metrics.counter(
      'aidc_evictions_total',
      'Attempts of trainings and replicas of servings that were ended, by reason; those that succeeded and those of deleted workloads are not counted.',
      ['reason'],
    );
    const reasons = Object.values(END_REASON).filter((reason) => reason !== END_REASON.Succeeded);
    this.#evictions = new Map(reasons.map((reason) => [reason, evictions.labels({ reason })]));
  }

  /** It waits in a queue that there is. Its series are there from now on: Prometheus sees no rise from nothing to 1. */
  expects(of: LifeOf): void {
    const labels = this.#labels(of);
    for (const family of [this.#waits, this.#readyWaits]) family.labels(labels);
    if (of.kind === 'ModelTraining') this.#runs.labels(labels);
  }

  admitted(of: LifeOf, seconds: number): void {
    this.#waits.labels(this.#labels(of)).observe(seconds);
  }

  ready(of: LifeOf, seconds: number): void {
    this.#readyWaits.labels(this.#labels(of)).observe(seconds);
  }

  ran(of: LifeOf, seconds: number): void {
    this.#runs.labels(this.#labels(of)).observe(seconds);
  }

  moved(from: string, to: string): void {
    this.#migrations.labels({ from_region: from, to_region: to }).inc();
  }

  ended(reason: EndReason): void {
    this.#evictions.get(reason)?.inc();
  }

  /** The queue is gone, and with it its series. */
  forget(queue: string): void {
    for (const labels of this.#used.get(queue)?.values() ?? []) {
      for (const family of [this.#waits, this.#readyWaits, this.#runs]) family.remove?.(labels);
    }
    this.#used.delete(queue);
  }

  #labels({ queue, kind, priorityClass = '' }: LifeOf): Record<(typeof LABELS)[number], string> {
    const ofQueue = this.#used.get(queue) ?? new Map();
    this.#used.set(queue, ofQueue);
    const key = `${kind}/${priorityClass}`;
    const labels = ofQueue.get(key) ?? { queue, kind, priority_class: priorityClass };
    ofQueue.set(key, labels);
    return labels;
  }
}
