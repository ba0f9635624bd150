import { CONDITION, FINALIZER, type ModelTraining, type ModelTrainingStatus, runKey } from '../api/index.ts';
import { decodeAssignment } from '../core/assignment.ts';
import type { Admit, Nominated, NotAdmitted } from '../core/model.ts';
import { declaredAccelerators, priorityOf, queueOf, regionOf, TRAININGS, tenantOf } from '../hub/index.ts';
import type { Binder, BindResult, Service } from '../scheduling/index.ts';
import { lastCheckpointMs } from '../workloads/checkpoint.ts';
import { findCondition, isTrue } from '../workloads/conditions.ts';
import { honouredNow } from '../workloads/honour.ts';
import { nominationOf, nominationStatus } from '../workloads/nomination.ts';
import { iso, secondsBetween } from '../workloads/times.ts';
import type { TrainingDeps } from './deps.ts';
import { type Evaluation, evaluate, isFinished, type TrainingContext } from './evaluate.ts';
import { tellAdmission } from './life.ts';
import { passedDeadline, runningSince, totalRunningSeconds } from './lifecycle.ts';
import { leftSeconds } from './progress.ts';
import { admittedStatus } from './status.ts';

/** Between the scheduler and ModelTrainings: says what each wants or holds, and writes what is decided. */
export class TrainingBinder implements Binder {
  readonly #deps: TrainingDeps;

  constructor(deps: TrainingDeps) {
    this.#deps = deps;
  }

  /** Tells the scheduler what this object wants or holds; called for each change, in order. */
  observe(training: ModelTraining): Evaluation {
    const evaluation = evaluate(training, this.#context(training));
    const { metadata, status, spec } = training;
    const uid = metadata.uid ?? '';
    const admission = status?.admission;
    const base = {
      key: uid,
      kind: 'ModelTraining' as const,
      resourceVersion: metadata.resourceVersion ?? '0',
      ...this.#service(training, evaluation),
      started: startedOf(training),
    };
    if (admission !== undefined) {
      this.#deps.scheduler.observe({
        ...base,
        holder: {
          key: uid,
          kind: 'ModelTraining',
          uid,
          attempt: admission.attempt,
          run: runKey(uid, admission.attempt),
          namespace: metadata.namespace ?? '',
          name: metadata.name,
          cluster: admission.cluster,
          queue: admission.queue,
          charges: admission.queueCharges,
          accelerator: admission.accelerator,
          priority: admission.priority,
          preemptible: spec.preemptible,
          ending: status?.ending !== undefined || spec.suspend || metadata.deletionTimestamp !== undefined,
          admittedAtMs: Date.parse(admission.admittedAt),
          lossSince: () => this.#lossSince(training),
          nodes: decodeAssignment(admission.assignment),
          perPod: {
            cpuMilli: admission.cpuMilliPerNode,
            memoryMi: admission.memoryMiPerNode,
            gpuMilli: admission.gpusPerNode * 1000,
            capWatts: admission.gpuPowerCapWatts,
          },
        },
      });
      return evaluation;
    }
    const waits =
      evaluation.workload !== undefined &&
      metadata.deletionTimestamp === undefined &&
      metadata.finalizers?.includes(FINALIZER) === true &&
      !spec.suspend &&
      !isFinished(training) &&
      honouredNow(training) &&
      !(Date.parse(status?.nextAttemptTime ?? '') > this.#deps.clock.now()) &&
      overdueOf(training, this.#deps.clock.now()) === undefined;
    const { nomination } = status ?? {};
    this.#deps.scheduler.observe({
      ...base,
      ...(waits ? { pending: evaluation.workload } : {}),
      nomination: nomination && nominationOf(nomination, regionOf(this.#deps.hub, nomination.cluster)),
    });
    return evaluation;
  }

  /** How long it has run, for the estimates of its queue. */
  #service(training: ModelTraining, { queue, request }: Evaluation): { service?: Service } {
    if (request === undefined) return {};
    const { metadata, spec, status = {} } = training;
    const nowMs = this.#deps.clock.now();
    const end = isTrue(status.conditions, CONDITION.Complete) ? 'Ended' : 'Withdrawn';
    const declaredSeconds = leftSeconds(status, nowMs);
    return {
      service: {
        queue: status.queue ?? queue,
        group: metadata.namespace ?? '',
        gpus: (request.accelerators[0]?.countPerNode ?? 0) * request.pods,
        submittedAtMs: Date.parse(metadata.creationTimestamp ?? ''),
        attainedSeconds: totalRunningSeconds(status, iso(nowMs)),
        ...(runningSince(status) === undefined ? {} : { runningAtMs: nowMs }),
        ...(declaredSeconds === undefined ? {} : { declaredSeconds }),
        ...(spec.activeDeadlineSeconds === undefined ? {} : { limitSeconds: spec.activeDeadlineSeconds }),
        ...(isFinished(training) ? { end } : {}),
      },
    };
  }

