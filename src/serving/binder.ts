import { CONDITION, FINALIZER, type HeldReplica, type ModelServing, runKey } from '../api/index.ts';
import { decodeAssignment } from '../core/assignment.ts';
import type { Admit, Nominated, NotAdmitted } from '../core/model.ts';
import { declaredAccelerators, priorityOf, queueOf, regionOf, SERVINGS, tenantOf } from '../hub/index.ts';
import type { Binder, BindResult, Holder } from '../scheduling/index.ts';
import { findCondition } from '../workloads/conditions.ts';
import { honouredNow } from '../workloads/honour.ts';
import { nominationOf, nominationStatus } from '../workloads/nomination.ts';
import type { ServingDeps } from './deps.ts';
import { type Evaluation, evaluate, ordinalOf, replicaKey, type ServingContext } from './evaluate.ts';
import { tellAdmission } from './life.ts';
import { admittedStatus } from './status.ts';

interface Batch {
  readonly admits: Admit[];
  readonly written: Promise<ReadonlyMap<string, { result: BindResult; resourceVersion?: string }>>;
}

/** Between the scheduler and ModelServings: says what each replica wants or holds, and writes what is decided. */
export class ServingBinder implements Binder {
  readonly #deps: ServingDeps;
  /** Replicas the scheduler was told of, by uid. */
  readonly #told = new Map<string, Set<number>>();
  readonly #batches = new Map<string, Batch>();

  constructor(deps: ServingDeps) {
    this.#deps = deps;
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
    const { outcome, object } = await status.writeObject(SERVINGS, serving, next, hub.servings);
    const stored = new Set(object?.status?.admissions?.map(({ attempt }) => attempt));
    const all = (next.admissions ?? []).every(({ attempt }) => stored.has(attempt));
    if (outcome === 'written' && all) tellAdmission(this.#deps.life, serving, object?.status ?? {});
    for (const { workload, decision } of valid) {
      const bound = outcome === 'written' && all;
      results.set(workload.key, {
        result: bound ? 'bound' : outcome === 'gone' ? 'gone' : 'conflict',
        resourceVersion: object?.metadata.resourceVersion ?? '0',
      });
      if (!bound) continue;
      const ordinal = ordinalOf(workload.key);
      events.event(serving, 'Normal', 'Admitted', `replica ${ordinal}: ${decision.reason}`.slice(0, 1000), {
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
    const { status, hub } = this.#deps;
    const next = { ...serving.status, nominations };
    const { outcome, object } = await status.writeObject(SERVINGS, serving, next, hub.servings);
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
        capWatts: held.gpuPowerCapWatts,
      },
    };
  }
}

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
