import { type Admission, END_REASON } from '../api/index.ts';
import { decodeAssignment } from '../core/assignment.ts';
import type { MemberJob, MemberPod } from '../regions/index.ts';
import {
  notScheduled,
  onLostNode,
  type RunEnd,
  type RunSight,
  refusedByKubelet,
  whatPodsWaitFor,
} from '../workloads/run-end.ts';

/** What is seen of an attempt, and what follows from it. */
export interface AttemptView {
  /** Pods that wait for their node, each with it. */
  readonly bind: readonly { readonly pod: MemberPod; readonly node: string }[];
  readonly ready: number;
  readonly allReady: boolean;
  /** Pods that are neither finished nor gone. */
  readonly active: number;
  /** What the pods that are not ready wait for, where it is known. */
  readonly waiting?: string;
  readonly end?: RunEnd;
}

export interface AttemptSight extends RunSight {
  readonly admission: Pick<Admission, 'assignment' | 'relocateAfterSeconds'>;
  readonly job: MemberJob | undefined;
  /** How long, by our own clock, it has had as many pods as it has, in ms. */
  readonly missingMs: number;
}

/** Pure: the same sight gives the same view. */
export function viewAttempt(sight: AttemptSight): AttemptView {
  const active = sight.members.filter((pod) => pod.phase !== 'Succeeded' && pod.phase !== 'Failed');
  const ready = active.filter((pod) => pod.ready && pod.metadata.deletionTimestamp === undefined).length;
  // The Job's count and the pods come by different watches: the larger is the newer.
  const succeeded = Math.max(
    sight.job?.succeeded ?? 0,
    sight.members.filter((pod) => pod.phase === 'Succeeded').length,
  );
  const end = attemptEnd(sight, active);
  const waiting = whatPodsWaitFor(active);
  return {
    bind: end === undefined ? podsToBind(sight, active) : [],
    ready,
    // Ranks end one after the other: those that succeeded count as ready.
    allReady: ready + succeeded >= sight.pods,
    active: active.length,
    ...(waiting === undefined ? {} : { waiting }),
    ...(end === undefined ? {} : { end }),
  };
}

function podsToBind(sight: AttemptSight, active: readonly MemberPod[]) {
  const gated = active.filter((pod) => pod.gates.length > 0 && pod.metadata.deletionTimestamp === undefined);
  if (gated.length === 0) return [];
  const nodes = decodeAssignment(sight.admission.assignment);
  return gated.flatMap((pod) => {
    const node = pod.index === undefined ? undefined : nodes[pod.index];
    return node === undefined ? [] : [{ pod, node }];
  });
}

function attemptEnd(sight: AttemptSight, active: readonly MemberPod[]): RunEnd | undefined {
  if (sight.job?.complete === true) return { reason: END_REASON.Succeeded, message: 'all pods succeeded', avoid: [] };
  return (
    refusedByKubelet(sight) ??
    onLostNode(sight, active) ??
    failedPod(sight) ??
    notScheduled(sight, active) ??
    notCreated(sight)
  );
}

/** The member's Job controller may not make the pods: a quota, a policy, a webhook of that cluster. */
function notCreated({ members, pods, job, missingMs, bindTimeoutMs }: AttemptSight): RunEnd | undefined {
  if (job === undefined || members.length >= pods || missingMs < bindTimeoutMs) return undefined;
  const { namespace, name } = job.metadata;
  return {
    reason: END_REASON.DispatchRefused,
    message: `only ${members.length} of ${pods} pods of Job ${namespace}/${name} were created, and no other for ${Math.round(missingMs / 1000)} s; the events of that Job in the region say why`,
    avoid: [],
  };
}

function failedPod(sight: AttemptSight): RunEnd | undefined {
  const { relocateAfterSeconds } = sight.admission;
  if (sight.job?.failure?.reason === 'DeadlineExceeded' && relocateAfterSeconds !== undefined) {
    return {
      reason: END_REASON.RegionLost,
      message: `the hub did not reach the region for ${relocateAfterSeconds} s, so the attempt ended itself there`,
      avoid: [],
    };
  }
  const failed = sight.members.filter((pod) => pod.phase === 'Failed');
  if (failed.length === 0 && sight.job?.failure === undefined) return undefined;
  // A program's own exit comes first: the other pods of the gang are killed because of it.
  const app = failed.find((pod) => pod.exitCode !== undefined && !wasTakenAway(pod));
  if (app !== undefined) {
    return {
      reason: END_REASON.AppFailed,
      message: `pod ${app.metadata.name} on ${app.nodeName} exited with code ${app.exitCode}${app.exitReason === undefined ? '' : ` (${app.exitReason})`}`,
      avoid: [],
    };
  }
  const pod = failed[0];
  const detail =
    pod === undefined
      ? `Job failed: ${sight.job?.failure?.message ?? sight.job?.failure?.reason}; its failed pods are gone`
      : `pod ${pod.metadata.name} on ${pod.nodeName ?? 'no node'} was taken away${pod.disruption === undefined ? '' : ` (${pod.disruption})`}`;
  return { reason: END_REASON.PodLost, message: detail, avoid: [] };
}

const wasTakenAway = (pod: MemberPod): boolean =>
  pod.disruption !== undefined || pod.metadata.deletionTimestamp !== undefined;
