import {
  CONDITION,
  type HeldReplica,
  type ModelServing,
  type ModelServingStatus,
  PENDING_REASON,
  type PlacementStatus,
  type ServingPhase,
} from '../api/index.ts';
import { assignmentSummary } from '../core/assignment.ts';
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
import { type ConditionValue, findCondition, isTrue, withConditions } from '../workloads/conditions.ts';
import { iso, secondsBetween } from '../workloads/times.ts';
import { servicePorts, servingSelector } from './desired.ts';
import { type Evaluation, ordinalOf } from './evaluate.ts';
import type { ReplicaView, Rollout } from './observe.ts';

/** Everything a status follows from, beside the old status. */
export interface Sight {
  readonly nowMs: number;
  readonly evaluation: Evaluation;
  readonly honoured: ConditionValue;
  /** The scheduler's last answer to the first replica that waits. */
  readonly waiting?: { readonly reason: string; readonly message: string } | undefined;
  /** Undefined: its member does not answer, or it is ending. */
  readonly view: (held: HeldReplica) => ReplicaView | undefined;
  readonly rollout: Rollout;
  /** Ending replicas of which the member confirmed that nothing is left. */
  readonly gone: ReadonlySet<number>;
  /** Whether a place is being cleared for a replica. */
  readonly nominated?: (replica: number) => boolean;
  readonly region: (cluster: string) => string;
  readonly meter: (held: HeldReplica) => Meter | undefined;
  /** What agents have measured of it. */
  readonly measured?: WorkloadUse | undefined;
  /** Members that do not answer, each with why. */
  readonly unreachable: ReadonlyMap<string, string>;
  readonly avoidMs: number;
}

/** Energy and usage are written at transitions and at most this often between them. */
const METER_MS = 300_000;

/** Status after the scheduler's decisions on some replicas: one write, before any member object exists. */
export function admittedStatus(
  serving: ModelServing,
  admits: readonly Admit[],
  evaluation: Evaluation,
  epoch: number,
  tenant: string,
  nowMs: number,
): ModelServingStatus {
  const now = iso(nowMs);
  const old = serving.status ?? {};
  const generation = serving.metadata.generation ?? 1;
  let attempt = old.attempt ?? 0;
  const added = admits.map((admit): HeldReplica => {
    attempt += 1;
    const of = { epoch, attempt, generation, shapeHash: evaluation.shapeHash, admittedAt: now };
    return { replica: ordinalOf(admit.workload.key), ...admissionOf(admit, of) };
  });
  const admissions = [...(old.admissions ?? []), ...added].sort((a, b) => a.replica - b.replica);
  const last = admits.at(-1);
  const taken = new Set(added.map(({ replica }) => replica));
  const { nominations, ...rest } = old;
  const others = nominations?.filter(({ replica }) => !taken.has(replica)) ?? [];
  const next: ModelServingStatus = {
    ...rest,
    ...(others.length > 0 ? { nominations: others } : {}),
    attempt,
    admissions,
    queue: evaluation.queue,
    tenant: old.tenant ?? tenant,
    replicas: admissions.length,
    ...(last === undefined ? {} : { placement: placementOf(admissions, last, now) }),
  };
  next.conditions = withConditions(next.conditions, [admittedCondition(serving, next, {})], generation, now);
  return { ...next, phase: phaseOf(serving, next) };
}

function placementOf(admissions: readonly HeldReplica[], admit: Admit, now: string): PlacementStatus {
  return {
    ...held(admissions, { region: admit.region, cluster: admit.cluster, accelerator: admit.accelerator }),
    decidedAt: now,
    decision: admit.decision,
  };
}

function held(admissions: readonly HeldReplica[], place: Pick<PlacementStatus, 'region' | 'cluster' | 'accelerator'>) {
  const summaries = admissions.map(({ assignment, cluster }) => ({ cluster, ...assignmentSummary(assignment) }));
  // A node's name is unique within its cluster only; two replicas may share a node.
  const nodes = new Set(summaries.flatMap(({ cluster, first }) => first.map((node) => `${cluster}/${node}`)));
  const beyond = summaries.reduce((sum, { nodeCount, first }) => sum + nodeCount - first.length, 0);
  return {
    ...place,
    gpus: admissions.reduce((sum, { gpusPerNode }, i) => sum + gpusPerNode * (summaries[i]?.podCount ?? 0), 0),
    nodeCount: nodes.size + beyond,
    nodes: [...nodes].slice(0, 8).map((node) => node.slice(node.indexOf('/') + 1)),
  };
}

