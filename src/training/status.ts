import {
  type Admission,
  CONDITION,
  END_REASON,
  type ModelTraining,
  type ModelTrainingStatus,
  PENDING_REASON,
  type PlacementStatus,
  type Progress,
} from '../api/index.ts';
import { duration } from '../core/duration.ts';
import type { Admit } from '../core/model.ts';
import {
  closeInterval,
  co2Text,
  costText,
  estimate,
  kWhText,
  type Meter,
  type WorkloadUse,
  withDraw,
  withLateMeasured,
} from '../energy/index.ts';
import { admissionOf } from '../workloads/admission.ts';
import { avoidAfter } from '../workloads/avoid.ts';
import { type ConditionValue, isTrue, withConditions } from '../workloads/conditions.ts';
import type { RunEnd } from '../workloads/run-end.ts';
import { iso, secondsBetween } from '../workloads/times.ts';
import type { Evaluation } from './evaluate.ts';
import { afterEnd, appendAttempt, attemptRecord, keepsJob, runningSince, withPhase } from './lifecycle.ts';
import type { AttemptView } from './observe.ts';
import type { Place } from './places.ts';
import { withProgress } from './progress.ts';

/** Everything a status follows from, beside the old status. */
export interface Sight {
  readonly nowMs: number;
  readonly evaluation: Evaluation;
  readonly honoured: ConditionValue;
  readonly tenant: string;
  /** The scheduler's last answer, while it waits. */
  readonly waiting?: { readonly reason: string; readonly message: string } | undefined;
  readonly view?: AttemptView | undefined;
  /** The member objects exist (seen or just created). */
  readonly placed: boolean;
  /** The attempt ends for this reason. */
  readonly end?: RunEnd | undefined;
  /** A place is being cleared for it. */
  readonly nominated?: boolean;
  /** A deadline has passed while it holds nothing: it fails without an attempt. */
  readonly overdue?: { readonly reason: string; readonly message: string } | undefined;
  /** When its program last said that a checkpoint was complete, as far as its pods are still seen. */
  readonly checkpointMs?: number | undefined;
  /** What its program says of its progress, as far as its pods are still seen. */
  readonly progress?: Progress | undefined;
  /** Where it stands among those that wait. */
  readonly place?: Place;
  /** An ending attempt's Job and pods are confirmed gone. */
  readonly gone: boolean;
  readonly job?: { name: string; ready: number; succeeded: number; failed: number; active: number } | undefined;
  readonly meter?: Meter | undefined;
  /** What agents have measured of it. */
  readonly measured?: WorkloadUse | undefined;
  /** The member does not answer: why. What was true stays as it was last seen. */
  readonly unreachable?: string;
  readonly avoidMs: number;
}

/** Energy and usage are written at transitions and at most this often between them. */
const METER_MS = 300_000;

/** Status after the scheduler's decision: one write, before any member object exists. */
export function admittedStatus(
  training: ModelTraining,
  admit: Admit,
  evaluation: Evaluation,
  epoch: number,
  tenant: string,
  nowMs: number,
): ModelTrainingStatus {
  const now = iso(nowMs);
  const old = training.status ?? {};
  const attempt = (old.attempt ?? 0) + 1;
  const generation = training.metadata.generation ?? 1;
  const { shapeHash } = evaluation;
  const { onRegionLost, regionLostSeconds } = training.spec.placement;
  const admission: Admission = {
    ...admissionOf(admit, { epoch, attempt, generation, shapeHash, admittedAt: now }),
    ...(onRegionLost === 'Relocate' ? { relocateAfterSeconds: regionLostSeconds } : {}),
  };
  const placement = placementOf(admit, now);
  const { nextAttemptTime: _past, nomination: _taken, previousAssignment: _used, ...rest } = old;
  const next: ModelTrainingStatus = {
    ...rest,
    attempt,
    admission,
    placement,
    queue: admit.workload.queue,
    tenant,
    conditions: withConditions(
      old.conditions,
      [
        { type: CONDITION.Admitted, status: 'True', reason: 'Admitted', message: placement.decision?.reason ?? '' },
        {
          type: CONDITION.Placed,
          status: 'False',
          reason: 'Dispatching',
          message: `creating the Job in ${admit.cluster}`,
        },
        {
          type: CONDITION.PodsReady,
          status: 'False',
          reason: 'Starting',
          message: `0 of ${admit.nodes.length} pods ready`,
        },
      ],
      training.metadata.generation ?? 1,
      now,
    ),
  };
  const admitted = withPhase(training, next, now);
  const nodes = `0/${admit.nodes.length}`;
  return { ...admitted, display: { ...displayOf(admitted), gpus: `0/${placement.gpus}`, nodes } };
}

