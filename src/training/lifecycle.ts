import {
  type AttemptRecord,
  CONDITION,
  END_REASON,
  type EndReason,
  type ModelTraining,
  type ModelTrainingSpec,
  type ModelTrainingStatus,
  type TrainingPhase,
} from '../api/index.ts';
import { findCondition, isTrue } from '../workloads/conditions.ts';
import type { RunEnd } from '../workloads/run-end.ts';
import { secondsBetween } from '../workloads/times.ts';

export type RestartBudget = 'infra' | 'application' | 'preemption' | 'free';

/** Which limit a restart for this reason counts against; 'none': there is no restart. */
export function budgetOf(reason: EndReason): RestartBudget | 'none' {
  switch (reason) {
    case END_REASON.AppFailed:
      return 'application';
    case END_REASON.NodeLost:
    case END_REASON.PodLost:
    case END_REASON.JobLost:
    case END_REASON.RegionLost:
      return 'infra';
    case END_REASON.Preempted:
      return 'preemption';
    case END_REASON.BindConflict:
    case END_REASON.Suspended:
    case END_REASON.SpecChanged:
    case END_REASON.QueueHeld:
    case END_REASON.DispatchRefused:
      return 'free';
    default:
      return 'none';
  }
}

const NO_RESTARTS: NonNullable<ModelTrainingStatus['restarts']> = { infra: 0, application: 0, free: 0 };

/** How a training that ends an attempt for this reason goes on. */
export function afterEnd(spec: ModelTrainingSpec, status: ModelTrainingStatus, reason: EndReason) {
  const budget = budgetOf(reason);
  const restarts: typeof NO_RESTARTS = { ...(status.restarts ?? NO_RESTARTS) };
  if (reason === END_REASON.Succeeded) return { outcome: 'succeeded' as const, restarts, waitSeconds: 0 };
  if (budget === 'none') return { outcome: 'failed' as const, restarts, waitSeconds: 0 };
  const counted =
    reason !== END_REASON.Suspended && reason !== END_REASON.QueueHeld && reason !== END_REASON.SpecChanged;
  if (counted) restarts[budget] = (restarts[budget] ?? 0) + 1;
  const { failurePolicy } = spec;
  const over =
    (budget === 'infra' && restarts.infra > failurePolicy.maxRestarts) ||
    (budget === 'application' && restarts.application > failurePolicy.maxErrorRestarts);
  if (over) return { outcome: 'failed' as const, restarts: status.restarts ?? NO_RESTARTS, waitSeconds: 0 };
  const { initialSeconds, maxSeconds } = failurePolicy.backoff;
  const tries = triesOf(reason, status, restarts);
  const waitSeconds = tries <= 0 ? 0 : Math.min(maxSeconds, initialSeconds * 2 ** (tries - 1));
  return { outcome: 'retry' as const, restarts, waitSeconds };
}

/** Other nodes are tried at once after so many conflicts in a row; then something else must be wrong. */
const CONFLICTS_AT_ONCE = 3;

/** How often it was tried in vain, for the wait before the next time; 0: at once. */
function triesOf(reason: EndReason, status: ModelTrainingStatus, restarts: typeof NO_RESTARTS): number {
  if (reason === END_REASON.DispatchRefused) return inARow(status, reason);
  if (reason === END_REASON.BindConflict) return inARow(status, reason) - CONFLICTS_AT_ONCE;
  const budget = budgetOf(reason);
  return budget === 'free' || budget === 'preemption' ? 0 : Math.max(1, restarts.infra + restarts.application);
}

/** Attempts that ended so one after the other, with the one that ends now. */
function inARow({ attempts = [] }: ModelTrainingStatus, reason: EndReason): number {
  const other = attempts.findLastIndex((record) => record.endReason !== reason);
  return attempts.length - other;
}

/** Ends that leave a Job whose pods end by themselves: the last one is kept for its logs until the TTL. */
export const keepsJob = (reason: EndReason): boolean =>
  reason === END_REASON.Succeeded || reason === END_REASON.AppFailed || reason === END_REASON.PodLost;

const MAX_ATTEMPT_RECORDS = 10;

export function attemptRecord(
  training: ModelTraining,
  end: Pick<RunEnd, 'reason' | 'message'> & { readonly checkpointTime?: string | undefined },
  now: string,
): AttemptRecord {
  const status = training.status ?? {};
  const { admission, ending } = status;
  const ran = ending === undefined ? runningSince(status) : ending.startTime;
  // What it holds while its pods are removed is held, but does not run.
  const endTime = ending?.time ?? now;
  const heldSeconds = secondsBetween(admission?.admittedAt, now);
  return {
    attempt: admission?.attempt ?? status.attempt ?? 1,
    region: status.placement?.region ?? '',
    cluster: admission?.cluster ?? '',
    ...(ran === undefined ? {} : { startTime: ran }),
    ...(end.checkpointTime === undefined ? {} : { checkpointTime: end.checkpointTime }),
    endTime,
    endReason: end.reason,
    message: end.message.slice(0, 512),
    runningSeconds: secondsBetween(ran, endTime),
    gpuSeconds: heldSeconds * (status.placement?.gpus ?? 0),
  };
}

/** Since when all pods of the present attempt are ready; undefined: they are not. */
export const runningSince = (status: ModelTrainingStatus): string | undefined =>
  status.phase === 'Running' ? status.stateSince : undefined;

/** The newest records; of those that must go, what the next attempt resumes from goes last. */
export function appendAttempt(status: ModelTrainingStatus, record: AttemptRecord): AttemptRecord[] {
  const all = [...(status.attempts ?? []), record];
  const source = resumeSource(all);
  while (all.length > MAX_ATTEMPT_RECORDS) all.splice(all[0] === source ? 1 : 0, 1);
  return all;
}

