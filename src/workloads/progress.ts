import { LABEL, type Progress, progressOf } from '../api/index.ts';
import type { MemberPod } from '../regions/index.ts';

/**
 * What an attempt's pods say of its progress: a gang is no further than its slowest pod, so of several that tell the
 * least percent and the longest rest count. undefined: none says anything.
 */
export function toldProgress(pods: readonly MemberPod[], attempt: number): Progress | undefined {
  const told = pods.flatMap(({ metadata }) =>
    metadata.labels[LABEL.attempt] === String(attempt) ? (progressOf(metadata.annotations) ?? []) : [],
  );
  if (told.length === 0) return undefined;
  const percents = told.flatMap(({ percent }) => percent ?? []);
  const rests = told.flatMap(({ remainingSeconds }) => remainingSeconds ?? []);
  return {
    ...(percents.length === 0 ? {} : { percent: Math.min(...percents) }),
    ...(rests.length === 0 ? {} : { remainingSeconds: Math.max(...rests) }),
  };
}
