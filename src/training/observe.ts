import { type Admission, END_REASON, type EndReason } from '../api/index.ts';
import { decodeAssignment } from '../core/assignment.ts';
import type { MemberJob, MemberNode, MemberPod } from '../regions/index.ts';

/** Why and how an attempt is over. */
export interface AttemptEnd {
  readonly reason: EndReason;
  readonly message: string;
  /** Nodes the next attempt should not use. */
  readonly avoid: readonly {
    readonly node: string;
    readonly reason: 'NodeLost' | 'BindConflict';
    readonly bootId?: string;
  }[];
}

/** What is seen of an attempt, and what follows from it. */
export interface AttemptView {
  /** Pods that wait for their node, each with it. */
  readonly bind: readonly { readonly pod: MemberPod; readonly node: string }[];
  readonly ready: number;
  readonly allReady: boolean;
  /** Pods that are neither finished nor gone. */
  readonly active: number;
  readonly end?: AttemptEnd;
}

export interface AttemptSight {
  readonly admission: Admission;
  readonly pods: number;
  readonly job: MemberJob | undefined;
  readonly members: readonly MemberPod[];
  readonly node: (name: string) => MemberNode | undefined;
  /** How long, by our own clock, this node has been seen not Ready or missing, in ms; 0: it is well. */
  readonly nodeUnwellMs: (name: string) => number;
  /** How long, by our own clock, this pod has been seen free to be scheduled and not scheduled, in ms. */
  readonly unscheduledMs: (pod: MemberPod) => number;
  readonly nodeLostMs: number;
  readonly bindTimeoutMs: number;
}

/** Reasons with which a kubelet refuses a pod that was bound to it. */
const KUBELET_REFUSALS =
  /^(OutOf|UnexpectedAdmissionError|NodeAffinity|NodeName|NodePorts|TopologyAffinityError|InvalidNodeInfo|UnknownAdmission)/;

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
  return {
    bind: end === undefined ? podsToBind(sight, active) : [],
    ready,
    // Ranks end one after the other: those that succeeded count as ready.
    allReady: ready + succeeded >= sight.pods,
    active: active.length,
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

function attemptEnd(sight: AttemptSight, active: readonly MemberPod[]): AttemptEnd | undefined {
  if (sight.job?.complete === true) return { reason: END_REASON.Succeeded, message: 'all pods succeeded', avoid: [] };
  return refusedByKubelet(sight) ?? onLostNode(sight, active) ?? failedPod(sight) ?? notScheduled(sight, active);
}

function refusedByKubelet(sight: AttemptSight): AttemptEnd | undefined {
  const refused = sight.members.filter((pod) => pod.phase === 'Failed' && KUBELET_REFUSALS.test(pod.reason ?? ''));
  const first = refused[0];
  if (first === undefined) return undefined;
  return {
    reason: END_REASON.BindConflict,
    message: `node ${first.nodeName} refused pod ${first.metadata.name}: ${first.message ?? first.reason}`,
    avoid: avoidNodes(refused, 'BindConflict'),
  };
}

function onLostNode(sight: AttemptSight, active: readonly MemberPod[]): AttemptEnd | undefined {
  const lost = active.filter(
    (pod) => pod.nodeName !== undefined && sight.nodeUnwellMs(pod.nodeName) >= sight.nodeLostMs,
  );
  const first = lost[0];
  if (first?.nodeName === undefined) return undefined;
  const names = [...new Set(lost.map((pod) => pod.nodeName ?? ''))];
  return {
    reason: END_REASON.NodeLost,
    message: `${names.length === 1 ? 'node' : `${names.length} nodes, first`} ${names[0]} not ready for ${Math.round(sight.nodeLostMs / 1000)} s with ${lost.length} of ${sight.pods} pods`,
    avoid: names.map((node) => {
      const bootId = sight.node(node)?.bootId;
      return { node, reason: 'NodeLost' as const, ...(bootId === undefined ? {} : { bootId }) };
    }),
  };
}

function failedPod(sight: AttemptSight): AttemptEnd | undefined {
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

function notScheduled(sight: AttemptSight, active: readonly MemberPod[]): AttemptEnd | undefined {
  const stuck = active.filter(
    (pod) => pod.gates.length === 0 && pod.nodeName === undefined && sight.unscheduledMs(pod) >= sight.bindTimeoutMs,
  );
  const first = stuck[0];
  if (first === undefined) return undefined;
  const nodes = decodeAssignment(sight.admission.assignment);
  const target = (pod: MemberPod): string => nodes[pod.index ?? 0] ?? '';
  return {
    reason: END_REASON.BindConflict,
    message: `pod ${first.metadata.name} was not bound to ${target(first)} within ${Math.round(sight.bindTimeoutMs / 1000)} s: ${first.unschedulableMessage ?? 'no reason given'}`,
    avoid: [...new Set(stuck.map(target))].map((node) => ({ node, reason: 'BindConflict' as const })),
  };
}

function avoidNodes(pods: readonly MemberPod[], reason: 'NodeLost' | 'BindConflict') {
  return [...new Set(pods.map((pod) => pod.nodeName ?? ''))].filter(Boolean).map((node) => ({ node, reason }));
}
