import {
  ANNOTATION,
  CONDITION,
  type ConditionType,
  END_REASON,
  FINALIZER,
  LABEL,
  type ModelTraining,
  type ModelTrainingStatus,
  type TrainingPhase,
} from '../api/index.ts';
import { decodeAssignment } from '../core/assignment.ts';
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
  TRAININGS,
  tenantOf,
} from '../hub/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, isNotFound, isUnreachable } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/events.ts';
import { addFinalizer, removeFinalizer } from '../kube/finalizers.ts';
import { JOBS } from '../kube/resource.ts';
import type { StatusWriter } from '../kube/status-writer.ts';
import { type Member, type MemberJob, type MemberPod, type MemberRegistry, runKey } from '../regions/index.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ReconcileResult } from '../runtime/controller.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Binder, BindResult, Scheduler } from '../scheduling/index.ts';
import { stillAvoided } from '../workloads/avoid.ts';
import { lastCheckpointMs } from '../workloads/checkpoint.ts';
import { type ConditionValue, findCondition, isTrue } from '../workloads/conditions.ts';
import { dispatchRefused, type HonourCheck, honouredNow } from '../workloads/honour.ts';
import { deleteOwned, forceDeleteOnLostNodes, podsLeft } from '../workloads/member-objects.ts';
import type { MemberNamespaces } from '../workloads/namespaces.ts';
import { nominationOf, nominationStatus } from '../workloads/nomination.ts';
import type { RunEnd } from '../workloads/run-end.ts';
import type { RunSettings } from '../workloads/settings.ts';
import { iso } from '../workloads/times.ts';
import type { Tombstones } from '../workloads/tombstones.ts';
import { Stopwatches } from '../workloads/watches.ts';
import { renderForCheck } from './check.ts';
import { jobName, type RunPlace } from './desired.ts';
import { bindPods, createAttempt } from './dispatch.ts';
import { type Evaluation, evaluate, isFinished, type TrainingContext } from './evaluate.ts';
import { expiresAt, nextDeadlineMs, passedDeadline, runningSince } from './lifecycle.ts';
import { type AttemptView, viewAttempt } from './observe.ts';
import { admittedStatus, deriveStatus, type Sight } from './status.ts';

export interface TrainingDeps {
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

/** Brings one ModelTraining nearer to what it asks for: the only writer of its status beside its admission. */
export class TrainingReconciler implements Binder {
  readonly #deps: TrainingDeps;
  readonly #watches: Stopwatches;

  constructor(deps: TrainingDeps) {
    this.#deps = deps;
    this.#watches = new Stopwatches(deps.clock);
  }

