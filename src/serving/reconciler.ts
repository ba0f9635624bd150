import {
  ANNOTATION,
  CONDITION,
  FINALIZER,
  type HeldReplica,
  LABEL,
  type ModelServing,
  type ModelServingStatus,
} from '../api/index.ts';
import { assignmentSummary, decodeAssignment } from '../core/assignment.ts';
import type { Admit, Nominated, NotAdmitted } from '../core/model.ts';
import { holdingOf } from '../energy/index.ts';
import {
  boardsPerNode,
  declaredAccelerators,
  energyFacts,
  type HubStores,
  priorityOf,
  queueOf,
  regionOf,
  SERVINGS,
  tenantOf,
} from '../hub/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, isNotFound, isUnreachable } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/events.ts';
import { addFinalizer, removeFinalizer } from '../kube/finalizers.ts';
import type { StatusWriter } from '../kube/status-writer.ts';
import { type Member, type MemberPod, type MemberRegistry, runKey } from '../regions/index.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ReconcileResult } from '../runtime/controller.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Binder, BindResult, Holder, Scheduler } from '../scheduling/index.ts';
import { stillAvoided } from '../workloads/avoid.ts';
import { findCondition } from '../workloads/conditions.ts';
import { dispatchRefused, type HonourCheck, honouredNow } from '../workloads/honour.ts';
import type { MemberNamespaces } from '../workloads/namespaces.ts';
import { nominationOf, nominationStatus } from '../workloads/nomination.ts';
import type { RunSettings } from '../workloads/settings.ts';
import type { Tombstones } from '../workloads/tombstones.ts';
import { Stopwatches } from '../workloads/watches.ts';
import { replicaObjects } from './desired.ts';
import { type Evaluation, evaluate, ordinalOf, replicaKey, type ServingContext } from './evaluate.ts';
import { MemberReplicas } from './members.ts';
import { type ReplicaView, rollout, viewReplica } from './observe.ts';
import { admittedStatus, deriveStatus, type Meter } from './status.ts';

export interface ServingDeps {
  readonly hubId: string;
  readonly hub: HubStores;
  readonly client: KubeClient;
  readonly members: MemberRegistry;
  readonly namespaces: MemberNamespaces;
  readonly scheduler: Scheduler;
  readonly status: StatusWriter;
  readonly events: EventRecorder;
  readonly honour: HonourCheck;
  readonly tombstones: Pick<Tombstones, 'bury'>;
  readonly settings: RunSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly enqueue: (key: string) => void;
}

/** How soon to look again at a member that does not answer, and at objects being removed, in ms. */
const UNREACHABLE_RETRY_MS = 5_000;
const REMOVAL_RETRY_MS = 1_000;
/** Usage is closed, and a Service looked at again, at least so often while anything is held, in ms. */
const HELD_LOOK_MS = 300_000;

interface Batch {
  readonly admits: Admit[];
  readonly written: Promise<ReadonlyMap<string, { result: BindResult; resourceVersion?: string }>>;
}

/** What became of the members' side in one look. */
interface Acted {
  readonly gone: ReadonlySet<number>;
  readonly unreachable: ReadonlyMap<string, string>;
  readonly refused?: string | undefined;
}

/** Brings one ModelServing nearer to what it asks for: the only writer of its status. */
export class ServingReconciler implements Binder {
  readonly #deps: ServingDeps;
  readonly #watches: Stopwatches;
  readonly #replicas: MemberReplicas;
  /** Replicas the scheduler was told of, by uid. */
  readonly #told = new Map<string, Set<number>>();
  readonly #batches = new Map<string, Batch>();

  constructor(deps: ServingDeps) {
    this.#deps = deps;
    this.#watches = new Stopwatches(deps.clock);
    this.#replicas = new MemberReplicas(deps.hubId, deps.clock);
  }

