/** One object's whole story, from its status, its queue's status and its events. Pure. */
import type { Condition, Usage } from '../api/common.ts';
import type { ComputeQueue } from '../api/compute-queue.ts';
import type { Offer } from '../api/compute-quote.ts';
import type { ConditionType } from '../api/conditions.ts';
import type { AvoidedNode, Decision, Filtered, PlacementStatus } from '../api/decision.ts';
import type { AttemptRecord, TrainerStatus } from '../api/training-status.ts';
import type { KubeObject } from '../kube/resource.ts';
import { adviceFor } from './advice.ts';

/** An Event as events.k8s.io has it, as far as it is told. */
export interface EventObject extends KubeObject {
  type?: string;
  reason?: string;
  note?: string;
  eventTime?: string;
  series?: { count: number; lastObservedTime: string };
}

/** Why it is as it is: one word for programs, a sentence with the numbers, and what would help. */
export interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly help?: string;
}

export interface QueuePlace {
  readonly name: string;
  /** Among all that wait there, from 1; absent: not among those that the queue's status lists. */
  readonly position?: number;
  readonly pending?: number;
  readonly expectedStartTime?: string;
  readonly note?: string;
}

export interface ReplicaStory {
  readonly replica: number;
  readonly region: string;
  readonly cluster: string;
  readonly nodes: readonly string[];
  readonly state: 'ready' | 'not ready' | 'ending';
  readonly message?: string;
}

export interface StoryEvent {
  readonly time: string;
  readonly type: string;
  readonly reason: string;
  readonly note: string;
  readonly count: number;
}

export interface Story extends Cause {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly phase: string;
  readonly since?: string;
  readonly queue?: QueuePlace;
  /** It holds nodes now; else placement and decision are those it had last. */
  readonly holds: boolean;
  readonly placement?: Omit<PlacementStatus, 'decision'>;
  readonly decision?: Decision;
  readonly avoid?: readonly AvoidedNode[];
  readonly replicas?: readonly ReplicaStory[];
  readonly attempts?: readonly AttemptRecord[];
  readonly restarts?: string;
  readonly nextAttemptTime?: string;
  readonly offers?: readonly Offer[];
  readonly shortfalls?: readonly Filtered[];
  /** What its program told of its progress. */
  readonly progress?: TrainerStatus;
  readonly usage?: Usage;
  readonly events: readonly StoryEvent[];
}

/** What was read beside the object itself; the queue is undefined where it does not exist, null where it may not be read. */
export interface Surroundings {
  readonly queue: ComputeQueue | undefined | null;
  readonly events: readonly EventObject[];
}

export const find = (conditions: readonly Condition[] | undefined, type: ConditionType): Condition | undefined =>
  conditions?.find((condition) => condition.type === type);

export const because = (reason: string, message: string): Cause => {
  const help = adviceFor(reason);
  return { reason, message, ...(help === undefined ? {} : { help }) };
};

export const becauseOf = ({ reason, message }: { reason: string; message: string }): Cause => because(reason, message);

const KINDS_IN_QUEUES = new Set(['ModelTraining', 'ModelServing']);

/** Where it stands among what waits, by the queue's own list. */
export function queuePlace(
  workload: KubeObject,
  name: string | undefined,
  waits: boolean,
  queue: Surroundings['queue'],
): QueuePlace | undefined {
  if (name === undefined || !KINDS_IN_QUEUES.has(workload.kind ?? '')) return undefined;
  if (!waits) return { name };
  if (queue === null) return { name, note: 'its position is not known: you may not read ComputeQueues' };
  if (queue === undefined) return { name, note: 'there is no such queue' };
  const { head = [], pending = 0 } = queue.status ?? {};
  const { metadata, kind } = workload;
  const found = head.find(
    (entry) => entry.name === metadata.name && entry.namespace === metadata.namespace && entry.kind === kind,
  );
  if (found !== undefined) {
    const { position, expectedStartTime } = found;
    return { name, position, pending, ...(expectedStartTime === undefined ? {} : { expectedStartTime }) };
  }
  const note =
    pending > head.length
      ? `it is not among the first ${head.length}, which is all that the queue lists`
      : 'it is not in the list of what waits: it is not ready to be scheduled';
  return { name, pending, note };
}

const MAX_EVENTS = 8;

/** The newest events, oldest of them first. */
export function eventsOf(events: readonly EventObject[]): StoryEvent[] {
  return events
    .map(({ type, reason, note, eventTime, series, metadata }) => ({
      time: series?.lastObservedTime ?? eventTime ?? metadata.creationTimestamp ?? '',
      type: type ?? 'Normal',
      reason: reason ?? '',
      note: note ?? '',
      count: series?.count ?? 1,
    }))
    .sort((a, b) => Date.parse(a.time) - Date.parse(b.time))
    .slice(-MAX_EVENTS);
}

/** The place without the record of its choice, which stands by itself. */
export function placeOf(placement: PlacementStatus | undefined): Pick<Story, 'placement' | 'decision'> {
  if (placement === undefined) return {};
  const { decision, ...place } = placement;
  return { placement: place, ...(decision === undefined ? {} : { decision }) };
}
