import {
  ANNOTATION,
  CONDITION,
  type ConditionType,
  FINALIZER,
  type ModelTraining,
  type ModelTrainingStatus,
  type TrainingPhase,
} from '../api/index.ts';
import { declaredAccelerators, TRAININGS, tenantOf } from '../hub/index.ts';
import { isNotFound } from '../kube/errors.ts';
import { claim, removeFinalizer } from '../kube/finalizers.ts';
import { minimalMergePatch } from '../kube/merge-patch.ts';
import type { ReconcileResult } from '../runtime/controller.ts';
import { stillAvoided } from '../workloads/avoid.ts';
import { type ConditionValue, findCondition } from '../workloads/conditions.ts';
import { HONOUR_RECHECK_MS } from '../workloads/honour.ts';
import { REMOVAL_RETRY_MS, UNREACHABLE_RETRY_MS } from '../workloads/settings.ts';
import { type AttemptResult, Attempts } from './attempts.ts';
import { overdueOf, type TrainingBinder } from './binder.ts';
import { renderForCheck } from './check.ts';
import type { TrainingDeps } from './deps.ts';
import { type Evaluation, isFinished } from './evaluate.ts';
import { tellProgress } from './life.ts';
import { expiresAt, nextDeadlineMs } from './lifecycle.ts';
import { isSamePlace, isWaiting, type Places, placeOf, shownPlace } from './places.ts';
import { progressDueMs } from './progress.ts';
import { deriveStatus, lateStatus, type Sight } from './status.ts';

/** Brings one ModelTraining nearer to what it asks for: the only writer of its status beside its admission. */
export class TrainingReconciler {
  readonly #deps: TrainingDeps;
  readonly #binder: TrainingBinder;
  readonly #attempts: Attempts;
  readonly #places: Places;

  constructor(deps: TrainingDeps, binder: TrainingBinder, places: Places) {
    this.#deps = deps;
    this.#binder = binder;
    this.#places = places;
    this.#attempts = new Attempts(deps);
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const training = this.#deps.hub.trainings.get(key);
    if (training === undefined || !isWaiting(training)) this.#places.forget(key);
    if (training === undefined) return undefined;
    if (training.metadata.deletionTimestamp !== undefined) return this.#finalize(training);
    if (!training.metadata.finalizers?.includes(FINALIZER)) {
      return this.#claim(training);
    }
    if (isFinished(training)) return this.#expire(training);
    const evaluation = this.#binder.observe(training);
    if (evaluation.workload !== undefined && this.#deps.hub.queues.get(evaluation.queue) !== undefined) {
      const priorityClass = training.spec.priorityClassName;
      this.#deps.life.expects({ queue: evaluation.queue, kind: 'ModelTraining', priorityClass });
    }
    const nowMs = this.#deps.clock.now();
    const attempt = await this.#attempts.act(training, evaluation);
    const answer = this.#deps.scheduler.answer(training.metadata.uid ?? '');
    const sight: Sight = {
      nowMs,
      evaluation,
      honoured: attempt.honoured ?? (await this.#honoured(training, evaluation)),
      tenant: tenantOf(this.#deps.hub, training.metadata.namespace ?? ''),
      waiting: answer === undefined ? undefined : { reason: answer.reason, message: answer.message },
      avoidMs: this.#deps.settings.avoidMs,
      overdue: overdueOf(training, nowMs),
      nominated: this.#deps.scheduler.isNominated(training.metadata.uid ?? ''),
      placed: attempt.placed,
      gone: attempt.gone,
      view: attempt.view,
      checkpointMs: attempt.checkpointMs,
      progress: attempt.progress,
      place: shownPlace(training),
      end: attempt.end,
      job: attempt.job,
      meter: attempt.meter,
      measured: this.#deps.energy.use(training.metadata.uid ?? ''),
      ...(attempt.unreachable === undefined ? {} : { unreachable: attempt.unreachable }),
    };
    const next = this.#freshAvoid(this.#derive(key, training, sight));
    const { status, hub } = this.#deps;
    const { outcome, object } = await status.writeObject(TRAININGS, training, next, hub.trainings);
    if (outcome === 'conflict') return { requeueAfterMs: 20 };
    if (!isSamePlace(shownPlace(training), shownPlace({ ...training, status: next }))) this.#places.written(key);
    if (outcome === 'written') this.#tell(training, next);
    if (object !== undefined) tellProgress(this.#deps.life, training, object.status ?? {});
    return this.#again(training, next, attempt, nowMs);
  }

  /** A place that has moved is written in its turn, and where something else is written anyway. */
  #derive(key: string, training: ModelTraining, sight: Sight): ModelTrainingStatus {
    const next = deriveStatus(training, sight);
    if (!isWaiting(training)) return next;
    const place = placeOf(training, this.#deps.hub.queues.get(sight.evaluation.queue), sight.waiting !== undefined);
    if (isSamePlace(place, sight.place ?? {})) return next;
    // Of one whose admission is being decided or written a write now would only come in the way.
    const isTurn = this.#places.isTurnOf(key) && sight.waiting !== undefined && sight.nominated !== true;
    const isWritten = isTurn || minimalMergePatch(training.status ?? {}, next) !== undefined;
    return isWritten ? deriveStatus(training, { ...sight, place }) : next;
  }

  /** From first sight the object must not go before its member objects are gone. Its change reconciles it again. */
  async #claim(training: ModelTraining): Promise<ReconcileResult> {
    const claimed = await claim(this.#deps.client, TRAININGS, training, FINALIZER);
    if (claimed === undefined) return { requeueAfterMs: 20 };
    this.#deps.hub.trainings.applyIfCurrent(claimed, training.metadata.resourceVersion);
    return undefined;
  }

  /** Drops nodes from the avoid list that booted anew or whose time is over. */
  #freshAvoid(status: ModelTrainingStatus): ModelTrainingStatus {
    const { avoid, ...rest } = status;
    if (avoid === undefined) return status;
    const { members, clock } = this.#deps;
    const kept = stillAvoided(avoid, clock.now(), (cluster, node) => members.get(cluster)?.nodes.get(node)?.bootId);
    if (kept.length === avoid.length) return status;
    return kept.length === 0 ? rest : { ...rest, avoid: kept };
  }

  #again(training: ModelTraining, next: ModelTrainingStatus, attempt: AttemptResult, nowMs: number): ReconcileResult {
    const waits = [attempt.requeueAfterMs, nextDeadlineMs({ ...training, status: next }, nowMs)];
    waits.push(progressDueMs(next, attempt.progress, nowMs));
    if (next.admission !== undefined) waits.push(300_000);
    if (findCondition(next.conditions, CONDITION.SpecHonoured)?.status === 'False') waits.push(HONOUR_RECHECK_MS);
    const known = waits.filter((ms): ms is number => ms !== undefined);
    return known.length === 0 ? undefined : { requeueAfterMs: Math.min(...known) };
  }

  #honoured(training: ModelTraining, evaluation: Evaluation): Promise<ConditionValue> {
    const { honour, hubId, hub } = this.#deps;
    return honour.condition(training, evaluation.problems, (cluster) => [
      renderForCheck(training, evaluation, hubId, cluster, declaredAccelerators(hub)),
    ]);
  }

