import type { CounterHandle, GaugeHandle, RuntimeMetrics } from '../runtime/metrics.ts';

/** What the gauges read at scrape. */
export interface ReflectorView {
  size(): number;
  healthy(): boolean;
  silentSeconds(): number;
}

/** Metrics of one reflector (labels `cluster`, `resource`). */
export class ReflectorMetrics {
  readonly lists: CounterHandle;
  readonly relists: CounterHandle;
  readonly events: CounterHandle;
  readonly errors: CounterHandle;
  readonly panics: CounterHandle;
  readonly close: () => void;

  constructor(metrics: RuntimeMetrics, cluster: string, resource: string, view: ReflectorView) {
    const names = ['cluster', 'resource'];
    const labels = { cluster, resource };
    const counter = (name: string, help: string): CounterHandle => metrics.counter(name, help, names).labels(labels);
    const forget: (() => void)[] = [];
    const gauge = (name: string, help: string): GaugeHandle => {
      const family = metrics.gauge(name, help, names);
      forget.push(() => family.remove?.(labels));
      return family.labels(labels);
    };
    this.lists = counter('aidc_reflector_lists_total', 'Full lists stored');
    this.relists = counter('aidc_reflector_relists_total', 'Lists made because a resource version had expired');
    this.events = counter('aidc_reflector_events_total', 'Watch events handled, bookmarks included');
    this.errors = counter('aidc_reflector_errors_total', 'Lists and watches that failed');
    this.panics = counter('aidc_reflector_panics_total', 'Errors thrown while storing an object');
    const size = gauge('aidc_reflector_objects', 'Objects in the store');
    const healthy = gauge('aidc_reflector_healthy', '1 while synced and in contact');
    const silent = gauge('aidc_reflector_last_contact_seconds', 'Seconds since the last byte from the server');
    const ended = metrics.onCollect(() => {
      size.set(view.size());
      healthy.set(view.healthy() ? 1 : 0);
      silent.set(view.silentSeconds());
    });
    this.close = () => {
      ended();
      for (const one of forget) one();
    };
  }
}