function placementOf(admit: Admit, now: string): PlacementStatus {
  const distinct = [...new Set(admit.nodes)];
  return {
    region: admit.region,
    cluster: admit.cluster,
    accelerator: admit.accelerator,
    gpus: admit.gpusPerNode * admit.nodes.length,
    nodeCount: distinct.length,
    nodes: distinct.slice(0, 8),
    decidedAt: now,
    decision: admit.decision,
  };
}

/** The status that is true now. Pure; equal to the old one when nothing worth a write changed. */
export function deriveStatus(training: ModelTraining, sight: Sight): ModelTrainingStatus {
  const now = iso(sight.nowMs);
  const generation = training.metadata.generation ?? 1;
  let next: ModelTrainingStatus = { ...training.status, observedGeneration: generation, queue: sight.evaluation.queue };
  if (next.attempt === undefined) next.attempt = 0;
  if (sight.nominated !== true) delete next.nomination;
  if (sight.job !== undefined && next.admission !== undefined) next.jobsStatus = [sight.job];
  if (next.admission !== undefined) next.conditions = attemptConditions(training, next, sight, now);
  if (sight.end !== undefined && next.ending === undefined && next.admission !== undefined) {
    next = endAttempt(training, next, sight.end, sight, now);
  }
  if (next.ending !== undefined && sight.checkpointMs !== undefined) {
    next = { ...next, ending: { ...next.ending, checkpointTime: iso(sight.checkpointMs) } };
  }
  if (next.ending !== undefined && sight.gone) next = closeAttempt(training, next, next.ending, sight, now);
  if (sight.overdue !== undefined && next.admission === undefined) {
    const failed: ConditionValue = { type: CONDITION.Failed, status: 'True', ...sight.overdue };
    next = { ...next, completionTime: now, conditions: withConditions(next.conditions, [failed], generation, now) };
  }
  next.conditions = withConditions(next.conditions, standingConditions(training, next, sight), generation, now);
  next = withPhase(training, next, now);
  if (next.phase === 'Running' && next.startTime === undefined) next.startTime = now;
  next = withUsage(training, next, sight, now);
  const isTransition = training.status?.phase !== next.phase;
  next = withProgress(training.status, next, { told: sight.progress, nowMs: sight.nowMs, isTransition });
  return { ...next, display: displayOf(next, sight) };
}

function attemptConditions(training: ModelTraining, status: ModelTrainingStatus, sight: Sight, now: string) {
  const pods = training.spec.trainer.numNodes;
  const values: ConditionValue[] = [];
  const place = status.admission?.cluster ?? '';
  const gotJob = sight.placed || isTrue(status.conditions, CONDITION.Placed);
  if (gotJob) {
    values.push({
      type: CONDITION.Placed,
      status: 'True',
      reason: 'Created',
      message: `the Job of attempt ${status.attempt} is in ${place}`,
    });
  }
  if (sight.unreachable !== undefined) {
    values.push({
      type: CONDITION.PodsReady,
      status: 'Unknown',
      reason: 'ClusterUnreachable',
      message: sight.unreachable,
    });
  } else if (sight.view !== undefined) {
    values.push(
      sight.view.allReady
        ? { type: CONDITION.PodsReady, status: 'True', reason: 'AllReady', message: `all ${pods} pods are ready` }
        : { type: CONDITION.PodsReady, status: 'False', ...whyStarting(sight.view, pods) },
    );
  }
  return withConditions(status.conditions, values, training.metadata.generation ?? 1, now);
}

function whyStarting({ ready, waiting }: AttemptView, pods: number): { reason: string; message: string } {
  const count = `${ready} of ${pods} pods are ready`;
  return waiting === undefined
    ? { reason: 'Starting', message: count }
    : { reason: 'PodsWaiting', message: `${count}: ${waiting}`.slice(0, 4096) };
}