  /** Of a finished training: takes up what comes late of its energy, and deletes it when its time to live is over. */
  async #expire(training: ModelTraining): Promise<ReconcileResult> {
    this.#binder.observe(training);
    const { status, energy, clock } = this.#deps;
    const outcome = await status.write(
      TRAININGS,
      training,
      lateStatus(training, energy.use(training.metadata.uid ?? '')),
    );
    if (outcome === 'conflict') return { requeueAfterMs: 20 };
    const left = (expiresAt(training) ?? Number.POSITIVE_INFINITY) - clock.now();
    if (left > 0) return Number.isFinite(left) ? { requeueAfterMs: Math.min(left + 50, 2 ** 31 - 1) } : undefined;
    const { name, namespace = '', uid = '' } = training.metadata;
    try {
      await this.#deps.client.delete(TRAININGS, { namespace, name, uid });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return undefined;
  }

  /** Deleted on the hub: lets go only when the member confirms that nothing is left there. */
  async #finalize(training: ModelTraining): Promise<ReconcileResult> {
    const { metadata, status } = training;
    this.#binder.observe(training);
    if (!metadata.finalizers?.includes(FINALIZER)) return undefined;
    const cluster = status?.admission?.cluster ?? status?.placement?.cluster;
    const release = async (): Promise<void> => {
      await removeFinalizer(this.#deps.client, TRAININGS, training, FINALIZER);
      this.#attempts.forget(metadata.uid ?? '');
    };
    if (cluster === undefined || this.#deps.hub.clusters.get(cluster) === undefined) return void (await release());
    const member = this.#deps.members.get(cluster);
    if (member?.reachable() === true && member.synced) {
      const gone = await this.#attempts.removeAll(training, member);
      if (!gone) return { requeueAfterMs: REMOVAL_RETRY_MS };
      return void (await release());
    }
    if (metadata.annotations?.[ANNOTATION.abandon] === 'true') {
      const { uid = '', namespace = '', name } = metadata;
      await this.#deps.tombstones.bury({ uid, cluster, kind: 'ModelTraining', namespace, name });
      return void (await release());
    }
    this.#deps.events.event(
      training,
      'Warning',
      'DeletionWaits',
      `${cluster} does not answer, so that its pods may still run; deletion goes on when it does, or at once with annotation ${ANNOTATION.abandon}=true`,
    );
    return { requeueAfterMs: UNREACHABLE_RETRY_MS };
  }

  /** Events at changes of phase; what the condition says, once. */
  #tell(before: ModelTraining, next: ModelTrainingStatus): void {
    if (before.status?.phase === next.phase) return;
    const reason = next.phase ?? 'Pending';
    const bad = next.phase === 'Failed' || next.phase === 'Recovering';
    const told = next.ending?.message ?? findCondition(next.conditions, TELLING[reason])?.message ?? '';
    this.#deps.events.event(before, bad ? 'Warning' : 'Normal', reason, told.slice(0, 1000), {
      messageKey: String(next.attempt),
    });
  }
}

/** The condition whose message tells why a phase began. */
const TELLING: Record<TrainingPhase, ConditionType> = {
  Pending: CONDITION.Admitted,
  Queued: CONDITION.Admitted,
  Binding: CONDITION.Admitted,
  Starting: CONDITION.Placed,
  Running: CONDITION.PodsReady,
  Recovering: CONDITION.Placed,
  Suspending: CONDITION.Suspended,
  Suspended: CONDITION.Suspended,
  Succeeded: CONDITION.Complete,
  Failed: CONDITION.Failed,
  Cancelled: CONDITION.Admitted,
};
