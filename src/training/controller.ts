import type { ModelTraining } from '../api/index.ts';
import { feed, type HubStores } from '../hub/index.ts';
import { objectKey } from '../kube/resource.ts';
import type { MemberSource } from '../regions/index.ts';
import type { Clock } from '../runtime/clock.ts';
import { Controller } from '../runtime/controller.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RuntimeMetrics } from '../runtime/metrics.ts';
import type { Scheduler } from '../scheduling/index.ts';
import { TrainingBinder } from './binder.ts';
import type { TrainingDeps } from './deps.ts';
import { isFinished } from './evaluate.ts';
import { TrainingReconciler } from './reconciler.ts';

export interface TrainingControllerOptions extends Omit<TrainingDeps, 'enqueue'> {
  readonly hub: HubStores;
  readonly members: TrainingDeps['members'] & MemberSource;
  readonly scheduler: Scheduler;
  readonly workers: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
}

/** Watches everything a ModelTraining depends on, and reconciles the ones concerned. */
export function trainingController(options: TrainingControllerOptions): Controller {
  const { hub, members, scheduler, logger, clock, metrics } = options;
  const deps: TrainingDeps = { ...options, enqueue: (key) => controller.enqueue(key) };
  const binder = new TrainingBinder(deps);
  const reconciler = new TrainingReconciler(deps, binder);
  const controller = new Controller({
    name: 'model-training',
    reconcile: (key) => reconciler.reconcile(key),
    concurrency: options.workers,
    metrics,
    logger,
    clock,
  });
  scheduler.register('ModelTraining', binder);
  hub.trainings.subscribe((event) => {
    if (event.type === 'deleted') {
      scheduler.forget(event.obj.metadata.uid ?? '');
      return;
    }
    binder.observe(event.obj);
    controller.enqueue(event.key);
  });
  const keys = function* (wanted: (training: ModelTraining) => boolean): Iterable<string> {
    for (const training of hub.trainings.list()) if (wanted(training)) yield objectKey(training);
  };
  feed({
    kind: 'ModelTraining',
    hub,
    members,
    energy: options.energy,
    enqueue: (key) => controller.enqueue(key),
    unfinished: () => keys((training) => !isFinished(training)),
    holdersIn: (cluster) => keys((training) => training.status?.admission?.cluster === cluster),
  });
  return controller;
}
