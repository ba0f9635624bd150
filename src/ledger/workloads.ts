import type { Admission, ModelServing, ModelTraining, Usage } from '../api/index.ts';
import { END_REASON, runKey, uidOf } from '../api/index.ts';
import { decodeAssignment } from '../core/assignment.ts';
import {
  type Classed,
  type Holding,
  holdingOf,
  NO_CLASSED,
  NO_SUMS,
  partsOf,
  type RunBook,
  type RunOwner,
  type RunTimes,
  toldBefore,
} from '../energy/index.ts';
import { boardsPerNode, type HubStores, tenantOf } from '../hub/index.ts';
import type { KubeObject } from '../kube/resource.ts';
import type { Member } from '../regions/index.ts';

type Workload = { readonly kind: 'ModelTraining'; readonly object: ModelTraining } | ServingWorkload;
interface ServingWorkload {
  readonly kind: 'ModelServing';
  readonly object: ModelServing;
}

/** A run that holds nodes of a cluster now. */
export interface HeldRun {
  /** `<uid of the workload>/<attempt>` */
  readonly run: string;
  readonly owner: RunOwner;
  readonly admission: Admission;
}

/** A deleted workload is remembered for so long, in ms: what its nodes measured last comes a minute late. */
const REMEMBERED_MS = 3_600_000;

/** What the hub knows of the workloads that hold boards, or held them a moment ago. */
export class Workloads {
  readonly #hub: HubStores;
  readonly #now: () => number;
  readonly #byUid = new Map<string, Workload>();
  readonly #gone = new Map<string, number>();
  /** Decoding a large gang at every look would take its time. */
  readonly #nodes = new WeakMap<object, readonly string[]>();