function endAttempt(
  training: ModelTraining,
  status: ModelTrainingStatus,
  end: RunEnd,
  sight: Sight,
  now: string,
): ModelTrainingStatus {
  const avoided = avoidAfter(status.avoid, status.admission?.cluster ?? '', end, sight.nowMs, sight.avoidMs);
  const next = { ...status, ...(avoided.length > 0 ? { avoid: avoided } : {}) };
  const after = afterEnd(training.spec, status, end.reason);
  // Job and pods end by themselves, and there is no next attempt: keep them for their logs.
  if (after.outcome !== 'retry' && keepsJob(end.reason)) return closeAttempt(training, next, end, sight, now);
  const ran = runningSince(training.status ?? {});
  const ending = { reason: end.reason, message: end.message.slice(0, 512), time: now };
  return { ...next, ending: { ...ending, ...(ran === undefined ? {} : { startTime: ran }) } };
}

/** Releases the nodes and says what comes next. */
function closeAttempt(
  training: ModelTraining,
  status: ModelTrainingStatus,
  end: { reason: string; message: string; checkpointTime?: string | undefined },
  sight: Sight,
  now: string,
): ModelTrainingStatus {
  const reason = end.reason as RunEnd['reason'];
  const after = afterEnd(training.spec, status, reason);
  const metered = withUsage(training, status, { ...sight, closing: true }, now);
  const { admission, ending: _e, jobsStatus: _j, ...rest } = metered;
  const values: ConditionValue[] = [
    { type: CONDITION.PodsReady, status: 'False', reason: reason, message: end.message },
  ];
  if (after.outcome === 'succeeded') {
    values.push({
      type: CONDITION.Complete,
      status: 'True',
      reason: 'Succeeded',
      message: `attempt ${status.attempt} succeeded`,
    });
  } else if (after.outcome === 'failed') {
    values.push({
      type: CONDITION.Failed,
      status: 'True',
      reason: failureReason(reason, after.restarts),
      message: end.message,
    });
  } else {
    values.push({
      type: CONDITION.Placed,
      status: 'False',
      reason: reason,
      message: `attempt ${status.attempt} ended: ${end.message}`,
    });
  }
  return {
    ...rest,
    ...(after.outcome === 'retry'
      ? keptFor(admission)
      : { completionTime: now, ...(metered.jobsStatus === undefined ? {} : { jobsStatus: metered.jobsStatus }) }),
    restarts: after.restarts,
    attempts: appendAttempt(status, attemptRecord(training, { ...end, reason }, now)),
    ...(after.waitSeconds > 0 ? { nextAttemptTime: iso(sight.nowMs + after.waitSeconds * 1000) } : {}),
    conditions: withConditions(status.conditions, values, training.metadata.generation ?? 1, now),
  };
}

const keptFor = (admission: Admission | undefined): Pick<ModelTrainingStatus, 'previousAssignment'> =>
  admission === undefined
    ? {}
    : { previousAssignment: { cluster: admission.cluster, assignment: admission.assignment } };

function failureReason(reason: string, restarts: { infra: number; application: number }): string {
  const retried = reason === END_REASON.AppFailed ? restarts.application > 0 : restarts.infra > 0;
  return retried && reason !== END_REASON.DeadlineExceeded ? 'ReachedMaxRestarts' : reason;
}

/** Conditions that are always there. */
function standingConditions(training: ModelTraining, status: ModelTrainingStatus, sight: Sight): ConditionValue[] {
  const finished = isTrue(status.conditions, CONDITION.Complete) || isTrue(status.conditions, CONDITION.Failed);
  const { suspend } = training.spec;
  const suspended: ConditionValue =
    suspend && status.admission === undefined
      ? {
          type: CONDITION.Suspended,
          status: 'True',
          reason: 'Suspended',
          message: 'spec.suspend is true; nothing is held',
        }
      : {
          type: CONDITION.Suspended,
          status: 'False',
          reason: suspend ? 'Suspending' : 'NotSuspended',
          message: suspend ? 'its pods are being removed' : 'spec.suspend is false',
        };
  if (finished) {
    return [{ type: CONDITION.Admitted, status: 'False', reason: 'Finished', message: 'nodes and quota are released' }];
  }
  const values = [sight.honoured, suspended];
  if (status.admission === undefined) values.push(notAdmitted(training, status, sight));
  return values;
}