/** The status that is true now. Pure; equal to the old one when nothing worth a write changed. */
export function deriveStatus(serving: ModelServing, sight: Sight): ModelServingStatus {
  const now = iso(sight.nowMs);
  const generation = serving.metadata.generation ?? 1;
  const before = serving.status ?? {};
  const { rollingReplica: _r, avoid: _a, nominations: _n, ...kept } = before;
  const nominations = (before.nominations ?? []).filter(({ replica }) => sight.nominated?.(replica) === true);
  const { rolling } = sight.rollout;
  const avoid = avoidedAfter(serving, sight);
  const replicaStatuses = replicaStatusesOf(before, sight);
  let next: ModelServingStatus = {
    ...kept,
    observedGeneration: generation,
    attempt: before.attempt ?? 0,
    queue: sight.evaluation.queue,
    admissions: admissionsAfter(before.admissions ?? [], sight, now),
    replicaStatuses,
    readyReplicas: replicaStatuses.filter(({ ready }) => ready).length,
    updatedReplicas: replicaStatuses.filter(({ revision }) => revision === sight.evaluation.revision).length,
    selector: selectorText(servingSelector(serving)),
    ...(rolling === undefined ? {} : { rollingReplica: rolling }),
    ...(avoid.length > 0 ? { avoid } : {}),
    ...(nominations.length > 0 ? { nominations } : {}),
  };
  next.replicas = next.admissions?.length ?? 0;
  next = withPlacement(next, sight);
  next = withAddresses(serving, next, sight);
  next.conditions = withConditions(before.conditions, conditionsOf(serving, next, sight), generation, now);
  next = { ...next, phase: phaseOf(serving, next) };
  if (next.phase === 'Ready' && next.startTime === undefined) next.startTime = now;
  next = withUsage(serving, next, sight, now);
  return { ...next, display: displayOf(serving, next) };
}

function admissionsAfter(before: readonly HeldReplica[], sight: Sight, now: string): HeldReplica[] {
  return before
    .filter(({ replica }) => !sight.gone.has(replica))
    .map((entry) => {
      const end = sight.rollout.ends.get(entry.replica);
      if (end === undefined || entry.ending !== undefined) return entry;
      return { ...entry, ending: { reason: end.reason, message: end.message.slice(0, 512), time: now } };
    });
}

function avoidedAfter({ status }: ModelServing, sight: Sight) {
  let avoid = status?.avoid ?? [];
  for (const { replica, cluster } of status?.admissions ?? []) {
    const end = sight.rollout.ends.get(replica);
    if (end !== undefined && end.avoid.length > 0) avoid = avoidAfter(avoid, cluster, end, sight.nowMs, sight.avoidMs);
  }
  return avoid;
}

function replicaStatusesOf(
  before: ModelServingStatus,
  sight: Sight,
): NonNullable<ModelServingStatus['replicaStatuses']> {
  return (before.admissions ?? [])
    .filter(({ replica }) => !sight.gone.has(replica))
    .map((entry) => {
      const known = before.replicaStatuses?.find(({ replica }) => replica === entry.replica);
      const view = sight.view(entry);
      const ending = entry.ending ?? sight.rollout.ends.get(entry.replica);
      const message = ending?.message ?? (view === undefined ? sight.unreachable.get(entry.cluster) : view.message);
      return {
        replica: entry.replica,
        region: sight.region(entry.cluster),
        cluster: entry.cluster,
        // While the member does not answer, the last that was known stands.
        ready: ending === undefined && (view === undefined ? known?.ready === true : view.ready),
        revision: view?.revision ?? known?.revision ?? '',
        nodes: assignmentSummary(entry.assignment).first,
        ...(message === undefined ? {} : { message: message.slice(0, 512) }),
      };
    });
}

/** Where the first replica is stands for all; the record of the decision stays. */
function withPlacement(status: ModelServingStatus, sight: Sight): ModelServingStatus {
  const { placement, ...rest } = status;
  const first = status.admissions?.[0];
  if (first === undefined || placement === undefined) return rest;
  const place = { region: sight.region(first.cluster), cluster: first.cluster, accelerator: first.accelerator };
  return { ...status, placement: { ...placement, ...held(status.admissions ?? [], place) } };
}

