import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { RuntimeMetrics } from '../runtime/metrics.ts';

/** How long the event loop was held: a stall delays watches, probes and the lease. */
export class EventLoopWatch {
  readonly #histogram = monitorEventLoopDelay({ resolution: 10 });
  #lastTick = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor(metrics: RuntimeMetrics) {
    this.#histogram.enable();
    this.#timer = setInterval(() => {
      this.#lastTick = performance.now();
    }, 1000);
    this.#timer.unref();
    const gauge = metrics.gauge('aidc_event_loop_delay_seconds', 'Delay of the event loop since the last scrape.', [
      'statistic',
    ]);
    metrics.onCollect(() => {
      gauge.labels({ statistic: 'p50' }).set(this.#histogram.percentile(50) / 1e9);
      gauge.labels({ statistic: 'p99' }).set(this.#histogram.percentile(99) / 1e9);
      gauge.labels({ statistic: 'max' }).set(this.#histogram.max / 1e9);
      this.#histogram.reset();
    });
  }

  /** A sentence when the loop has not turned for 30 s; the probe that asks proves that it turns now. */
  trouble(): string | undefined {
    const stalledMs = performance.now() - this.#lastTick;
    return stalledMs > 30_000 ? `the event loop did not turn for ${Math.round(stalledMs / 1000)} s` : undefined;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }
}
