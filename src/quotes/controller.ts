import { Controller } from '../runtime/controller.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RuntimeMetrics } from '../runtime/metrics.ts';
import { type QuoteDeps, QuoteReconciler } from './reconciler.ts';

export interface QuoteControllerOptions extends QuoteDeps {
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
}

/** Answers are computed on the event loop, so a few at a time are enough. */
const WORKERS = 4;

/** Answers every ComputeQuote. */
export function quoteController(options: QuoteControllerOptions): Controller {
  const { hub, logger, clock, metrics } = options;
  const reconciler = new QuoteReconciler(options);
  const controller = new Controller({
    name: 'compute-quote',
    reconcile: (key) => reconciler.reconcile(key),
    concurrency: WORKERS,
    logger,
    clock,
    metrics,
  });
  hub.quotes.subscribe((event) => controller.enqueue(event.key));
  return controller;
}
