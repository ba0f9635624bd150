import { END_REASON, type HeldReplica, LABEL, type ModelServing } from '../api/index.ts';
import type { MemberPod, MemberReplica } from '../regions/index.ts';
import { asksForAccelerators } from '../workloads/admission.ts';
import {
  notScheduled,
  onLostNode,
  type RunEnd,
  type RunSight,
  refusedByKubelet,
  whatPodsWaitFor,
} from '../workloads/run-end.ts';

/** What is seen of one replica, and what follows from it. */
export interface ReplicaView {
  /** Its member objects are all there. */
  readonly placed: boolean;
  /** All its pods are ready. */
  readonly ready: boolean;
  /** Hash of the templates it was made from; undefined: nothing of it was made yet. */
  readonly revision?: string;
  /** Why it is not ready, where a cause is seen. */
  readonly message?: string;
  /** The replica cannot stay on these nodes. */
  readonly end?: RunEnd;
}

export interface ReplicaSight extends RunSight {
  readonly admission: HeldReplica;
  readonly objects: readonly MemberReplica[];
  /** How many objects a replica has. */
  readonly wanted: number;
}

/** Pure: the same sight gives the same view. */
export function viewReplica(sight: ReplicaSight): ReplicaView {
  const { objects, wanted, pods } = sight;
  const active = sight.members.filter((pod) => pod.phase !== 'Succeeded' && pod.phase !== 'Failed');
  const up = active.filter((pod) => pod.ready && pod.metadata.deletionTimestamp === undefined).length;
  const placed = objects.length >= wanted;
  const ready = placed && up >= pods;
  const end =
    onLostNode(sight, active) ?? (ready ? undefined : (refused(sight, active) ?? notScheduled(sight, active)));
  const revision = objects[0]?.metadata.labels[LABEL.revision];
  const message = ready ? undefined : (whatPodsWaitFor(active) ?? `${up} of ${pods} pods ready`);
  return {
    placed,
    ready,
    ...(revision === undefined ? {} : { revision }),
    ...(message === undefined ? {} : { message: message.slice(0, 512) }),
    ...(end === undefined ? {} : { end }),
  };
}

/** A refused pod stays as Failed beside the one that took its place: only while nothing runs is it news. */
const refused = (sight: ReplicaSight, active: readonly MemberPod[]): RunEnd | undefined =>
  active.some((pod) => pod.phase === 'Running') ? undefined : refusedByKubelet(sight);

export interface RolloutInput {
  readonly replicas: number;
  readonly suspend: boolean;
  /** Queue on the path to the root that stops what runs in it. */
  readonly drainedBy?: string | undefined;
  /** Who pushes a replica out, in a sentence. */
  readonly preemptedBy?: (replica: number) => string | undefined;
  /** Hash of the present templates; undefined: they cannot be obeyed, what runs stays. */
  readonly revision: string | undefined;
  readonly shapeHash: string;
  /** Accelerators that the spec asks for. */
  readonly accelerators: ModelServing['spec']['accelerators'];
  /** Why the present spec is refused. */
  readonly refused?: string | undefined;
  readonly rolling?: number | undefined;
  readonly held: readonly HeldReplica[];
  /** Undefined: the member does not answer. */
  readonly view: (held: HeldReplica) => ReplicaView | undefined;
}

export interface Rollout {
  /** Replicas that give their nodes back, each with why. */
  readonly ends: ReadonlyMap<number, RunEnd>;
  /** Replica that is being replaced; the next one waits until it is ready. */
  readonly rolling?: number;
}

/** Which replicas end now: what is no longer wanted, what cannot stay, and one at a time what has an old template. */
export function rollout(input: RolloutInput): Rollout {
  const ends = new Map<number, RunEnd>();
  const kept = input.held.filter((held) => held.ending === undefined);
  for (const held of kept) {
    const end = notWanted(held, input) ?? input.view(held)?.end ?? neverMade(held, input);
    if (end !== undefined) ends.set(held.replica, end);
  }
  const rest = kept.filter((held) => !ends.has(held.replica));
  const next = nextToRoll(rest, input);
  const rolling = next ?? stillRolling(rest, input);
  if (next !== undefined)
    ends.set(next, endOf(END_REASON.RolledOut, 'spec changed: a replica of the new one takes its place'));
  return { ends, ...(rolling === undefined ? {} : { rolling }) };
}

const endOf = (reason: RunEnd['reason'], message: string): RunEnd => ({ reason, message, avoid: [] });

function notWanted(held: HeldReplica, input: RolloutInput): RunEnd | undefined {
  if (input.suspend) return endOf(END_REASON.Suspended, 'spec.suspend is true');
  if (held.replica >= input.replicas) {
    return endOf(END_REASON.ScaledDown, `spec.replicas is ${input.replicas}`);
  }
  const preempted = input.preemptedBy?.(held.replica);
  if (preempted !== undefined) return endOf(END_REASON.Preempted, preempted);
  if (input.drainedBy === undefined) return undefined;
  return endOf(END_REASON.QueueHeld, `queue ${input.drainedBy} has stopPolicy HoldAndDrain`);
}

/** Nothing of it was made, and nothing will be: it is refused, or was admitted for something else than is asked for now. */
function neverMade(held: HeldReplica, input: RolloutInput): RunEnd | undefined {
  const view = input.view(held);
  if (view === undefined || view.revision !== undefined) return undefined;
  if (input.refused !== undefined) return endOf(END_REASON.DispatchRefused, input.refused);
  if (held.shapeHash === input.shapeHash) return undefined;
  return endOf(END_REASON.SpecChanged, 'the spec asks for something else than what was admitted');
}

/** The replica that was replaced last, while it is not ready again. */
function stillRolling(rest: readonly HeldReplica[], { rolling, replicas, suspend, view }: RolloutInput) {
  if (rolling === undefined || rolling >= replicas || suspend) return undefined;
  const held = rest.find(({ replica }) => replica === rolling);
  return held !== undefined && view(held)?.ready === true ? undefined : rolling;
}

/**
 * The next replica of an old revision to replace: one that is not ready costs nothing and goes first. While the one
 * before is on its way, only that one itself may be replaced anew, so that a broken template can be corrected.
 */
function nextToRoll(rest: readonly HeldReplica[], input: RolloutInput): number | undefined {
  const old = rest.filter((held) => {
    const revision = input.view(held)?.revision;
    if (input.revision === undefined || revision === undefined) return false;
    return revision !== input.revision || !asksForAccelerators(input.accelerators, held);
  });
  const busy = stillRolling(rest, input);
  if (busy !== undefined) return old.find(({ replica }) => replica === busy)?.replica;
  const down = old.find((held) => input.view(held)?.ready !== true);
  return (down ?? old[0])?.replica;
}