  /** What it did since then is lost when it ends now. Another cluster's clock is not trusted beyond our own. */
  #lossSince({ metadata, status }: ModelTraining): number {
    const { admission } = status ?? {};
    const start = Date.parse((status && runningSince(status)) ?? admission?.admittedAt ?? '');
    if (admission === undefined) return start;
    const pods = this.#deps.members.get(admission.cluster)?.pods.byIndex('workload', metadata.uid ?? '') ?? [];
    return Math.max(start, Math.min(lastCheckpointMs(pods, admission.attempt) ?? start, this.#deps.clock.now()));
  }

  async nominate({ workload, nomination }: Nominated): Promise<boolean> {
    const training = this.#deps.hub.trainings.get(`${workload.namespace}/${workload.name}`);
    if (training?.metadata.uid !== workload.key || training.status?.admission !== undefined) return false;
    const status = { ...training.status, nomination: nominationStatus(nomination) };
    const { outcome, object } = await this.#write(training, status);
    return outcome === 'written' && object?.status?.nomination?.until === status.nomination.until;
  }

  #write(training: ModelTraining, next: ModelTrainingStatus) {
    const { status, hub } = this.#deps;
    return status.writeObject(TRAININGS, training, next, hub.trainings);
  }

  wake({ namespace, name }: { namespace: string; name: string }): void {
    this.#deps.enqueue(`${namespace}/${name}`);
  }

  /** Writes the scheduler's decision; the version precondition makes sure that it was made on what is there. */
  async bind(admit: Admit, epoch: number, nowMs: number): Promise<{ result: BindResult; resourceVersion?: string }> {
    const { workload } = admit;
    const training = this.#deps.hub.trainings.get(`${workload.namespace}/${workload.name}`);
    if (training === undefined || training.metadata.uid !== workload.key) return { result: 'gone' };
    if (training.status?.admission !== undefined || training.metadata.deletionTimestamp !== undefined)
      return { result: 'conflict' };
    const evaluation = evaluate(training, this.#context(training));
    if (evaluation.workload?.classKey !== workload.classKey || training.spec.suspend) return { result: 'conflict' };
    const tenant = training.status?.tenant ?? tenantOf(this.#deps.hub, workload.namespace);
    const next = admittedStatus(training, admit, evaluation, epoch, tenant, nowMs);
    const { outcome, object } = await this.#write(training, next);
    if (outcome === 'gone') return { result: 'gone' };
    // A newer write of the same object may have gone out in this one's place.
    const stored = object?.status;
    if (outcome !== 'written' || stored === undefined || stored.admission?.attempt !== next.attempt)
      return { result: 'conflict' };
    tellAdmission(this.#deps.life, training, stored);
    this.#deps.events.event(training, 'Normal', 'Admitted', next.placement?.decision?.reason ?? '', {
      messageKey: String(next.attempt),
    });
    return { result: 'bound', resourceVersion: object?.metadata.resourceVersion ?? '0' };
  }

  notAdmitted(answer: NotAdmitted): void {
    const key = `${answer.workload.namespace}/${answer.workload.name}`;
    const said = findCondition(this.#deps.hub.trainings.get(key)?.status?.conditions, CONDITION.Admitted);
    if (said?.status !== 'False' || said.reason !== answer.reason) this.#deps.enqueue(key);
  }

  #context(training: ModelTraining): TrainingContext {
    const { hub, namespaces } = this.#deps;
    const namespace = training.metadata.namespace ?? '';
    return {
      queue: queueOf(hub, namespace, training.spec.queue),
      priority: priorityOf(hub, training.spec.priorityClassName),
      dataset: (name) => hub.datasets.get(`${namespace}/${name}`),
      declared: declaredAccelerators(hub),
      excluded: namespaces.excluded(namespace),
    };
  }
}

/** How long its present attempt took from the admission to ready pods; undefined: it does not run. */
function startedOf({ status = {} }: ModelTraining) {
  const since = runningSince(status);
  const { admission } = status;
  if (since === undefined || admission === undefined) return undefined;
  const { cluster, attempt, admittedAt } = admission;
  return { cluster, attempt, seconds: secondsBetween(admittedAt, since) };
}

/** A deadline that passed while it waits; a suspended training waits for its user. */
export function overdueOf(training: ModelTraining, nowMs: number) {
  if (training.spec.suspend || training.status?.admission !== undefined) return undefined;
  return passedDeadline(training, iso(nowMs));
}