/** An address for each region where replicas are; the first is that of most ready replicas. */
function withAddresses(serving: ModelServing, status: ModelServingStatus, sight: Sight): ModelServingStatus {
  const { url: _url, addresses: _addresses, ...rest } = status;
  const ready = new Map<string, number>();
  for (const { cluster } of status.admissions ?? []) ready.set(sight.region(cluster), 0);
  for (const { region, ready: up } of status.replicaStatuses ?? []) {
    if (up) ready.set(region, (ready.get(region) ?? 0) + 1);
  }
  if (ready.size === 0) return rest;
  const { name, namespace } = serving.metadata;
  const url = `http://${name}.${namespace}.svc:${servicePorts(serving)[0]?.port}`;
  const regions = [...ready].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([region]) => region);
  return { ...rest, url, addresses: regions.map((region) => ({ region, url })) };
}

const selectorText = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

function conditionsOf(serving: ModelServing, status: ModelServingStatus, sight: Sight): ConditionValue[] {
  const { suspend } = serving.spec;
  const holds = (status.admissions?.length ?? 0) > 0;
  const suspended: ConditionValue = suspend
    ? {
        type: CONDITION.Suspended,
        status: holds ? 'False' : 'True',
        reason: holds ? 'Suspending' : 'Suspended',
        message: holds ? 'its pods are being removed' : 'spec.suspend is true; nothing is held',
      }
    : { type: CONDITION.Suspended, status: 'False', reason: 'NotSuspended', message: 'spec.suspend is false' };
  return [
    sight.honoured,
    suspended,
    admittedCondition(serving, status, sight),
    placedCondition(serving, status, sight),
    readyCondition(serving, status, sight),
  ];
}

/** True while every wanted replica holds its nodes. */
function admittedCondition(
  serving: ModelServing,
  status: ModelServingStatus,
  sight: Partial<Pick<Sight, 'honoured' | 'evaluation' | 'waiting'>>,
): ConditionValue {
  const { replicas, suspend } = serving.spec;
  const say = (value: ConditionValue['status'], reason: string, message: string): ConditionValue => ({
    type: CONDITION.Admitted,
    status: value,
    reason,
    message: message.slice(0, 4096),
  });
  if (sight.honoured !== undefined && sight.honoured.status !== 'True') {
    return say('False', PENDING_REASON.SpecNotHonoured, sight.honoured.message);
  }
  if (suspend) return say('False', PENDING_REASON.Suspended, 'spec.suspend is true');
  const admitted = (status.admissions ?? []).filter(({ ending }) => ending === undefined);
  if (admitted.length >= replicas) {
    const reason = status.placement?.decision?.reason ?? '';
    return say('True', 'Admitted', `${replicas} of ${replicas} replicas hold nodes. ${reason}`.trim());
  }
  const what = `${admitted.length} of ${replicas} replicas hold nodes; the next`;
  const blocked = sight.evaluation?.blocked ?? sight.waiting;
  if (blocked !== undefined) return say('False', blocked.reason, `${what}: ${blocked.message}`);
  const ending = status.admissions?.some((entry) => entry.ending !== undefined) === true;
  return ending
    ? say('False', PENDING_REASON.WaitingForCleanup, `${what} waits until the pods of the one before are gone`)
    : say('False', PENDING_REASON.Evaluating, `${what} waits for the next scheduling cycle`);
}

function placedCondition(serving: ModelServing, status: ModelServingStatus, sight: Sight): ConditionValue {
  const admissions = status.admissions ?? [];
  const placed = (status.replicaStatuses ?? []).filter(({ revision }) => revision !== '').length;
  const all = placed === admissions.length && placed >= serving.spec.replicas;
  const lost = admissions.find(({ cluster }) => sight.unreachable.has(cluster));
  return {
    type: CONDITION.Placed,
    status: all && placed > 0 ? 'True' : 'False',
    reason: lost !== undefined ? 'ClusterUnreachable' : all && placed > 0 ? 'Created' : 'Dispatching',
    message:
      lost !== undefined
        ? (sight.unreachable.get(lost.cluster) ?? '')
        : `the objects of ${placed} of ${serving.spec.replicas} replicas exist`,
  };
}