  constructor(hub: HubStores, now: () => number) {
    this.#hub = hub;
    this.#now = now;
    hub.trainings.subscribe(({ type, obj }) => this.#take(type, { kind: 'ModelTraining', object: obj }));
    hub.servings.subscribe(({ type, obj }) => this.#take(type, { kind: 'ModelServing', object: obj }));
  }

  #take(type: string, workload: Workload): void {
    const { uid = '' } = workload.object.metadata;
    this.#byUid.set(uid, workload);
    if (type === 'deleted') this.#gone.set(uid, this.#now());
    else this.#gone.delete(uid);
  }

  /** Forgets what has been deleted long ago. */
  prune(): void {
    for (const [uid, goneMs] of this.#gone) {
      if (this.#now() - goneMs < REMEMBERED_MS) continue;
      this.#gone.delete(uid);
      this.#byUid.delete(uid);
    }
  }

  owner(run: string): RunOwner | undefined {
    const found = this.#byUid.get(uidOf(run));
    if (found === undefined) return undefined;
    const { metadata, status } = found.object;
    const { namespace = '', name } = metadata;
    return {
      kind: found.kind,
      namespace,
      name,
      tenant: status?.tenant ?? tenantOf(this.#hub, namespace),
      accelerator: status?.placement?.accelerator ?? '',
    };
  }

  /** undefined: not known, or deleted. */
  object(uid: string): ((ModelTraining | ModelServing) & KubeObject) | undefined {
    return this.#gone.has(uid) ? undefined : this.#byUid.get(uid)?.object;
  }

  /** What it holds nodes by now. */
  admissions(uid: string): readonly Admission[] {
    const object = this.object(uid);
    return object === undefined ? [] : admissionsOf(object);
  }

  /** Whether nothing more will run of it: it is finished or gone. */
  isOver(uid: string): boolean {
    const found = this.#byUid.get(uid);
    if (found === undefined || this.#gone.has(uid)) return true;
    return found.kind === 'ModelTraining' && found.object.status?.completionTime !== undefined;
  }

  /** What the hub knows of a run's course; `known` is what was known before. Times by the cluster's clock. */
  times(run: string, known: RunTimes, skewMs: number): RunTimes {
    const found = this.#byUid.get(uidOf(run));
    const attempt = Number(run.slice(run.lastIndexOf('/') + 1));
    if (found === undefined) return { end: known.end ?? 'cutOff' };
    const isGone = this.#gone.has(uidOf(run));
    return found.kind === 'ModelTraining'
      ? trainingTimes(found.object, attempt, isGone, skewMs)
      : servingTimes(found.object, attempt, isGone, known, this.#now() + skewMs);
  }

  /** Runs that hold nodes of a cluster now. */
  *held(cluster: string): Iterable<HeldRun> {
    for (const [uid, { object }] of this.#byUid) {
      if (this.#gone.has(uid)) continue;
      for (const admission of admissionsOf(object)) {
        if (admission.cluster !== cluster) continue;
        const run = runKey(uid, admission.attempt);
        const owner = this.owner(run);
        if (owner !== undefined) yield { run, owner, admission };
      }
    }
  }

  /** Node of each pod. */
  nodesOf(admission: Pick<Admission, 'assignment'>): readonly string[] {
    const known = this.#nodes.get(admission);
    if (known !== undefined) return known;
    const nodes = decodeAssignment(admission.assignment);
    this.#nodes.set(admission, nodes);
    return nodes;
  }

  /** What a run holds of one node. */
  holdingOn(node: string, admission: Admission, member: Member): Holding {
    const pods = this.nodesOf(admission).filter((name) => name === node).length;
    return holdingOf(admission, pods, boardsPerNode(member, [node], admission.resourceName));
  }

  /** What status says was measured of a workload whose books were lost; undefined: nothing. */
  measuredBefore(uid: string): MeasuredBefore | undefined {
    const usage = this.#byUid.get(uid)?.object.status?.usage;
    return usage?.source === 'Integrated' ? fromUsage(usage) : undefined;
  }
}

/** What a workload of either kind holds nodes by. */
export function admissionsOf({ status }: ModelTraining | ModelServing): readonly Admission[] {
  if (status === undefined) return [];
  if ('admissions' in status) return status.admissions ?? [];
  return 'admission' in status && status.admission !== undefined ? [status.admission] : [];
}

function trainingTimes({ status = {} }: ModelTraining, attempt: number, isGone: boolean, skewMs: number): RunTimes {
  const record = status.attempts?.find((one) => one.attempt === attempt);
  const isCurrent = status.admission?.attempt === attempt;
  const ready = record?.startTime ?? (isCurrent && status.phase === 'Running' ? status.stateSince : undefined);
  const readyMs = ready === undefined ? {} : { readyMs: Date.parse(ready) + skewMs };
  if (isCurrent && !isGone) return readyMs;
  return { ...readyMs, end: record?.endReason === END_REASON.Succeeded ? 'well' : 'cutOff' };
}

/** A replica that ends loses nothing: what it answered is answered. */
function servingTimes(
  { status = {} }: ModelServing,
  attempt: number,
  isGone: boolean,
  known: RunTimes,
  nowMs: number,
): RunTimes {
  const held = status.admissions?.find((one) => one.attempt === attempt);
  const isReady = status.replicaStatuses?.find(({ replica }) => replica === held?.replica)?.ready === true;
  const readyMs = held !== undefined && isReady && known.readyMs === undefined ? { readyMs: nowMs } : {};
  return held === undefined || isGone ? { ...readyMs, end: 'well' } : readyMs;
}

type MeasuredBefore = Pick<RunBook, 'measured' | 'estimated' | 'classes' | 'otherCosts'>;

function fromUsage(usage: Usage): MeasuredBefore {
  const { measured, estimated } = partsOf(usage);
  const classed = (facilityJoules = 0): Classed => ({ ...NO_CLASSED, facilityJoules });
  return {
    measured: {
      ...{ ...NO_SUMS, ...measured, costMicros: 0 },
      measuredSeconds: (usage.gpuSeconds * (usage.coveragePermille ?? 0)) / 1000,
    },
    estimated: { ...NO_SUMS, ...estimated, costMicros: 0 },
    // Whatever the currency of the books is.
    otherCosts: toldBefore(usage),
    classes: {
      startup: classed(usage.startupJoules),
      useful: classed(usage.usefulJoules),
      lost: classed(usage.lostJoules),
      checkpoint: classed(usage.checkpointJoules),
    },
  };
}