  /** Tells the scheduler what each replica wants or holds; called for each change of the object, in order. */
  observe(serving: ModelServing): Evaluation {
    const { scheduler } = this.#deps;
    const evaluation = evaluate(serving, this.#context(serving));
    const { metadata, status, spec } = serving;
    const { uid = '', resourceVersion = '0' } = metadata;
    const told = new Set<number>();
    const base = { kind: 'ModelServing' as const, resourceVersion };
    for (const held of status?.admissions ?? []) {
      told.add(held.replica);
      scheduler.observe({ ...base, key: replicaKey(uid, held.replica), holder: this.#holder(serving, held) });
    }
    const waits =
      metadata.deletionTimestamp === undefined &&
      metadata.finalizers?.includes(FINALIZER) === true &&
      !spec.suspend &&
      honouredNow(serving);
    for (let replica = 0; replica < spec.replicas; replica += 1) {
      if (told.has(replica)) continue;
      told.add(replica);
      const pending = waits ? evaluation.workloadOf?.(replica) : undefined;
      const kept = status?.nominations?.find((entry) => entry.replica === replica);
      scheduler.observe({
        ...{ ...base, key: replicaKey(uid, replica) },
        ...(pending === undefined ? {} : { pending }),
        nomination: kept && nominationOf(kept, regionOf(this.#deps.hub, kept.cluster)),
      });
    }
    for (const old of this.#told.get(uid) ?? []) if (!told.has(old)) scheduler.forget(replicaKey(uid, old));
    this.#told.set(uid, told);
    return evaluation;
  }

  /** The object is gone. */
  forget(uid: string): void {
    for (const replica of this.#told.get(uid) ?? []) this.#deps.scheduler.forget(replicaKey(uid, replica));
    this.#told.delete(uid);
    this.#watches.forget(uid);
  }

  /** What one cycle decides for the replicas of one serving goes out in one write. */
  async bind(admit: Admit, epoch: number, nowMs: number): Promise<{ result: BindResult; resourceVersion?: string }> {
    const key = `${admit.workload.namespace}/${admit.workload.name}`;
    let batch = this.#batches.get(key);
    if (batch === undefined) {
      const admits: Admit[] = [];
      const written = Promise.resolve().then(() => {
        this.#batches.delete(key);
        return this.#bindAll(key, admits, epoch, nowMs);
      });
      batch = { admits, written };
      this.#batches.set(key, batch);
    }
    batch.admits.push(admit);
    return (await batch.written).get(admit.workload.key) ?? { result: 'conflict' };
  }

  async #bindAll(key: string, admits: readonly Admit[], epoch: number, nowMs: number) {
    const { hub, status, events } = this.#deps;
    const serving = hub.servings.get(key);
    const uid = serving?.metadata.uid;
    const results = new Map<string, { result: BindResult; resourceVersion?: string }>();
    if (serving === undefined || uid === undefined || admits.some(({ workload }) => !workload.key.startsWith(uid))) {
      for (const { workload } of admits) results.set(workload.key, { result: 'gone' });
      return results;
    }
    const evaluation = evaluate(serving, this.#context(serving));
    const valid = admits.filter(({ workload }) => stillWanted(serving, evaluation, workload));
    if (valid.length === 0) return results;
    const tenant = tenantOf(hub, serving.metadata.namespace ?? '');
    const next = admittedStatus(serving, valid, evaluation, epoch, tenant, nowMs);
    const { outcome, object } = await status.writeObject(SERVINGS, serving, next);
    const stored = new Set(object?.status?.admissions?.map(({ attempt }) => attempt));
    const all = (next.admissions ?? []).every(({ attempt }) => stored.has(attempt));
    if (object !== undefined) hub.servings.applyIfCurrent(object, serving.metadata.resourceVersion);
    for (const { workload } of valid) {
      const bound = outcome === 'written' && all;
      results.set(workload.key, {
        result: bound ? 'bound' : outcome === 'gone' ? 'gone' : 'conflict',
        resourceVersion: object?.metadata.resourceVersion ?? '0',
      });
      if (!bound) continue;
      const reason = valid.at(-1)?.decision.reason ?? '';
      const ordinal = ordinalOf(workload.key);
      events.event(serving, 'Normal', 'Admitted', `replica ${ordinal}: ${reason}`.slice(0, 1000), {
        messageKey: `${ordinal}/${next.attempt}`,
      });
    }
    return results;
  }

  async nominate({ workload, nomination }: Nominated): Promise<boolean> {
    const serving = this.#deps.hub.servings.get(`${workload.namespace}/${workload.name}`);
    const replica = ordinalOf(workload.key);
    if (serving === undefined || replicaKey(serving.metadata.uid ?? '', replica) !== workload.key) return false;
    if (serving.status?.admissions?.some((held) => held.replica === replica) === true) return false;
    const others = (serving.status?.nominations ?? []).filter((entry) => entry.replica !== replica);
    const nominations = [...others, { replica, ...nominationStatus(nomination) }];
    const { outcome, object } = await this.#deps.status.writeObject(SERVINGS, serving, {
      ...serving.status,
      nominations,
    });
    if (object !== undefined) this.#deps.hub.servings.applyIfCurrent(object, serving.metadata.resourceVersion);
    return outcome === 'written' && object?.status?.nominations?.some((entry) => entry.replica === replica) === true;
  }

  wake({ namespace, name }: { namespace: string; name: string }): void {
    this.#deps.enqueue(`${namespace}/${name}`);
  }

  notAdmitted(answer: NotAdmitted): void {
    const key = `${answer.workload.namespace}/${answer.workload.name}`;
    const said = findCondition(this.#deps.hub.servings.get(key)?.status?.conditions, CONDITION.Admitted);
    if (said?.status !== 'False' || said.reason !== answer.reason) this.#deps.enqueue(key);
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const { hub, scheduler, status, settings, clock, members } = this.#deps;
    const serving = hub.servings.get(key);
    if (serving === undefined) return undefined;
    if (serving.metadata.deletionTimestamp !== undefined) return this.#finalize(serving);
    if (!serving.metadata.finalizers?.includes(FINALIZER)) return this.#claim(serving);
    const evaluation = this.observe(serving);
    const honoured = await this.#honoured(serving, evaluation);
    const held = serving.status?.admissions ?? [];
    const views = new Map(held.map((entry) => [entry.replica, this.#view(serving, entry)]));
    const decided = rollout({
      replicas: serving.spec.replicas,
      suspend: serving.spec.suspend,
      drainedBy: scheduler.drainedBy(held[0]?.queue ?? evaluation.queue),
      preemptedBy: (replica) => scheduler.preemptedBy(replicaKey(serving.metadata.uid ?? '', replica)),
      revision: honoured.status === 'True' ? evaluation.revision : undefined,
      shapeHash: evaluation.shapeHash,
      refused: honoured.status === 'False' ? honoured.message : undefined,
      rolling: serving.status?.rollingReplica,
      held,
      view: ({ replica }) => views.get(replica),
    });
    const nowMs = clock.now();
    const makes = (entry: HeldReplica): boolean =>
      !settings.rehearse &&
      honoured.status !== 'False' &&
      !decided.ends.has(entry.replica) &&
      entry.shapeHash === evaluation.shapeHash;
    const acted = await this.#act(serving, views, makes);
    const next = this.#freshAvoid(
      deriveStatus(serving, {
        nowMs,
        evaluation,
        honoured: acted.refused === undefined ? honoured : dispatchRefused(acted.refused),
        waiting: this.#waiting(serving),
        view: ({ replica }) => views.get(replica),
        rollout: decided,
        gone: acted.gone,
        nominated: (replica) => scheduler.isNominated(replicaKey(serving.metadata.uid ?? '', replica)),
        region: (cluster) => regionOf(hub, cluster) || (members.get(cluster)?.object.spec.region ?? ''),
        meter: (entry) => this.#meter(serving, entry),
        unreachable: acted.unreachable,
        avoidMs: settings.avoidMs,
      }),
    );
    const { outcome, object } = await status.writeObject(SERVINGS, serving, next);
    if (outcome === 'conflict') return { requeueAfterMs: 20 };
    if (object !== undefined) hub.servings.applyIfCurrent(object, serving.metadata.resourceVersion);
    if (outcome === 'written') this.#tell(serving, next);
    return this.#again(serving, next, views, acted);
  }

  /** From first sight the object must not go before its member objects are gone. The watch brings the change back. */
  async #claim(serving: ModelServing): Promise<ReconcileResult> {
    try {
      await addFinalizer(this.#deps.client, SERVINGS, serving, FINALIZER);
    } catch (error) {
      // It changed or went meanwhile; what the watch brings decides.
      if (isConflict(error)) return { requeueAfterMs: 20 };
      if (!isNotFound(error)) throw error;
    }
    return undefined;
  }

  #context(serving: ModelServing): ServingContext {
    const { hub, namespaces } = this.#deps;
    const namespace = serving.metadata.namespace ?? '';
    return {
      queue: queueOf(hub, namespace, serving.spec.queue),
      priority: priorityOf(hub, serving.spec.priorityClassName),
      declared: declaredAccelerators(hub),
      excluded: namespaces.excluded(namespace),
    };
  }

  #holder({ metadata, spec }: ModelServing, held: HeldReplica): Holder {
    const { uid = '', namespace = '', name } = metadata;
    const admittedAtMs = Date.parse(held.admittedAt);
    return {
      key: replicaKey(uid, held.replica),
      kind: 'ModelServing',
      uid,
      attempt: held.attempt,
      run: runKey(uid, held.attempt),
      namespace,
      name,
      cluster: held.cluster,
      queue: held.queue,
      charges: held.queueCharges,
      accelerator: held.accelerator,
      priority: held.priority,
      preemptible: spec.preemptible,
      ending: held.ending !== undefined || spec.suspend || metadata.deletionTimestamp !== undefined,
      admittedAtMs,
      // A serving has nothing to do again: it only starts again.
      lossSince: () => this.#deps.clock.now(),
      nodes: decodeAssignment(held.assignment),
      perPod: {
        cpuMilli: held.cpuMilliPerNode,
        memoryMi: held.memoryMiPerNode,
        gpuMilli: held.gpusPerNode * 1000,
      },
    };
  }

  /** What differs between regions (node, resource name) cannot make a template invalid: any stands for all. */
  #honoured(serving: ModelServing, evaluation: Evaluation) {
    const { honour, hub, hubId } = this.#deps;
    const first = evaluation.request?.accelerators[0];
    const resourceName = declaredAccelerators(hub).find(({ type }) => type === first?.type)?.resourceName ?? '';
    return honour.condition(serving, evaluation.problems, (cluster) =>
      replicaObjects(serving, checkedReplica(serving, cluster, resourceName, first?.countPerNode ?? 0), {
        hubId,
        region: cluster,
      }),
    );
  }

  #waiting({ metadata, spec }: ModelServing) {
    for (let replica = 0; replica < spec.replicas; replica += 1) {
      const answer = this.#deps.scheduler.answer(replicaKey(metadata.uid ?? '', replica));
      if (answer !== undefined) return { reason: answer.reason, message: answer.message };
    }
    return undefined;
  }

  /** Undefined where the member does not answer, or the replica is being removed. */
  #view(serving: ModelServing, held: HeldReplica): ReplicaView | undefined {
    const member = this.#deps.members.get(held.cluster);
    if (held.ending !== undefined || member === undefined || !member.reachable() || !member.synced) return undefined;
    const { uid = '' } = serving.metadata;
    const ours = ({ metadata }: { metadata: { labels: Readonly<Record<string, string>> } }): boolean =>
      metadata.labels[LABEL.attempt] === String(held.attempt);
    const { settings } = this.#deps;
    const prefix = `${uid}/${held.attempt}`;
    const multi = serving.spec.nodesPerReplica > 1 && serving.spec.worker !== undefined;
    return viewReplica({
      admission: held,
      pods: serving.spec.nodesPerReplica,
      wanted: multi ? 2 : 1,
      objects: member.replicas.byIndex('workload', uid).filter(ours),
      members: member.pods.byIndex('workload', uid).filter(ours),
      node: (name) => member.nodes.get(name),
      nodeUnwellMs: (name) => this.#watches.elapsed(`${prefix}/node/${name}`, member.nodes.get(name)?.ready !== true),
      unscheduledMs: (pod) => this.#watches.elapsed(`${prefix}/pod/${pod.metadata.uid}`, isUnscheduled(pod)),
      nodeLostMs: settings.nodeLostMs,
      bindTimeoutMs: settings.bindTimeoutMs,
    });
  }

  /** Makes what is admitted and missing, removes what ends. */
  async #act(
    serving: ModelServing,
    views: ReadonlyMap<number, ReplicaView | undefined>,
    makes: (held: HeldReplica) => boolean,
  ): Promise<Acted> {
    const gone = new Set<number>();
    const unreachable = new Map<string, string>();
    let refused: string | undefined;
    const one = async (held: HeldReplica): Promise<void> => {
      const member = this.#member(held.cluster);
      if (member === 'deleted') gone.add(held.replica);
      else if (typeof member === 'string') unreachable.set(held.cluster, member);
      else if (held.ending !== undefined) {
        if (await this.#replicas.remove(member, serving, held.attempt)) gone.add(held.replica);
      } else if (makes(held)) {
        refused ??= await this.#make(member, serving, held, views.get(held.replica)?.placed === true);
      }
    };
    const guarded = async (held: HeldReplica): Promise<void> => {
      try {
        await one(held);
      } catch (error) {
        if (!isUnreachable(error)) throw error;
        unreachable.set(held.cluster, (error as Error).message);
      }
    };
    const held = serving.status?.admissions ?? [];
    await Promise.all(held.map(guarded));
    await this.#dropServices(
      serving,
      held.filter(({ replica }) => !gone.has(replica)),
    );
    return { gone, unreachable, refused };
  }

  /** @returns the member; 'deleted': its RegionalCluster is gone, and so is what ran there; else why it cannot be asked */
  #member(cluster: string): Member | 'deleted' | string {
    const { members, hub } = this.#deps;
    const member = members.get(cluster);
    if (member === undefined)
      return hub.clusters.get(cluster) === undefined ? 'deleted' : 'its connection is being made';
    if (!member.reachable() || !member.synced) return member.unusable()?.message ?? `${cluster} is not synchronised`;
    return member;
  }

  /** @returns why the member does not take the objects */
  async #make(member: Member, serving: ModelServing, held: HeldReplica, placed: boolean): Promise<string | undefined> {
    const { namespace = '' } = serving.metadata;
    try {
      if (!placed && !(await this.#deps.namespaces.ensure(member, namespace))) {
        return `namespace ${namespace} does not exist in ${member.name}`;
      }
      const taken = await this.#replicas.ensureService(member, serving, held.epoch);
      return taken ?? (placed ? undefined : await this.#replicas.create(member, serving, held));
    } catch (error) {
      if (isUnreachable(error)) throw error;
      const { status = 0, message } = error as { status?: number; message: string };
      if (status >= 400 && status < 500 && status !== 409 && status !== 429) return message;
      throw error;
    }
  }

  /** Where no replica is left while others are elsewhere, the Service leads nowhere. */
  async #dropServices(serving: ModelServing, held: readonly HeldReplica[]): Promise<void> {
    if (held.length === 0) return;
    for (const cluster of this.#replicas.servicesOf(serving.metadata.uid ?? '')) {
      if (held.some((entry) => entry.cluster === cluster)) continue;
      const member = this.#member(cluster);
      if (typeof member === 'string') continue;
      await this.#replicas.deleteService(member, serving).catch((error: unknown) => {
        if (!isUnreachable(error)) throw error;
      });
    }
  }

  #meter(serving: ModelServing, held: HeldReplica): Meter | undefined {
    const member = this.#deps.members.get(held.cluster);
    if (member === undefined) return undefined;
    const boards = boardsPerNode(member, assignmentSummary(held.assignment).first, held.resourceName);
    return { facts: energyFacts(member), holding: holdingOf(held, serving.spec.nodesPerReplica, boards) };
  }

  /** Drops nodes from the avoid list that booted anew or whose time is over. */
  #freshAvoid(status: ModelServingStatus): ModelServingStatus {
    const { avoid, ...rest } = status;
    if (avoid === undefined) return status;
    const { members, clock } = this.#deps;
    const kept = stillAvoided(avoid, clock.now(), (cluster, node) => members.get(cluster)?.nodes.get(node)?.bootId);
    return kept.length === 0 ? rest : { ...rest, avoid: kept };
  }

  /** Clocks that run while nothing happens need another look in time. */
  #again(
    serving: ModelServing,
    next: ModelServingStatus,
    views: ReadonlyMap<number, ReplicaView | undefined>,
    acted: Acted,
  ): ReconcileResult {
    const { settings, members } = this.#deps;
    const waits: number[] = [];
    const held = next.admissions ?? [];
    if (held.length > 0) waits.push(HELD_LOOK_MS);
    if (acted.unreachable.size > 0) waits.push(UNREACHABLE_RETRY_MS);
    if (held.some(({ ending }) => ending !== undefined)) waits.push(REMOVAL_RETRY_MS);
    for (const view of views.values()) {
      if (view?.ready === false) waits.push(Math.max(500, settings.bindTimeoutMs / 10));
    }
    for (const { cluster } of held) {
      const pods = members.get(cluster)?.pods.byIndex('workload', serving.metadata.uid ?? '') ?? [];
      const unwell = ({ nodeName }: MemberPod): boolean =>
        nodeName !== undefined && members.get(cluster)?.nodes.get(nodeName)?.ready !== true;
      if (pods.some(unwell)) waits.push(Math.max(500, settings.nodeLostMs / 10));
    }
    return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) };
  }

  /** Deleted on the hub: lets go only when the members confirm that nothing is left there. */
  async #finalize(serving: ModelServing): Promise<ReconcileResult> {
    const { metadata, status } = serving;
    this.observe(serving);
    if (!metadata.finalizers?.includes(FINALIZER)) return undefined;
    const silent = new Set<string>();
    let left = false;
    for (const held of status?.admissions ?? []) {
      const member = this.#member(held.cluster);
      if (member === 'deleted') continue;
      if (typeof member === 'string') silent.add(held.cluster);
      else if (!(await this.#replicas.remove(member, serving, held.attempt))) left = true;
    }
    if (left) return { requeueAfterMs: REMOVAL_RETRY_MS };
    if (silent.size > 0 && metadata.annotations?.[ANNOTATION.abandon] !== 'true')
      return this.#waitsFor(serving, silent);
    const { uid = '', namespace = '', name } = metadata;
    for (const cluster of silent) {
      await this.#deps.tombstones.bury({ uid, cluster, kind: 'ModelServing', namespace, name });
    }
    for (const member of this.#deps.members.list()) {
      if (member.reachable() && member.synced && member.namespaces.get(namespace) !== undefined) {
        await this.#replicas.deleteService(member, serving);
      }
    }
    await removeFinalizer(this.#deps.client, SERVINGS, serving, FINALIZER);
    return undefined;
  }

  #waitsFor(serving: ModelServing, silent: ReadonlySet<string>): ReconcileResult {
    this.#deps.events.event(
      serving,
      'Warning',
      'DeletionWaits',
      `${[...silent].join(', ')} does not answer, so that its pods may still run; deletion goes on when it does, or at once with annotation ${ANNOTATION.abandon}=true`,
    );
    return { requeueAfterMs: UNREACHABLE_RETRY_MS };
  }

  /** Events at changes of phase; what the condition says, once. */
  #tell(before: ModelServing, next: ModelServingStatus): void {
    const { phase } = next;
    if (before.status?.phase === phase || phase === undefined) return;
    const type = phase === 'Degraded' ? 'Warning' : 'Normal';
    const about = phase === 'Queued' || phase === 'Pending' ? CONDITION.Admitted : CONDITION.Ready;
    const told = findCondition(next.conditions, about)?.message ?? '';
    this.#deps.events.event(before, type, phase, told.slice(0, 1000), { messageKey: String(next.attempt) });
  }
}

