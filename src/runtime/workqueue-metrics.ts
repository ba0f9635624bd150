import type { CounterHandle, RuntimeMetrics } from './metrics.ts';

/** What the gauges read at scrape. */
export interface WorkqueueView {
  depth(): number;
  /** Monotonic start in milliseconds of each key being processed. */
  processingSince(): Iterable<number>;
  nowMs(): number;
}

const SECONDS = [1e-4, 1e-3, 1e-2, 0.1, 0.5, 1, 5, 10, 60, 300];

/** The series controller-runtime's dashboards expect, for one queue (label `name`). */
export class WorkqueueMetrics {
  readonly adds: CounterHandle;
  readonly retries: CounterHandle;
  readonly waited: (seconds: number) => void;
  readonly worked: (seconds: number) => void;
  readonly close: () => void;

  constructor(metrics: RuntimeMetrics, name: string, view: WorkqueueView) {
    const labels = { name };
    const names = ['name'];
    const gauge = (metric: string, help: string) => metrics.gauge(metric, help, names).labels(labels);
    const histogram = (metric: string, help: string) => {
      const handle = metrics.histogram(metric, help, names, SECONDS).labels(labels);
      return (seconds: number): void => handle.observe(seconds);
    };
    this.adds = metrics.counter('workqueue_adds_total', 'Keys that became due', names).labels(labels);
    this.retries = metrics.counter('workqueue_retries_total', 'Rate limited adds', names).labels(labels);
    this.waited = histogram('workqueue_queue_duration_seconds', 'Time a key waits before it is processed');
    this.worked = histogram('workqueue_work_duration_seconds', 'Time a key is processed');
    const depth = gauge('workqueue_depth', 'Keys due and not yet taken');
    const unfinished = gauge('workqueue_unfinished_work_seconds', 'Sum of the seconds that keys are in work');
    const longest = gauge('workqueue_longest_running_processor_seconds', 'Seconds of the longest running work');
    this.close = metrics.onCollect(() => {
      let sum = 0;
      let max = 0;
      const now = view.nowMs();
      for (const since of view.processingSince()) {
        const seconds = (now - since) / 1000;
        sum += seconds;
        max = Math.max(max, seconds);
      }
      depth.set(view.depth());
      unfinished.set(sum);
      longest.set(max);
    });
  }
}
