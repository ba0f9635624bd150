import { CONDITION, type Dataset, type ModelTraining } from '../api/index.ts';
import { DATASETS, type HubStores } from '../hub/index.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { StatusWriter } from '../kube/status-writer.ts';
import type { Clock } from '../runtime/clock.ts';
import { Controller, type ReconcileResult } from '../runtime/controller.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RuntimeMetrics } from '../runtime/metrics.ts';
import { isTrue } from '../workloads/conditions.ts';
import { deriveStatus, type Place } from './status.ts';

export interface DatasetControllerOptions {
  readonly hub: HubStores;
  readonly status: Pick<StatusWriter, 'writeObject'>;
  readonly events: Pick<EventRecorder, 'event'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
}

const WORKERS = 4;
/** Trainings come and go in bursts: their number is written at most so often, in ms. */
const USED_BY_MS = 500;
/** Index of unfinished trainings by the Datasets they name. */
const BY_DATASET = 'dataset';

/** Keeps the status of every Dataset true to the regions there are and the trainings that name it. */
export function datasetController(options: DatasetControllerOptions): Controller {
  const { hub, events, logger, clock, metrics } = options;
  const controller = new Controller({
    name: 'dataset',
    reconcile: (key) => reconcile(key, options),
    concurrency: WORKERS,
    logger,
    clock,
    metrics,
  });
  hub.trainings.addIndex(BY_DATASET, datasetsInUse);
  hub.datasets.subscribe((event) => {
    if (event.type === 'deleted') tellInUse(event.obj, event.key, hub, events);
    // Our own status comes back, too: only a change of what is wanted needs an answer.
    else if (event.old?.metadata.generation !== event.obj.metadata.generation) controller.enqueue(event.key);
  });
  hub.trainings.subscribe((event) => {
    const before = event.old === undefined ? [] : datasetsInUse(event.old);
    const after = datasetsInUse(event.obj);
    if (event.type === 'updated' && before.join(' ') === after.join(' ')) return;
    for (const key of [...before, ...after]) controller.enqueueAfter(key, USED_BY_MS);
  });
  hub.clusters.subscribe((event) => {
    if (event.type === 'updated' && event.old.metadata.generation === event.obj.metadata.generation) return;
    for (const key of hub.datasets.keys()) controller.enqueue(key);
  });
  return controller;
}

async function reconcile(key: string, { hub, status, clock }: DatasetControllerOptions): Promise<ReconcileResult> {
  const dataset = hub.datasets.get(key);
  if (dataset === undefined || dataset.metadata.deletionTimestamp !== undefined) return undefined;
  const wanted = deriveStatus(dataset, {
    places: Array.from(hub.clusters.list(), ({ spec }): Place => {
      return { region: spec.region, jurisdiction: spec.location.jurisdiction };
    }),
    usedBy: hub.trainings.countByIndex(BY_DATASET, key),
    nowMs: clock.now(),
  });
  const { outcome } = await status.writeObject(DATASETS, dataset, wanted, hub.datasets);
  return outcome === 'conflict' ? { requeueAfterMs: 20 } : undefined;
}

/** Keys of the Datasets that an unfinished training names. */
function datasetsInUse({ metadata, spec, status }: ModelTraining): string[] {
  const finished = isTrue(status?.conditions, CONDITION.Complete) || isTrue(status?.conditions, CONDITION.Failed);
  return finished ? [] : spec.datasets.map(({ name }) => `${metadata.namespace}/${name}`);
}

/**
 * Nothing holds a Dataset back: what runs goes on, what waits says DatasetNotFound. An event says so. (The events of
 * a process that does not lead are refused by the write guard.)
 */
function tellInUse(dataset: Dataset, key: string, hub: HubStores, events: Pick<EventRecorder, 'event'>): void {
  const users = hub.trainings.byIndex(BY_DATASET, key).map(({ metadata }) => metadata.name);
  if (users.length === 0) return;
  const some = users.sort().slice(0, 8).join(', ') + (users.length > 8 ? ` and ${users.length - 8} more` : '');
  events.event(
    dataset,
    'Warning',
    'DeletedInUse',
    `unfinished trainings name it: ${some}; what runs goes on, what waits waits until it is there again`,
  );
}