  /** Tells the scheduler what this object wants or holds; called for each change, in order. */
  observe(training: ModelTraining): Evaluation {
    const evaluation = evaluate(training, this.#context(training));
    const { metadata, status, spec } = training;
    const uid = metadata.uid ?? '';
    const admission = status?.admission;
    const base = { key: uid, kind: 'ModelTraining' as const, resourceVersion: metadata.resourceVersion ?? '0' };
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
    const { outcome, object } = await this.#deps.status.writeObject(TRAININGS, training, status);
    return outcome === 'written' && object?.status?.nomination?.until === status.nomination.until;
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
    const { outcome, object } = await this.#deps.status.writeObject(TRAININGS, training, next);
    if (outcome === 'gone') return { result: 'gone' };
    // A newer write of the same object may have gone out in this one's place.
    if (outcome !== 'written' || object?.status?.admission?.attempt !== next.attempt) return { result: 'conflict' };
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

  async reconcile(key: string): Promise<ReconcileResult> {
    const training = this.#deps.hub.trainings.get(key);
    if (training === undefined) return undefined;
    if (training.metadata.deletionTimestamp !== undefined) return this.#finalize(training);
    if (!training.metadata.finalizers?.includes(FINALIZER)) {
      return this.#claim(training);
    }
    if (isFinished(training)) return this.#expire(training);
    const evaluation = this.observe(training);
    const nowMs = this.#deps.clock.now();
    const attempt = await this.#attempt(training, evaluation);
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
      end: attempt.end,
      job: attempt.job,
      meter: attempt.meter,
      ...(attempt.unreachable === undefined ? {} : { unreachable: attempt.unreachable }),
    };
    const next = this.#freshAvoid(deriveStatus(training, sight));
    const outcome = await this.#deps.status.write(TRAININGS, training, next);
    if (outcome === 'conflict') return { requeueAfterMs: 20 };
    if (outcome === 'written') this.#tell(training, next);
    return this.#again(training, next, attempt, nowMs);
  }

  /** From first sight the object must not go before its member objects are gone. The watch brings the change back. */
  async #claim(training: ModelTraining): Promise<ReconcileResult> {
    try {
      await addFinalizer(this.#deps.client, TRAININGS, training, FINALIZER);
    } catch (error) {
      // It changed or went meanwhile; what the watch brings decides.
      if (isConflict(error)) return { requeueAfterMs: 20 };
      if (!isNotFound(error)) throw error;
    }
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
    if (next.admission !== undefined) waits.push(300_000);
    const known = waits.filter((ms): ms is number => ms !== undefined);
    return known.length === 0 ? undefined : { requeueAfterMs: Math.min(...known) };
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

  #honoured(training: ModelTraining, evaluation: Evaluation): Promise<ConditionValue> {
    const { honour, hubId, hub } = this.#deps;
    return honour.condition(training, evaluation.problems, (cluster) => [
      renderForCheck(training, evaluation, hubId, cluster, declaredAccelerators(hub)),
    ]);
  }

  /** Acts on the present attempt, from an admission that was seen in the watch, and says what became of it. */
  async #attempt(training: ModelTraining, evaluation: Evaluation): Promise<AttemptResult> {
    const admission = training.status?.admission;
    if (admission === undefined) return { placed: false, gone: false };
    const member = this.#deps.members.get(admission.cluster);
    if (member === undefined) {
      if (this.#deps.hub.clusters.get(admission.cluster) !== undefined) return waitFor('its connection is being made');
      const end = {
        reason: END_REASON.JobLost,
        message: `RegionalCluster ${admission.cluster} was deleted`,
        avoid: [],
      };
      return { placed: true, gone: true, end };
    }
    const meter = this.#meter(training, member);
    if (!member.reachable() || !member.synced) {
      return { ...waitFor(member.unusable()?.message ?? `${member.name} is not synchronised`), meter };
    }
    try {
      const result =
        training.status?.ending === undefined
          ? await this.#run(training, evaluation, member)
          : await this.#remove(training, member);
      return { ...result, meter };
    } catch (error) {
      if (isUnreachable(error)) return { ...waitFor((error as Error).message), meter };
      throw error;
    }
  }

  #meter(training: ModelTraining, member: Member) {
    const admission = training.status?.admission;
    if (admission === undefined) return undefined;
    const nodes = training.status?.placement?.nodes ?? [];
    const boards = boardsPerNode(member, nodes, admission.resourceName);
    return { facts: energyFacts(member), holding: holdingOf(admission, training.spec.trainer.numNodes, boards) };
  }

  async #run(training: ModelTraining, evaluation: Evaluation, member: Member): Promise<AttemptResult> {
    const { metadata, spec, status } = training;
    const admission = status?.admission;
    if (admission === undefined) return { placed: false, gone: false };
    const placed = isTrue(status?.conditions, CONDITION.Placed);
    const forced = this.#forcedEnd(training, evaluation, placed);
    if (forced !== undefined) return { placed, gone: false, end: forced };
    const namespace = metadata.namespace ?? '';
    const name = jobName(metadata.name, admission.attempt);
    const job = member.jobs.get(`${namespace}/${name}`);
    if (job === undefined || job.metadata.labels[LABEL.workloadUid] !== metadata.uid) {
      return placed ? this.#missingJob(member, namespace, name) : this.#dispatch(training, member);
    }
    const pods = member.pods
      .byIndex('workload', metadata.uid ?? '')
      .filter((pod) => pod.metadata.labels[LABEL.attempt] === String(admission.attempt));
    const view = this.#view(training, member, job, pods);
    if (view.bind.length > 0) await bindPods(member.client, view.bind);
    return {
      placed: true,
      gone: false,
      view,
      end: view.end,
      job: { name, ready: job.ready, succeeded: job.succeeded, failed: job.failed, active: job.active },
      requeueAfterMs: this.#nextLook(member, pods, spec.trainer.numNodes, view),
    };
  }

