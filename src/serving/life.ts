import { END_REASON, type EndReason, type ModelServing, type ModelServingStatus } from '../api/index.ts';
import type { LifeMetrics, LifeOf } from '../workloads/life-metrics.ts';
import { secondsBetween } from '../workloads/times.ts';

const of = (serving: ModelServing, status: ModelServingStatus): LifeOf => ({
  queue: status.admissions?.[0]?.queue ?? status.queue ?? '',
  kind: 'ModelServing',
  priorityClass: serving.spec.priorityClassName,
});

/** After a decision was stored. */
export function tellAdmission(life: LifeMetrics, before: ModelServing, stored: ModelServingStatus): void {
  const [first] = stored.admissions ?? [];
  if ((before.status?.attempt ?? 0) > 0 || first === undefined) return;
  life.admitted(of(before, stored), secondsBetween(before.metadata.creationTimestamp, first.admittedAt));
}

/**
 * After a status was stored that the reconciler derived: what its replicas did between the two.
 * @param isKnown whether there is a RegionalCluster of this name
 */
export function tellProgress(
  life: LifeMetrics,
  before: ModelServing,
  stored: ModelServingStatus,
  isKnown: (cluster: string) => boolean,
): void {
  const old = before.status ?? {};
  if (old.startTime === undefined && stored.startTime !== undefined) {
    const last = (stored.admissions ?? [])
      .map(({ admittedAt }) => admittedAt)
      .sort()
      .at(-1);
    life.ready(of(before, stored), secondsBetween(last, stored.startTime));
  }
  const left = new Set(stored.admissions?.map(({ attempt }) => attempt));
  for (const { attempt, cluster, ending } of old.admissions ?? []) {
    if (left.has(attempt)) continue;
    // Nobody ended it: its region is silent, or no more.
    const reason = ending?.reason ?? (isKnown(cluster) ? END_REASON.RegionLost : END_REASON.JobLost);
    life.ended(reason as EndReason);
  }
}
