import { type Admission, END_REASON, type EndReason } from '../api/index.ts';
import { decodeAssignment } from '../core/assignment.ts';
import type { MemberNode, MemberPod } from '../regions/index.ts';

/** Why and how a run (an attempt of a training, a replica of a serving) is over. */
export interface RunEnd {
  readonly reason: EndReason;
  readonly message: string;
  /** Nodes the next run should not use. */
  readonly avoid: readonly {
    readonly node: string;
    readonly reason: 'NodeLost' | 'BindConflict';
    readonly bootId?: string;
  }[];
}

/** What is seen of the pods of a run and of the nodes below them. */
export interface RunSight {
  readonly admission: Pick<Admission, 'assignment'>;
  /** Pods it has when it is whole. */
  readonly pods: number;
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

export function refusedByKubelet(sight: RunSight): RunEnd | undefined {
  const refused = sight.members.filter((pod) => pod.phase === 'Failed' && KUBELET_REFUSALS.test(pod.reason ?? ''));
  const first = refused[0];
  if (first === undefined) return undefined;
  return {
    reason: END_REASON.BindConflict,
    message: `node ${first.nodeName} refused pod ${first.metadata.name}: ${first.message ?? first.reason}`,
    avoid: avoidNodes(refused, 'BindConflict'),
  };
}

export function onLostNode(sight: RunSight, active: readonly MemberPod[]): RunEnd | undefined {
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

export function notScheduled(sight: RunSight, active: readonly MemberPod[]): RunEnd | undefined {
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

/** What a pod that is not ready waits for, by the first of which it is known. */
export function whatPodsWaitFor(active: readonly MemberPod[]): string | undefined {
  for (const pod of active) {
    const { name } = pod.metadata;
    if (pod.waitingReason !== undefined) {
      const more = pod.waitingMessage === undefined ? '' : `: ${pod.waitingMessage}`;
      return `pod ${name} waits, ${pod.waitingReason}${more}`;
    }
    if (pod.nodeName === undefined && pod.unschedulableMessage !== undefined) {
      return `pod ${name} is not scheduled: ${pod.unschedulableMessage}`;
    }
  }
  return undefined;
}