  /** Ends that do not come from the member: what the user or the queue wants, and the clock. */
  #forcedEnd(training: ModelTraining, evaluation: Evaluation, placed: boolean): RunEnd | undefined {
    const { spec, status } = training;
    const end = (reason: RunEnd['reason'], message: string): RunEnd => ({ reason, message, avoid: [] });
    if (spec.suspend) return end(END_REASON.Suspended, 'spec.suspend is true');
    const deadline = passedDeadline(training, iso(this.#deps.clock.now()));
    if (deadline !== undefined) return end(deadline.reason, deadline.message);
    if (!placed && evaluation.shapeHash !== status?.admission?.shapeHash) {
      return end(END_REASON.SpecChanged, 'the spec asks for something else than what was admitted');
    }
    const preempted = this.#deps.scheduler.preemptedBy(training.metadata.uid ?? '');
    if (preempted !== undefined) return end(END_REASON.Preempted, preempted);
    const queue = status?.admission?.queue ?? '';
    const held = this.#deps.scheduler.drainedBy(queue);
    if (held !== undefined) return end(END_REASON.QueueHeld, `queue ${held} has stopPolicy HoldAndDrain`);
    return undefined;
  }

  /** Absent from the cache after it was made: asks the server, the cache may be behind. */
  async #missingJob(member: Member, namespace: string, name: string): Promise<AttemptResult> {
    const live = await jobExists(member.client, namespace, name);
    if (live) return { placed: true, gone: false, requeueAfterMs: REMOVAL_RETRY_MS };
    const message = `Job ${namespace}/${name} in ${member.name} was deleted by somebody else`;
    return { placed: true, gone: false, end: { reason: END_REASON.JobLost, message, avoid: [] } };
  }

  async #dispatch(training: ModelTraining, member: Member): Promise<AttemptResult> {
    const { metadata } = training;
    const admission = training.status?.admission;
    if (admission === undefined) return { placed: false, gone: false };
    const refused = (message: string): AttemptResult => ({
      placed: false,
      gone: false,
      honoured: dispatchRefused(message),
      end: { reason: END_REASON.DispatchRefused, message, avoid: [] },
    });
    if (this.#deps.settings.rehearse) return { placed: false, gone: false };
    if (!(await this.#deps.namespaces.ensure(member, metadata.namespace ?? ''))) {
      const message = `namespace ${metadata.namespace} does not exist in ${member.name}`;
      return { placed: false, gone: false, end: { reason: END_REASON.SpecChanged, message, avoid: [] } };
    }
    try {
      const made = await createAttempt(member.client, training, admission, this.#place(training, member));
      if (made.result === 'taken') return refused(made.message);
      return { placed: true, gone: false };
    } catch (error) {
      if (isUnreachable(error)) throw error;
      const { status = 0, message } = error as { status?: number; message: string };
      if (status >= 400 && status < 500 && status !== 409 && status !== 429) return refused(message);
      throw error;
    }
  }

  #place(training: ModelTraining, member: Member): RunPlace {
    const namespace = training.metadata.namespace ?? '';
    const { region } = member.object.spec;
    const datasets: Record<string, string> = {};
    for (const { name } of training.spec.datasets) {
      const location = this.#deps.hub.datasets
        .get(`${namespace}/${name}`)
        ?.spec.locations.find((entry) => entry.region === region);
      if (location !== undefined) datasets[name] = location.uri;
    }
    return { hubId: this.#deps.hubId, region, datasets };
  }

  #view(training: ModelTraining, member: Member, job: MemberJob, pods: readonly MemberPod[]): AttemptView {
    const { settings } = this.#deps;
    const admission = training.status?.admission;
    if (admission === undefined) throw new Error('an attempt without an admission');
    const prefix = training.metadata.uid ?? '';
    return viewAttempt({
      admission,
      pods: training.spec.trainer.numNodes,
      job,
      members: pods,
      node: (name) => member.nodes.get(name),
      nodeUnwellMs: (name) => {
        const node = member.nodes.get(name);
        return this.#watches.elapsed(`${prefix}/node/${name}`, node?.ready !== true);
      },
      unscheduledMs: (pod) =>
        this.#watches.elapsed(
          `${prefix}/pod/${pod.metadata.uid}`,
          pod.gates.length === 0 && pod.nodeName === undefined && pod.phase === 'Pending',
        ),
      nodeLostMs: settings.nodeLostMs,
      bindTimeoutMs: settings.bindTimeoutMs,
    });
  }