function notAdmitted(training: ModelTraining, status: ModelTrainingStatus, sight: Sight): ConditionValue {
  const say = (reason: string, message: string): ConditionValue => ({
    type: CONDITION.Admitted,
    status: 'False',
    reason,
    message,
  });
  if (sight.honoured.status !== 'True') return say(PENDING_REASON.SpecNotHonoured, sight.honoured.message);
  if (training.spec.suspend) return say(PENDING_REASON.Suspended, 'spec.suspend is true');
  if (status.nextAttemptTime !== undefined && Date.parse(status.nextAttemptTime) > sight.nowMs) {
    return say(PENDING_REASON.Backoff, `attempt ${(status.attempt ?? 0) + 1} not before ${status.nextAttemptTime}`);
  }
  const blocked = sight.evaluation.blocked ?? sight.waiting;
  if (blocked !== undefined) return say(blocked.reason, blocked.message.slice(0, 4096));
  return say(PENDING_REASON.Evaluating, 'waiting for the next scheduling cycle');
}

/** Closes the open interval of what is held: at transitions, and at most every five minutes between them. */
function withUsage(
  training: ModelTraining,
  status: ModelTrainingStatus,
  sight: Sight & { closing?: boolean },
  now: string,
): ModelTrainingStatus {
  const { meter, measured } = sight;
  if (meter === undefined || status.admission === undefined) return withLate(status, measured);
  const from =
    Math.max(Date.parse(status.usage?.until ?? ''), Date.parse(status.admission.admittedAt)) ||
    Date.parse(status.admission.admittedAt);
  const isFirst = status.usage?.source === 'Estimate' && (measured?.measured.measuredSeconds ?? 0) > 0;
  const transition = training.status?.phase !== status.phase || sight.closing === true || isFirst;
  if (!transition && secondsBetween(iso(from), now) * 1000 < METER_MS) return status;
  if (Date.parse(now) <= from && status.usage !== undefined) return status;
  const interval = estimate(meter, from, Date.parse(now));
  const usage = closeInterval(status.usage, interval, meter.facts.currency, now, measured);
  return { ...status, usage: sight.closing === true ? usage : withDraw(usage, measured) };
}

/** The last reports come when nothing is held any more. */
const withLate = (status: ModelTrainingStatus, measured: WorkloadUse | undefined): ModelTrainingStatus =>
  status.usage === undefined ? status : { ...status, usage: withLateMeasured(status.usage, measured) };

/** Of a training that is finished: nothing but what was measured is still to come. */
export function lateStatus({ status = {} }: ModelTraining, measured: WorkloadUse | undefined): ModelTrainingStatus {
  const next = withLate(status, measured);
  return { ...next, display: { ...next.display, ...usageDisplay(next) } };
}

function displayOf(status: ModelTrainingStatus, sight?: Sight): Display {
  const { placement } = status;
  const held = status.admission !== undefined;
  const gpus = placement?.gpus ?? 0;
  const pods = Math.max(1, sight?.evaluation.request?.pods ?? 1);
  const up = isTrue(status.conditions, CONDITION.PodsReady) ? pods : 0;
  const waiting = status.conditions?.find((entry) => entry.type === CONDITION.Admitted && entry.status === 'False');
  const failed = status.conditions?.find((entry) => entry.type === CONDITION.Failed && entry.status === 'True');
  const reason =
    failed?.reason ?? (status.phase === 'Succeeded' ? undefined : (status.ending?.reason ?? waiting?.reason));
  return {
    ...(held
      ? { gpus: `${(gpus / pods) * up}/${gpus}`, nodes: `${up}/${pods}`, accelerator: placement?.accelerator ?? '' }
      : {}),
    ...(!held && placement !== undefined ? { gpus: `0/${gpus}`, accelerator: placement.accelerator } : {}),
    ...usageDisplay(status),
    ...progressDisplay(status),
    ...waitDisplay(status, sight?.place),
    ...(reason === undefined ? {} : { reason }),
  };
}

type Display = NonNullable<ModelTrainingStatus['display']>;

const progressDisplay = ({ trainerStatus }: ModelTrainingStatus): Display =>
  trainerStatus?.progressPercentage === undefined ? {} : { progress: `${trainerStatus.progressPercentage}%` };

/** A time stands still truthfully, how long it waits yet would not; so that is told when the wait is over. */
function waitDisplay({ phase, times }: ModelTrainingStatus, place: Place = {}): Display {
  if (phase === 'Pending' || phase === 'Queued') return place;
  return times === undefined ? {} : { wait: duration(times.queuedSeconds * 1000) };
}

const usageDisplay = ({ usage }: ModelTrainingStatus): Display =>
  usage === undefined ? {} : { kWh: kWhText(usage), cost: costText(usage), co2: co2Text(usage) };
