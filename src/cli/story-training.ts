import { CONDITION } from '../api/conditions.ts';
import type { ModelTraining } from '../api/model-training.ts';
import type { KubeObject } from '../kube/resource.ts';
import { adviceFor } from './advice.ts';
import {
  because,
  becauseOf,
  type Cause,
  eventsOf,
  find,
  placeOf,
  queuePlace,
  type Story,
  type Surroundings,
} from './story.ts';

export function trainingStory(training: ModelTraining & KubeObject, around: Surroundings): Story {
  const { metadata, spec, status } = training;
  const waits = status?.admission === undefined && status?.completionTime === undefined && !spec.suspend;
  const queue = queuePlace(training, status?.queue ?? spec.queue, waits, around.queue);
  const since = status?.stateSince ?? metadata.creationTimestamp;
  const restarts = restartsOf(training);
  return {
    kind: 'ModelTraining',
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    phase: status?.phase ?? 'Pending',
    ...(since === undefined ? {} : { since }),
    ...causeOf(training),
    ...(queue === undefined ? {} : { queue }),
    holds: status?.admission !== undefined,
    ...placeOf(status?.placement),
    ...(status?.avoid === undefined ? {} : { avoid: status.avoid }),
    ...(restarts === undefined ? {} : { restarts }),
    ...(waits && status?.nextAttemptTime !== undefined ? { nextAttemptTime: status.nextAttemptTime } : {}),
    ...(status?.attempts === undefined ? {} : { attempts: status.attempts }),
    ...(status?.trainerStatus === undefined ? {} : { progress: status.trainerStatus }),
    ...(status?.usage === undefined ? {} : { usage: status.usage }),
    events: eventsOf(around.events),
  };
}

/** What stands in the way, from the end of its life to the beginning; if nothing does, how it is. */
function causeOf({ metadata, spec, status }: ModelTraining): Cause {
  const conditions = status?.conditions;
  if (status === undefined || conditions === undefined) {
    return because('NotSeen', 'the operator has not looked at it yet.');
  }
  const failed = find(conditions, CONDITION.Failed);
  if (failed?.status === 'True') return becauseOf(failed);
  const complete = find(conditions, CONDITION.Complete);
  if (complete?.status === 'True') return { reason: 'Succeeded', message: complete.message };
  if (metadata.deletionTimestamp !== undefined) {
    return because(
      'Deleting',
      `it is being deleted; what it has in ${status.placement?.cluster ?? 'regions'} goes first.`,
    );
  }
  if (status.ending !== undefined) return endingCause(status.ending, spec.suspend);
  const admitted = find(conditions, CONDITION.Admitted);
  if (admitted !== undefined && admitted.status !== 'True') return becauseOf(admitted);
  const placed = find(conditions, CONDITION.Placed);
  if (placed !== undefined && placed.status !== 'True') return becauseOf(placed);
  const ready = find(conditions, CONDITION.PodsReady);
  if (ready === undefined) return because('Starting', 'its pods were not seen yet');
  return ready.status === 'True' ? { reason: ready.reason, message: ready.message } : becauseOf(ready);
}

/** The attempt is over, its pods are being removed; what would help is about why it ended. */
function endingCause(ending: { reason: string; message: string }, suspend: boolean): Cause {
  const message = `${ending.message}; the pods of this attempt are being removed`;
  const help = adviceFor(suspend ? 'Suspending' : ending.reason);
  return { reason: ending.reason, message, ...(help === undefined ? {} : { help }) };
}

function restartsOf({ spec, status }: ModelTraining): string | undefined {
  const { infra = 0, application = 0, free = 0 } = status?.restarts ?? {};
  if (infra + application + free === 0) return undefined;
  const { maxRestarts, maxErrorRestarts } = spec.failurePolicy;
  const parts = [
    `${infra} of ${maxRestarts} for lost nodes or pods`,
    `${application} of ${maxErrorRestarts} for failures of the program`,
    `${free} free of charge`,
  ];
  return parts.join(', ');
}
