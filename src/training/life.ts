import { CONDITION, type EndReason, type ModelTraining, type ModelTrainingStatus } from '../api/index.ts';
import { findCondition } from '../workloads/conditions.ts';
import type { LifeMetrics, LifeOf } from '../workloads/life-metrics.ts';
import { secondsBetween } from '../workloads/times.ts';
import { runningSince } from './lifecycle.ts';

const of = (training: ModelTraining, status: ModelTrainingStatus): LifeOf => ({
  queue: status.admission?.queue ?? status.queue ?? '',
  kind: 'ModelTraining',
  priorityClass: training.spec.priorityClassName,
});

/** After a decision was stored. */
export function tellAdmission(life: LifeMetrics, before: ModelTraining, stored: ModelTrainingStatus): void {
  const { admission, placement } = stored;
  if (admission === undefined) return;
  const from = before.status?.attempts?.at(-1)?.region;
  if (from !== undefined && placement !== undefined && from !== placement.region) life.moved(from, placement.region);
  if ((before.status?.attempt ?? 0) > 0) return;
  life.admitted(of(before, stored), secondsBetween(before.metadata.creationTimestamp, admission.admittedAt));
}

/** After a status was stored that the reconciler derived: what its attempt did between the two. */
export function tellProgress(life: LifeMetrics, before: ModelTraining, stored: ModelTrainingStatus): void {
  const old = before.status ?? {};
  const { admission } = stored;
  if (stored.phase === 'Running' && old.phase !== 'Running' && admission !== undefined && isFirst(old)) {
    life.ready(of(before, stored), secondsBetween(admission.admittedAt, stored.stateSince ?? admission.admittedAt));
  }
  const attempt = old.admission?.attempt;
  if (attempt === undefined) return;
  const isOver = admission?.attempt !== attempt;
  const since = runningSince(old);
  if (since !== undefined && old.ending === undefined && (isOver || stored.ending !== undefined)) {
    life.ran(of(before, old), secondsBetween(since, stored.stateSince ?? since));
  }
  const record = isOver ? stored.attempts?.findLast((entry) => entry.attempt === attempt) : undefined;
  if (record !== undefined) life.ended(record.endReason as EndReason);
}

/**
 * Whether the pods of the present attempt have not been ready yet: the condition has not moved since the admission. Pods
 * that were and fell back have moved it; so has a member that did not answer, where nobody knows.
 */
function isFirst({ admission, conditions }: ModelTrainingStatus): boolean {
  const ready = findCondition(conditions, CONDITION.PodsReady);
  if (admission === undefined || ready === undefined) return false;
  return Date.parse(ready.lastTransitionTime) <= Date.parse(admission.admittedAt);
}