  /** Clocks that run while nothing happens need another look in time. */
  #nextLook(member: Member, pods: readonly MemberPod[], wanted: number, view: AttemptView): number | undefined {
    if (view.end !== undefined) return undefined;
    const { settings } = this.#deps;
    if (pods.some((pod) => pod.nodeName !== undefined && member.nodes.get(pod.nodeName)?.ready !== true)) {
      return Math.max(500, settings.nodeLostMs / 10);
    }
    if (pods.some((pod) => pod.nodeName === undefined) || pods.length < wanted)
      return Math.max(500, settings.bindTimeoutMs / 10);
    return undefined;
  }

  /** The attempt ends: removes its Job, and confirms with the server that nothing of it is left. */
  async #remove({ metadata, status }: ModelTraining, member: Member): Promise<AttemptResult> {
    const { uid = '', namespace = '', name } = metadata;
    const attempt = status?.admission?.attempt ?? 0;
    const jobGone = await deleteOwned(member.client, JOBS, namespace, jobName(name, attempt), uid);
    await forceDeleteOnLostNodes(member, uid, attempt);
    const gone = jobGone && (await podsLeft(member.client, namespace, uid, attempt)) === 0;
    return gone ? { placed: true, gone } : { placed: true, gone, requeueAfterMs: REMOVAL_RETRY_MS };
  }

  /** Removes the Jobs of all attempts. @returns true when the server confirms that nothing of the training is left */
  async #removeAll({ metadata, status }: ModelTraining, member: Member): Promise<boolean> {
    const { uid = '', namespace = '', name } = metadata;
    // The last one by its name as well: it may be made and not be seen yet.
    const names = new Set(member.jobs.byIndex('workload', uid).map((job) => job.metadata.name));
    if (status?.attempt !== undefined) names.add(jobName(name, status.attempt));
    const gone = await Promise.all([...names].map((job) => deleteOwned(member.client, JOBS, namespace, job, uid)));
    await forceDeleteOnLostNodes(member, uid);
    return gone.every((well) => well) && (await podsLeft(member.client, namespace, uid)) === 0;
  }

  /** Deletes a finished training when its time to live is over. */
  async #expire(training: ModelTraining): Promise<ReconcileResult> {
    this.observe(training);
    const left = (expiresAt(training) ?? Number.POSITIVE_INFINITY) - this.#deps.clock.now();
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
    this.observe(training);
    if (!metadata.finalizers?.includes(FINALIZER)) return undefined;
    const cluster = status?.admission?.cluster ?? status?.placement?.cluster;
    const release = async (): Promise<void> => {
      await removeFinalizer(this.#deps.client, TRAININGS, training, FINALIZER);
      this.#watches.forget(metadata.uid ?? '');
    };
    if (cluster === undefined || this.#deps.hub.clusters.get(cluster) === undefined) return void (await release());
    const member = this.#deps.members.get(cluster);
    if (member?.reachable() === true && member.synced) {
      const gone = await this.#removeAll(training, member);
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

/** A deadline that passed while it waits; a suspended training waits for its user. */
function overdueOf(training: ModelTraining, nowMs: number) {
  if (training.spec.suspend || training.status?.admission !== undefined) return undefined;
  return passedDeadline(training, iso(nowMs));
}

interface AttemptResult {
  readonly placed: boolean;
  readonly gone: boolean;
  readonly view?: AttemptView | undefined;
  readonly end?: RunEnd | undefined;
  readonly job?: Sight['job'];
  readonly meter?: Sight['meter'];
  readonly honoured?: ConditionValue;
  readonly unreachable?: string;
  readonly requeueAfterMs?: number | undefined;
}

const waitFor = (unreachable: string): AttemptResult => ({
  placed: false,
  gone: false,
  unreachable,
  requeueAfterMs: UNREACHABLE_RETRY_MS,
});

async function jobExists(client: KubeClient, namespace: string, name: string): Promise<boolean> {
  try {
    await client.get(JOBS, { namespace, name });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