const isUnscheduled = (pod: MemberPod): boolean => pod.nodeName === undefined && pod.phase === 'Pending';

/** The decision was made on what is still asked for. */
function stillWanted({ metadata, spec, status }: ModelServing, evaluation: Evaluation, workload: Admit['workload']) {
  const replica = ordinalOf(workload.key);
  return (
    metadata.deletionTimestamp === undefined &&
    !spec.suspend &&
    replica < spec.replicas &&
    status?.admissions?.some((held) => held.replica === replica) !== true &&
    evaluation.workloadOf?.(replica).classKey === workload.classKey
  );
}

/** An admission as some region would get it, for the server's dry run. */
function checkedReplica({ spec, metadata }: ModelServing, cluster: string, resourceName: string, gpus: number) {
  return {
    replica: 0,
    epoch: 0,
    attempt: 1,
    generation: metadata.generation ?? 1,
    shapeHash: '',
    cluster,
    accelerator: spec.accelerators[0]?.type ?? '',
    resourceName,
    gpusPerNode: gpus,
    cpuMilliPerNode: 0,
    memoryMiPerNode: 0,
    queue: '',
    queueCharges: [],
    priority: 0,
    assignment: `node:${spec.nodesPerReplica}`,
    admittedAt: '1970-01-01T00:00:00Z',
  };
}