function readyCondition(serving: ModelServing, status: ModelServingStatus, sight: Sight): ConditionValue {
  const { replicas, suspend } = serving.spec;
  const { readyReplicas = 0, updatedReplicas = 0 } = status;
  const say = (value: ConditionValue['status'], reason: string, message: string): ConditionValue => ({
    type: CONDITION.Ready,
    status: value,
    reason,
    message: message.slice(0, 4096),
  });
  const counts = `${readyReplicas} of ${replicas} replicas ready`;
  if (suspend) return say('False', 'Suspended', 'spec.suspend is true');
  if (replicas === 0) return say('False', 'ScaledToZero', 'spec.replicas is 0: nothing answers');
  if (sight.honoured.status === 'False') return say('False', 'SpecNotHonoured', sight.honoured.message);
  const [lost] = sight.unreachable;
  if (lost !== undefined) return say('Unknown', 'ClusterUnreachable', `${counts} when last seen; ${lost[1]}`);
  const outdated = status.replicaStatuses?.some(
    ({ revision }) => revision !== '' && revision !== sight.evaluation.revision,
  );
  const updating = status.rollingReplica !== undefined || outdated === true;
  if (readyReplicas >= replicas && !updating) return say('True', 'AllReady', counts);
  if (updating) return say('False', 'Updating', `${counts}, ${updatedReplicas} of the present spec`);
  const cause = status.replicaStatuses?.find(({ ready, message }) => !ready && message !== undefined)?.message;
  return say('False', 'NotAllReady', cause === undefined ? counts : `${counts}: ${cause}`);
}

/** The one word for people; a pure function of what was asked and what is so. */
export function phaseOf(serving: Pick<ModelServing, 'spec'>, status: ModelServingStatus): ServingPhase {
  const { replicas, suspend } = serving.spec;
  const { readyReplicas = 0, admissions = [] } = status;
  if (suspend) return 'Suspended';
  if (replicas === 0) return 'ScaledToZero';
  if (isTrue(status.conditions, CONDITION.Ready)) return 'Ready';
  const reason = findCondition(status.conditions, CONDITION.Ready)?.reason;
  if (reason === 'ClusterUnreachable' && readyReplicas >= replicas) return 'Ready';
  if (reason === 'Updating') return 'Updating';
  if (readyReplicas > 0 && status.startTime !== undefined) return 'Degraded';
  if (admissions.length > 0) return 'Loading';
  return isTrue(status.conditions, CONDITION.SpecHonoured) ? 'Queued' : 'Pending';
}

/** Closes the open intervals of what is held: when that changes, and at most every five minutes between. */
function withUsage(serving: ModelServing, status: ModelServingStatus, sight: Sight, now: string): ModelServingStatus {
  const before = serving.status?.admissions ?? [];
  const { measured } = sight;
  if (before.length === 0) {
    return status.usage === undefined ? status : { ...status, usage: withLateMeasured(status.usage, measured) };
  }
  const isFirst = status.usage?.source === 'Estimate' && (measured?.measured.measuredSeconds ?? 0) > 0;
  const since = status.usage?.until ?? before[0]?.admittedAt ?? now;
  const changed =
    before.length !== (status.admissions ?? []).length || serving.status?.phase !== status.phase || isFirst;
  if (!changed && secondsBetween(since, now) * 1000 < METER_MS) return status;
  let { usage } = status;
  for (const entry of before) {
    const meter = sight.meter(entry);
    if (meter === undefined) continue;
    const from = Math.max(Date.parse(entry.admittedAt), Date.parse(status.usage?.until ?? entry.admittedAt));
    const interval = estimate(meter, from, Date.parse(now));
    usage = closeInterval(usage, interval, meter.facts.currency, now, measured);
  }
  if (usage === undefined) return status;
  // What is drawn is of all that was held before.
  const isSame = before.length === (status.admissions ?? []).length;
  return { ...status, usage: isSame ? withDraw(usage, measured) : usage };
}

function displayOf({ spec }: ModelServing, status: ModelServingStatus): NonNullable<ModelServingStatus['display']> {
  const { usage, placement, readyReplicas = 0 } = status;
  const perReplica =
    (status.admissions?.[0]?.gpusPerNode ?? spec.accelerators[0]?.countPerNode ?? 0) * spec.nodesPerReplica;
  const waits = ([CONDITION.Admitted, CONDITION.Ready] as const)
    .map((type) => findCondition(status.conditions, type))
    .find((condition) => condition !== undefined && condition.status !== 'True');
  return {
    ready: `${readyReplicas}/${spec.replicas}`,
    gpus: `${readyReplicas * perReplica}/${spec.replicas * perReplica}`,
    ...(placement === undefined ? {} : { accelerator: placement.accelerator }),
    ...(usage === undefined ? {} : { kWh: kWhText(usage), cost: costText(usage), co2: co2Text(usage) }),
    ...(waits === undefined ? {} : { reason: waits.reason }),
  };
}
