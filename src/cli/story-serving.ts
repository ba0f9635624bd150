import { CONDITION } from '../api/conditions.ts';
import type { ModelServing } from '../api/model-serving.ts';
import type { KubeObject } from '../kube/resource.ts';
import {
  because,
  becauseOf,
  type Cause,
  eventsOf,
  find,
  placeOf,
  queuePlace,
  type ReplicaStory,
  type Story,
  type Surroundings,
} from './story.ts';

export function servingStory(serving: ModelServing & KubeObject, around: Surroundings): Story {
  const { metadata, spec, status } = serving;
  const admitted = (status?.admissions ?? []).filter(({ ending }) => ending === undefined).length;
  const waits = admitted < spec.replicas && !spec.suspend;
  const queue = queuePlace(serving, status?.queue ?? spec.queue, waits, around.queue);
  const replicas = replicasOf(serving);
  const cause = causeOf(serving);
  const since = sinceOf(serving, cause.reason);
  return {
    kind: 'ModelServing',
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    phase: status?.phase ?? 'Pending',
    ...(since === undefined ? {} : { since }),
    ...cause,
    ...(queue === undefined ? {} : { queue }),
    holds: (status?.admissions?.length ?? 0) > 0,
    ...placeOf(status?.placement),
    ...(status?.avoid === undefined ? {} : { avoid: status.avoid }),
    ...(replicas.length === 0 ? {} : { replicas }),
    ...(status?.usage === undefined ? {} : { usage: status.usage }),
    events: eventsOf(around.events),
  };
}

/** A replica that finds no nodes comes before one that is slow to start. */
function causeOf({ metadata, status }: ModelServing): Cause {
  const conditions = status?.conditions;
  if (conditions === undefined) return because('NotSeen', 'the operator has not looked at it yet.');
  if (metadata.deletionTimestamp !== undefined) {
    return because('Deleting', 'it is being deleted; what its replicas have in the regions goes first.');
  }
  const admitted = find(conditions, CONDITION.Admitted);
  if (admitted !== undefined && admitted.status !== 'True') return becauseOf(admitted);
  const ready = find(conditions, CONDITION.Ready);
  if (ready === undefined) return because('NotAllReady', 'its replicas were not seen yet');
  return ready.status === 'True' ? { reason: ready.reason, message: ready.message } : becauseOf(ready);
}

/** When the condition that tells the cause last changed. */
function sinceOf({ metadata, status }: ModelServing, reason: string): string | undefined {
  const telling = status?.conditions?.find(
    ({ type, reason: said }) => (type === CONDITION.Admitted || type === CONDITION.Ready) && said === reason,
  );
  return telling?.lastTransitionTime ?? metadata.creationTimestamp;
}

function replicasOf({ status }: ModelServing): ReplicaStory[] {
  return (status?.replicaStatuses ?? []).map(({ replica, region, cluster, nodes, ready, message }) => {
    const held = status?.admissions?.find((entry) => entry.replica === replica);
    const state = held?.ending !== undefined ? 'ending' : ready ? 'ready' : 'not ready';
    return { replica, region, cluster, nodes, state, ...(message === undefined ? {} : { message }) };
  });
}
