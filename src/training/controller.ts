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
import { Places } from './places.ts';
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

/** One key of the controller of places: it gives one turn after the other. */
const TURNS = 'turns';

/** Watches everything a ModelTraining depends on, and reconciles the ones concerned; beside it who tells places in queues. */
export function trainingControllers(options: TrainingControllerOptions): readonly Controller[] {
  const { hub, members, scheduler, logger, clock, metrics } = options;
  const deps: TrainingDeps = { ...options, enqueue: (key) => controller.enqueue(key) };
  const binder = new TrainingBinder(deps);
  const { trainings, queues } = hub;
  const places = new Places({ trainings, queues, clock, enqueue: deps.enqueue });
  const reconciler = new TrainingReconciler(deps, binder, places);
  const controller = new Controller({
    name: 'model-training',
    reconcile: (key) => reconciler.reconcile(key),
    concurrency: options.workers,
    metrics,
    logger,
    clock,
  });
  const turns = new Controller({
    name: 'training-places',
    reconcile: async () => {
      const requeueAfterMs = places.next();
      return requeueAfterMs === undefined ? undefined : { requeueAfterMs };
    },
    concurrency: 1,
    metrics,
    logger,
    clock,
  });
  queues.subscribe(({ type, obj, old }) => {
    if (type !== 'deleted' && places.published(obj, old)) turns.enqueue(TURNS);
  });
  scheduler.register('ModelTraining', binder);
  hub.trainings.subscribe((event) => {
    if (event.type === 'deleted') {
      // Also where nobody gives turns, as this process does not lead.
      places.forget(event.key);
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
  return [controller, turns];
}
