import type { ModelServing } from '../api/index.ts';
import { feed, type HubStores } from '../hub/index.ts';
import { objectKey } from '../kube/resource.ts';
import type { MemberSource } from '../regions/index.ts';
import type { Clock } from '../runtime/clock.ts';
import { Controller } from '../runtime/controller.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RuntimeMetrics } from '../runtime/metrics.ts';
import type { Scheduler } from '../scheduling/index.ts';
import { ServingBinder } from './binder.ts';
import type { ServingDeps } from './deps.ts';
import { ServingReconciler } from './reconciler.ts';

export interface ServingControllerOptions extends Omit<ServingDeps, 'enqueue'> {
  readonly hub: HubStores;
  readonly members: ServingDeps['members'] & MemberSource;
  readonly scheduler: Scheduler;
  readonly workers: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
}

/** Watches everything a ModelServing depends on, and reconciles the ones concerned. */
export function servingController(options: ServingControllerOptions): Controller {
  const { hub, members, scheduler, logger, clock, metrics } = options;
  const deps: ServingDeps = { ...options, enqueue: (key) => controller.enqueue(key) };
  const binder = new ServingBinder(deps);
  const reconciler = new ServingReconciler(deps, binder);
  const controller = new Controller({
    name: 'model-serving',
    reconcile: (key) => reconciler.reconcile(key),
    concurrency: options.workers,
    metrics,
    logger,
    clock,
  });
  scheduler.register('ModelServing', binder);
  hub.servings.subscribe((event) => {
    if (event.type === 'deleted') {
      reconciler.forget(event.obj.metadata.uid ?? '');
      return;
    }
    binder.observe(event.obj);
    controller.enqueue(event.key);
  });
  const keys = function* (wanted: (serving: ModelServing) => boolean): Iterable<string> {
    for (const serving of hub.servings.list()) if (wanted(serving)) yield objectKey(serving);
  };
  feed({
    kind: 'ModelServing',
    hub,
    members,
    energy: options.energy,
    enqueue: (key) => controller.enqueue(key),
    unfinished: () => keys(() => true),
    holdersIn: (cluster) => keys(({ status }) => status?.admissions?.some((held) => held.cluster === cluster) === true),
  });
  return controller;
}
