import {
  ANNOTATION,
  CONDITION,
  FINALIZER,
  type HeldReplica,
  type ModelServing,
  type ModelServingStatus,
} from '../api/index.ts';
import { assignmentSummary } from '../core/assignment.ts';
import { energyFactsOf, holdingOf, type Meter } from '../energy/index.ts';
import { boardsPerNode, declaredAccelerators, regionOf, SERVINGS } from '../hub/index.ts';
import { claim, removeFinalizer } from '../kube/finalizers.ts';
import type { MemberPod } from '../regions/index.ts';
import type { ReconcileResult } from '../runtime/controller.ts';
import { stillAvoided } from '../workloads/avoid.ts';
import { findCondition } from '../workloads/conditions.ts';
import { dispatchRefused, HONOUR_RECHECK_MS } from '../workloads/honour.ts';
import { REMOVAL_RETRY_MS, UNREACHABLE_RETRY_MS } from '../workloads/settings.ts';
import type { ServingBinder } from './binder.ts';
import { checkedReplica } from './check.ts';
import type { ServingDeps } from './deps.ts';
import { replicaObjects } from './desired.ts';
import { type Evaluation, replicaKey } from './evaluate.ts';
import { tellProgress } from './life.ts';
import { type ReplicaView, rollout } from './observe.ts';
import { type Acted, Replicas } from './replicas.ts';
import { deriveStatus } from './status.ts';

/** Usage is closed, and a Service looked at again, at least so often while anything is held, in ms. */
const HELD_LOOK_MS = 300_000;

/** Brings one ModelServing nearer to what it asks for: the only writer of its status. */
export class ServingReconciler {
  readonly #deps: ServingDeps;
  readonly #binder: ServingBinder;
  readonly #replicas: Replicas;

  constructor(deps: ServingDeps, binder: ServingBinder) {
    this.#deps = deps;
    this.#binder = binder;
    this.#replicas = new Replicas(deps);
  }

  /** The object is gone. */
  forget(uid: string): void {
    this.#binder.forget(uid);
    this.#replicas.forget(uid);
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const { hub, scheduler, status, settings, clock, members } = this.#deps;
    const serving = hub.servings.get(key);
    if (serving === undefined) return undefined;
    if (serving.metadata.deletionTimestamp !== undefined) return this.#finalize(serving);
    if (!serving.metadata.finalizers?.includes(FINALIZER)) return this.#claim(serving);
    const evaluation = this.#binder.observe(serving);
    if (evaluation.workloadOf !== undefined && hub.queues.get(evaluation.queue) !== undefined) {
      const priorityClass = serving.spec.priorityClassName;
      this.#deps.life.expects({ queue: evaluation.queue, kind: 'ModelServing', priorityClass });
    }
    const honoured = await this.#honoured(serving, evaluation);
    const held = serving.status?.admissions ?? [];
    const views = new Map(held.map((entry) => [entry.replica, this.#replicas.view(serving, entry)]));
    const decided = rollout({
      replicas: serving.spec.replicas,
      suspend: serving.spec.suspend,
      drainedBy: scheduler.drainedBy(held[0]?.queue ?? evaluation.queue),
      preemptedBy: (replica) => scheduler.preemptedBy(replicaKey(serving.metadata.uid ?? '', replica)),
      revision: honoured.status === 'True' ? evaluation.revision : undefined,
      shapeHash: evaluation.shapeHash,
      accelerators: serving.spec.accelerators,
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
    const acted = await this.#replicas.act(serving, views, makes);
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
        measured: this.#deps.energy.use(serving.metadata.uid ?? ''),
        unreachable: acted.unreachable,
        avoidMs: settings.avoidMs,
      }),
    );
    const { outcome, object } = await status.writeObject(SERVINGS, serving, next, hub.servings);
    if (outcome === 'conflict') return { requeueAfterMs: 20 };
    if (outcome === 'written') this.#tell(serving, next);
    if (object !== undefined) {
      const isKnown = (cluster: string): boolean => hub.clusters.get(cluster) !== undefined;
      tellProgress(this.#deps.life, serving, object.status ?? {}, isKnown);
    }
    return this.#again(serving, next, views, acted);
  }

  /** From first sight the object must not go before its member objects are gone. Its change reconciles it again. */
  async #claim(serving: ModelServing): Promise<ReconcileResult> {
    const claimed = await claim(this.#deps.client, SERVINGS, serving, FINALIZER);
    if (claimed === undefined) return { requeueAfterMs: 20 };
    this.#deps.hub.servings.applyIfCurrent(claimed, serving.metadata.resourceVersion);
    return undefined;
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

  #meter(serving: ModelServing, held: HeldReplica): Meter | undefined {
    const member = this.#deps.members.get(held.cluster);
    if (member === undefined) return undefined;
    const boards = boardsPerNode(member, assignmentSummary(held.assignment).first, held.resourceName);
    return {
      facts: energyFactsOf(member.object),
      holding: holdingOf(held, serving.spec.nodesPerReplica, boards),
      unmetered: (fromMs, toMs) => this.#deps.energy.unmetered(held, fromMs, toMs),
    };
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
    if (findCondition(next.conditions, CONDITION.SpecHonoured)?.status === 'False') waits.push(HONOUR_RECHECK_MS);
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
    this.#binder.observe(serving);
    if (!metadata.finalizers?.includes(FINALIZER)) return undefined;
    const silent = new Set<string>();
    let left = false;
    for (const held of status?.admissions ?? []) {
      const member = this.#replicas.member(held.cluster);
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
