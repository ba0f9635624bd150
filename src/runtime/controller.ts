import type { Clock } from './clock.ts';
import { errorMessage, isPanic, TerminalError } from './errors.ts';
import type { Logger } from './logger.ts';
import { type CounterHandle, noopMetrics, type RuntimeMetrics } from './metrics.ts';
import { type AddOptions, type WorkItem, Workqueue } from './workqueue.ts';

// biome-ignore lint/suspicious/noConfusingVoidType: a reconciler with nothing to say returns nothing
export type ReconcileResult = { requeueAfterMs?: number } | void;

/**
 * Brings one object nearer to its wanted state. Throwing queues the key again with backoff, a `TerminalError`
 * does not. The signal aborts at the timeout and when draining has taken too long.
 */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<ReconcileResult>;

export interface ControllerOptions {
  readonly name: string;
  readonly reconcile: Reconcile;
  /** Keys reconciled at once; never the same key twice. */
  readonly concurrency: number;
  readonly queue?: Workqueue;
  /** Aborts the reconciler's signal after so many milliseconds (default: never). */
  readonly timeoutMs?: number;
  /** After stop, work in flight may finish for so many milliseconds before its signal aborts (default 20 000). */
  readonly drainMs?: number;
  readonly metrics?: RuntimeMetrics;
  readonly logger: Logger;
  readonly clock: Clock;
}

type Outcome = 'success' | 'requeue_after' | 'error' | 'terminal';

/** Takes keys from a queue and reconciles them, a bounded number at a time. */
export class Controller {
  readonly name: string;
  readonly queue: Workqueue;
  readonly #options: ControllerOptions;
  readonly #logger: Logger;
  readonly #metrics: ControllerMetrics;
  /** Signals of what is in flight, to abort when draining takes too long. */
  readonly #inFlight = new Set<AbortController>();

  constructor(options: ControllerOptions) {
    this.name = options.name;
    this.#options = options;
    this.#logger = options.logger.child({ controller: options.name });
    const metrics = options.metrics ?? noopMetrics;
    this.queue = options.queue ?? new Workqueue({ name: options.name, clock: options.clock, metrics });
    this.#metrics = controllerMetrics(metrics, options, () => this.#inFlight.size);
  }

  enqueue(key: string, options?: AddOptions): void {
    this.queue.add(key, options);
  }

  enqueueAfter(key: string, ms: number, options?: AddOptions): void {
    this.queue.addAfter(key, ms, options);
  }

  /** Works until the signal aborts, then lets work in flight finish. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const workers = Array.from({ length: this.#options.concurrency }, () => this.#work(signal));
    let cancelDrain = (): void => {};
    const onStop = (): void => {
      cancelDrain = this.#options.clock.setTimer(() => this.#abortInFlight(), this.#options.drainMs ?? 20_000);
    };
    if (signal.aborted) onStop();
    else signal.addEventListener('abort', onStop, { once: true });
    await Promise.all(workers);
    cancelDrain();
    this.queue.stop();
    this.#metrics.close();
  }

  async #work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const item = await this.queue.get(signal);
      if (!item) return;
      await this.#reconcile(item);
      this.queue.done(item.key);
    }
  }

  async #reconcile(item: WorkItem): Promise<void> {
    const { clock, timeoutMs } = this.#options;
    const abort = new AbortController();
    this.#inFlight.add(abort);
    const started = clock.monotonic();
    const cancelTimeout =
      timeoutMs === undefined ? undefined : clock.setTimer(() => this.#timedOut(item.key, abort, timeoutMs), timeoutMs);
    try {
      const result = await this.#options.reconcile(item.key, abort.signal);
      this.#succeeded(item, result);
    } catch (error) {
      this.#failed(item, error);
    } finally {
      cancelTimeout?.();
      this.#inFlight.delete(abort);
      this.#metrics.seconds((clock.monotonic() - started) / 1000);
    }
  }

  #succeeded(item: WorkItem, result: ReconcileResult): void {
    this.queue.forget(item.key);
    const after = result?.requeueAfterMs;
    // Requeued at normal priority: what made it urgent has been handled.
    if (after !== undefined && Number.isFinite(after)) this.queue.addAfter(item.key, after);
    this.#metrics.outcome[after === undefined ? 'success' : 'requeue_after'].inc();
  }

  #failed(item: WorkItem, error: unknown): void {
    const fields = { key: item.key, error: errorMessage(error) };
    this.#metrics.errors.inc();
    if (error instanceof TerminalError) {
      this.queue.forget(item.key);
      this.#metrics.outcome.terminal.inc();
      this.#metrics.terminalErrors.inc();
      this.#logger.error('reconcile failed for good', fields);
      return;
    }
    const retryMs = this.queue.addRateLimited(item.key, { priority: item.priority });
    this.#metrics.outcome.error.inc();
    if (isPanic(error)) {
      this.#metrics.panics.inc();
      this.#logger.error('reconciler panicked', { ...fields, retryMs, stack: (error as Error | undefined)?.stack });
    } else this.#logger.warn('reconcile failed', { ...fields, retryMs });
  }

  #timedOut(key: string, abort: AbortController, timeoutMs: number): void {
    this.#metrics.timeouts.inc();
    this.#logger.warn('reconcile exceeds its timeout', { key, timeoutMs });
    abort.abort(new Error(`reconcile of ${key} took longer than ${timeoutMs} ms`));
  }

  #abortInFlight(): void {
    this.#logger.warn('work in flight did not finish in time and is aborted', { count: this.#inFlight.size });
    for (const abort of this.#inFlight) abort.abort(new Error(`controller ${this.name} is stopping`));
  }
}

interface ControllerMetrics {
  readonly outcome: Record<Outcome, CounterHandle>;
  readonly errors: CounterHandle;
  readonly terminalErrors: CounterHandle;
  readonly panics: CounterHandle;
  readonly timeouts: CounterHandle;
  readonly seconds: (seconds: number) => void;
  readonly close: () => void;
}

function controllerMetrics(
  metrics: RuntimeMetrics,
  options: ControllerOptions,
  active: () => number,
): ControllerMetrics {
  const label = { controller: options.name };
  const names = ['controller'];
  const total = metrics.counter('controller_runtime_reconcile_total', 'Reconciliations by result', [
    'controller',
    'result',
  ]);
  const outcome = (result: Outcome): CounterHandle => total.labels({ ...label, result });
  const workers = metrics.gauge('controller_runtime_active_workers', 'Keys in work', names).labels(label);
  metrics
    .gauge('controller_runtime_max_concurrent_reconciles', 'Most keys in work at once', names)
    .labels(label)
    .set(options.concurrency);
  const counter = (name: string, help: string): CounterHandle => metrics.counter(name, help, names).labels(label);
  const seconds = metrics
    .histogram('controller_runtime_reconcile_time_seconds', 'Duration of reconciliations', names)
    .labels(label);
  return {
    outcome: {
      success: outcome('success'),
      requeue_after: outcome('requeue_after'),
      error: outcome('error'),
      terminal: outcome('terminal'),
    },
    errors: counter('controller_runtime_reconcile_errors_total', 'Reconciliations that failed'),
    terminalErrors: counter(
      'controller_runtime_terminal_reconcile_errors_total',
      'Reconciliations that failed and are not tried again',
    ),
    panics: counter('controller_runtime_reconcile_panics_total', 'Programming errors'),
    timeouts: counter('controller_runtime_reconcile_timeouts_total', 'Timeouts'),
    seconds: (value) => seconds.observe(value),
    close: metrics.onCollect(() => workers.set(active())),
  };
}
