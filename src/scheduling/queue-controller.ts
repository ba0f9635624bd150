import { COMPUTE_QUEUE, type ComputeQueue, GROUP, VERSION } from '../api/index.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { Resource } from '../kube/resource.ts';
import type { StatusWriter } from '../kube/status-writer.ts';
import type { Store } from '../kube/store.ts';
import type { Clock } from '../runtime/clock.ts';
import { Controller, type ReconcileResult } from '../runtime/controller.ts';
import { errorMessage } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RuntimeMetrics } from '../runtime/metrics.ts';
import { type BudgetNews, withSums } from './budget-status.ts';
import { deriveQueueStatus, queueReports } from './queue-status.ts';
import { queueView } from './queue-view.ts';
import type { Scheduler } from './scheduler.ts';

export interface QueueControllerOptions {
  readonly queues: Store<ComputeQueue>;
  readonly scheduler: Pick<
    Scheduler,
    'holders' | 'pending' | 'answer' | 'costs' | 'forecast' | 'onCycle' | 'budgets' | 'history'
  >;
  /** Stores of the workloads' objects: with them it changes who waits and who holds. */
  readonly workloads: readonly { subscribe(handler: () => void): unknown }[];
  readonly status: Pick<StatusWriter, 'writeObject'>;
  readonly events: Pick<EventRecorder, 'event'>;
  /** Everything was listed once: before that nothing is said. */
  readonly ready: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
}

const RESOURCE: Resource = {
  group: GROUP,
  version: VERSION,
  plural: COMPUTE_QUEUE.plural,
  kind: COMPUTE_QUEUE.kind,
  namespaced: COMPUTE_QUEUE.namespaced,
};

/** All queues are looked at together: what one of them uses is a matter of its whole tree. */
const ALL = 'all queues';
/** What belongs together comes within so many milliseconds. */
const WINDOW_MS = 50;
/** At most one look, and so one write a queue, in so many milliseconds. */
const PACE_MS = 1_000;

/** Keeps the status of every ComputeQueue true to who waits in it and who holds its quota. */
export function queueController(options: QueueControllerOptions): Controller {
  const { queues, scheduler, workloads, logger, clock, metrics } = options;
  const pass = new QueuePass(options);
  const controller = new Controller({
    name: 'compute-queue',
    reconcile: () => pass.run(),
    concurrency: 1,
    logger,
    clock,
    metrics,
  });
  const look = (): void => controller.enqueueAfter(ALL, WINDOW_MS);
  queues.subscribe((event) => {
    // Our own status comes back, too.
    if (event.type !== 'updated' || event.old.metadata.generation !== event.obj.metadata.generation) look();
  });
  for (const store of workloads) store.subscribe(look);
  scheduler.onCycle(look);
  return controller;
}

class QueuePass {
  readonly #options: QueueControllerOptions;
  /** Monotonic time before which there is no further look. */
  #notBefore = 0;

  constructor(options: QueueControllerOptions) {
    this.#options = options;
  }

  async run(): Promise<ReconcileResult> {
    const { clock, ready, scheduler } = this.#options;
    const early = this.#notBefore - clock.monotonic();
    if (early > 0) return { requeueAfterMs: early };
    if (!ready()) return { requeueAfterMs: PACE_MS };
    const done = await Promise.all(this.#writes());
    this.#notBefore = clock.monotonic() + PACE_MS;
    if (!done.every((well) => well)) return { requeueAfterMs: PACE_MS };
    const nextMs = scheduler.budgets.nextChangeMs();
    return nextMs === undefined ? undefined : { requeueAfterMs: Math.max(PACE_MS, nextMs - clock.now()) };
  }

  #writes(): Promise<boolean>[] {
    const { queues, scheduler, clock } = this.#options;
    const objects = [...queues.list()];
    const looks = scheduler.budgets.look();
    scheduler.history.look();
    const reports = queueReports({
      queues: objects.map(queueView),
      holders: scheduler.holders(),
      pending: scheduler.pending(),
      costs: scheduler.costs(),
      starts: scheduler.forecast(),
      budgetHolds: scheduler.budgets.holds(),
      reason: ({ key }) => scheduler.answer(key)?.reason,
    });
    const nowMs = clock.now();
    return objects.flatMap((object) => {
      const report = reports.get(object.metadata.name);
      if (report === undefined) return [];
      const { name } = object.metadata;
      const look = looks.get(name);
      const sums = { look, fairShare: scheduler.history.status(name) };
      const { status, closes, news } = withSums(object, deriveQueueStatus(object, report, nowMs), sums);
      if (closes) scheduler.budgets.closing(name, look?.states ?? []);
      return [this.#write(object, status, news)];
    });
  }

  /** @returns whether it need not be tried again */
  async #write(
    object: ComputeQueue,
    wanted: NonNullable<ComputeQueue['status']>,
    news: readonly BudgetNews[],
  ): Promise<boolean> {
    const { queues, status, events, logger } = this.#options;
    try {
      const { outcome } = await status.writeObject(RESOURCE, object, wanted, queues);
      if (outcome === 'written') {
        for (const { type, reason, message, key } of news)
          events.event(object, type, reason, message, { messageKey: key });
      }
      return outcome !== 'conflict';
    } catch (error) {
      logger.warn('status of a queue not written', { queue: object.metadata.name, error: errorMessage(error) });
      return false;
    }
  }
}