/** Of earlier attempts the newest of which a checkpoint is known; where none is, the newest that ran. */
export const resumeSource = (earlier: readonly AttemptRecord[]): AttemptRecord | undefined =>
  earlier.findLast((record) => record.checkpointTime !== undefined) ??
  earlier.findLast((record) => record.startTime !== undefined);

/** The one word for people; a pure function of what was asked and what is so. */
export function phaseOf(
  training: Pick<ModelTraining, 'spec' | 'metadata'>,
  status: ModelTrainingStatus,
): TrainingPhase {
  const is = (type: (typeof CONDITION)[keyof typeof CONDITION]): boolean => isTrue(status.conditions, type);
  if (is(CONDITION.Complete)) return 'Succeeded';
  if (is(CONDITION.Failed)) return 'Failed';
  if (training.metadata.deletionTimestamp !== undefined) return 'Cancelled';
  if (status.ending !== undefined) return training.spec.suspend ? 'Suspending' : 'Recovering';
  if (status.admission !== undefined) {
    if (!is(CONDITION.Placed)) return 'Binding';
    // While the member does not answer, the last that was known stands.
    if (findCondition(status.conditions, CONDITION.PodsReady)?.status === 'Unknown' && status.phase === 'Running')
      return 'Running';
    return is(CONDITION.PodsReady) ? 'Running' : 'Starting';
  }
  if (training.spec.suspend) return 'Suspended';
  return is(CONDITION.SpecHonoured) ? 'Queued' : 'Pending';
}

const CLOCKS: Partial<Record<TrainingPhase, keyof NonNullable<ModelTrainingStatus['times']>>> = {
  Pending: 'queuedSeconds',
  Queued: 'queuedSeconds',
  Binding: 'startingSeconds',
  Starting: 'startingSeconds',
  Running: 'runningSeconds',
  Suspended: 'suspendedSeconds',
  Suspending: 'suspendedSeconds',
  Recovering: 'startingSeconds',
};

/** Closes the clock of the phase that ends and starts that of the one that begins. */
export function withPhase(training: ModelTraining, status: ModelTrainingStatus, now: string): ModelTrainingStatus {
  const phase = phaseOf(training, status);
  const before = training.status?.phase;
  if (before === phase && status.stateSince !== undefined) return { ...status, phase };
  const since = training.status?.stateSince ?? training.metadata.creationTimestamp ?? now;
  const times = { queuedSeconds: 0, startingSeconds: 0, runningSeconds: 0, suspendedSeconds: 0, ...status.times };
  const clock = CLOCKS[before ?? 'Pending'];
  if (clock !== undefined) times[clock] += secondsBetween(since, now);
  return { ...status, phase, times, stateSince: now };
}

/** Running time over all attempts up to now, in seconds. */
export function totalRunningSeconds(status: ModelTrainingStatus, now: string): number {
  return (status.times?.runningSeconds ?? 0) + secondsBetween(runningSince(status), now);
}

/** When the object may be deleted, in ms; undefined: not finished. LoRA and batch results are kept for an hour, others a week. */
export function expiresAt(training: ModelTraining): number | undefined {
  const completed = training.status?.completionTime;
  if (completed === undefined) return undefined;
  const short = training.spec.task === 'LoRA' || training.spec.task === 'BatchInference';
  const ttl = training.spec.ttlSecondsAfterFinished ?? (short ? 3600 : 604_800);
  return Date.parse(completed) + ttl * 1000;
}

/** A deadline that has passed, with the sentence; checked before anything else that could go on. */
export function passedDeadline(
  training: ModelTraining,
  now: string,
): { reason: EndReason; message: string } | undefined {
  const { spec, metadata } = training;
  const status = training.status ?? {};
  const ran = totalRunningSeconds(status, now);
  if (spec.activeDeadlineSeconds !== undefined && ran >= spec.activeDeadlineSeconds) {
    return {
      reason: END_REASON.DeadlineExceeded,
      message: `it ran ${ran} s over all attempts; activeDeadlineSeconds is ${spec.activeDeadlineSeconds}`,
    };
  }
  const waited = secondsBetween(metadata.creationTimestamp, now);
  if (
    spec.preRunningDeadlineSeconds !== undefined &&
    status.startTime === undefined &&
    waited >= spec.preRunningDeadlineSeconds
  ) {
    return {
      reason: END_REASON.PreRunningDeadlineExceeded,
      message: `it did not run within ${spec.preRunningDeadlineSeconds} s of its creation`,
    };
  }
  return undefined;
}

/** Milliseconds until the next thing a clock decides, if any. */
export function nextDeadlineMs(training: ModelTraining, nowMs: number): number | undefined {
  const { spec, metadata } = training;
  const status = training.status ?? {};
  const candidates: number[] = [];
  const since = runningSince(status);
  if (spec.activeDeadlineSeconds !== undefined && since !== undefined) {
    const left = spec.activeDeadlineSeconds - (status.times?.runningSeconds ?? 0);
    candidates.push(Date.parse(since) + left * 1000 - nowMs);
  }
  if (spec.preRunningDeadlineSeconds !== undefined && status.startTime === undefined) {
    candidates.push(Date.parse(metadata.creationTimestamp ?? '') + spec.preRunningDeadlineSeconds * 1000 - nowMs);
  }
  if (status.nextAttemptTime !== undefined) candidates.push(Date.parse(status.nextAttemptTime) - nowMs);
  const expiry = expiresAt(training);
  if (expiry !== undefined) candidates.push(expiry - nowMs);
  // What is past was answered in this look, or waits for something else.
  const future = candidates.filter((ms) => Number.isFinite(ms) && ms > 0);
  return future.length === 0 ? undefined : Math.min(...future) + 50;
}
