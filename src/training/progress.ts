import type { ModelTrainingStatus, Progress, TrainerStatus } from '../api/index.ts';
import { iso, secondsBetween } from '../workloads/times.ts';
import { resumeSource, runningSince, totalRunningSeconds } from './lifecycle.ts';

/** Progress alone is written at most once in so many milliseconds. */
const PACE_MS = 60_000;
/** Percent below which run time says too little of the rest. */
const LEAST_PERCENT = 1;

/** What is seen of progress in one look. */
export interface ProgressSight {
  readonly told: Progress | undefined;
  readonly nowMs: number;
  /** Something else is written, too. */
  readonly isTransition: boolean;
}

/** The status with what its program tells, as far as that holds. */
export function withProgress(
  before: ModelTrainingStatus | undefined,
  status: ModelTrainingStatus,
  { told, nowMs, isTransition }: ProgressSight,
): ModelTrainingStatus {
  const { trainerStatus: old, ...rest } = status;
  const trainerStatus = carried(before, status, updated(old, told, status, nowMs, isTransition));
  return trainerStatus === undefined ? rest : { ...rest, trainerStatus };
}

function updated(
  old: TrainerStatus | undefined,
  told: Progress | undefined,
  status: ModelTrainingStatus,
  nowMs: number,
  isTransition: boolean,
): TrainerStatus | undefined {
  if (told === undefined || !isNews(old, told, nowMs)) return old;
  if (!isTransition && waitMs(old, nowMs) > 0) return old;
  const { percent } = told;
  const remaining = told.remainingSeconds ?? reckoned(percent, totalRunningSeconds(status, iso(nowMs)));
  return {
    ...(percent === undefined ? {} : { progressPercentage: Math.floor(percent) }),
    ...(remaining === undefined ? {} : { estimatedRemainingSeconds: remaining }),
    lastUpdatedTime: iso(nowMs),
  };
}

/** A whole percent, or another rest that moves the expected end by a tenth of it. */
function isNews(old: TrainerStatus | undefined, told: Progress, nowMs: number): boolean {
  if (old === undefined) return true;
  const { percent, remainingSeconds: rest } = told;
  if ((percent === undefined ? undefined : Math.floor(percent)) !== old.progressPercentage) return true;
  const before = old.estimatedRemainingSeconds;
  if (rest === undefined || rest === before) return false;
  if (before === undefined) return true;
  const moved = nowMs + rest * 1000 - (Date.parse(old.lastUpdatedTime) + before * 1000);
  return Math.abs(moved) > Math.max(PACE_MS, rest * 100);
}

const waitMs = (old: TrainerStatus | undefined, nowMs: number): number =>
  old === undefined ? 0 : Date.parse(old.lastUpdatedTime) + PACE_MS - nowMs;

/** When what is told may be written, in ms from now; undefined: it is written, or no news. */
export function progressDueMs(
  { trainerStatus }: ModelTrainingStatus,
  told: Progress | undefined,
  nowMs: number,
): number | undefined {
  if (told === undefined || trainerStatus === undefined || !isNews(trainerStatus, told, nowMs)) return undefined;
  return Math.max(1000, waitMs(trainerStatus, nowMs));
}

/** The rest takes as long as the part before it did, lost work included. */
function reckoned(percent: number | undefined, ranSeconds: number): number | undefined {
  if (percent === undefined || percent < LEAST_PERCENT || ranSeconds <= 0) return undefined;
  return Math.round((ranSeconds * (100 - percent)) / percent);
}

/** Of one that finished nothing is left to do; where no checkpoint was told of, the next attempt begins anew. */
function carried(
  before: ModelTrainingStatus | undefined,
  status: ModelTrainingStatus,
  trainerStatus: TrainerStatus | undefined,
): TrainerStatus | undefined {
  if (trainerStatus === undefined) return undefined;
  if (status.completionTime !== undefined) {
    const { estimatedRemainingSeconds: _over, ...last } = trainerStatus;
    return last.progressPercentage === undefined ? undefined : last;
  }
  const isBetween = before?.admission !== undefined && status.admission === undefined;
  return isBetween && resumeSource(status.attempts ?? [])?.checkpointTime === undefined ? undefined : trainerStatus;
}

/**
 * Running time that it needs yet in seconds by what it told; below 0: so much longer than that it has run. What was told
 * before this run counts from the run's start. undefined: it told nothing.
 */
export function leftSeconds(status: ModelTrainingStatus, nowMs: number): number | undefined {
  const { estimatedRemainingSeconds: left, lastUpdatedTime = '' } = status.trainerStatus ?? {};
  if (left === undefined) return undefined;
  const since = runningSince(status);
  if (since === undefined) return left;
  const from = Date.parse(since) > Date.parse(lastUpdatedTime) ? since : lastUpdatedTime;
  return left - secondsBetween(from, iso(nowMs));
}
