import {
  type Admission,
  CONDITION,
  END_REASON,
  LABEL,
  type ModelTraining,
  type Progress,
  runKey,
} from '../api/index.ts';
import { decodeAssignment } from '../core/assignment.ts';
import { energyFactsOf, holdingOf, type Meter } from '../energy/index.ts';
import { boardsPerNode } from '../hub/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound, isRefused, isUnreachable } from '../kube/errors.ts';
import { JOBS, type KubeObject } from '../kube/resource.ts';
import type { Member, MemberJob, MemberPod } from '../regions/index.ts';
import { asksForAccelerators } from '../workloads/admission.ts';
import { lastCheckpointMs } from '../workloads/checkpoint.ts';
import { type ConditionValue, isTrue } from '../workloads/conditions.ts';
import { dispatchRefused } from '../workloads/honour.ts';
import { deleteOwned, forceDeleteOnLostNodes, podsLeft } from '../workloads/member-objects.ts';
import { toldProgress } from '../workloads/progress.ts';
import { DeadManSwitches, renewalLookMs, renewedDeadline } from '../workloads/relocation.ts';
import type { RunEnd } from '../workloads/run-end.ts';
import { REMOVAL_RETRY_MS, UNREACHABLE_RETRY_MS } from '../workloads/settings.ts';
import { iso } from '../workloads/times.ts';
import { Stopwatches } from '../workloads/watches.ts';
import type { TrainingDeps } from './deps.ts';
import { graceSeconds, jobName, type RunPlace } from './desired.ts';
import { bindPods, createAttempt } from './dispatch.ts';
import type { Evaluation } from './evaluate.ts';
import { passedDeadline } from './lifecycle.ts';
import { type AttemptView, viewAttempt } from './observe.ts';
import type { Sight } from './status.ts';

/** What became of an attempt in one look. */
export interface AttemptResult {
  readonly placed: boolean;
  readonly gone: boolean;
  readonly view?: AttemptView | undefined;
  readonly checkpointMs?: number | undefined;
  readonly progress?: Progress | undefined;
  readonly end?: RunEnd | undefined;
  readonly job?: Sight['job'];
  readonly meter?: Sight['meter'];
  readonly honoured?: ConditionValue;
  readonly unreachable?: string;
  readonly requeueAfterMs?: number | undefined;
}

/** Makes, watches and removes what the present attempt of a training has in its member. */
export class Attempts {
  readonly #deps: TrainingDeps;
  readonly #watches: Stopwatches;
  readonly #switches: DeadManSwitches;

  constructor(deps: TrainingDeps) {
    this.#deps = deps;
    this.#watches = new Stopwatches(deps.clock);
    this.#switches = new DeadManSwitches(deps.clock);
  }

  /** The training is gone. */
  forget(uid: string): void {
    this.#watches.forget(uid);
    this.#switches.forget(uid);
  }

  /** Acts on the present attempt, from an admission that was seen in the watch, and says what became of it. */
  async act(training: ModelTraining, evaluation: Evaluation): Promise<AttemptResult> {
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
      const why = member.unusable()?.message ?? `${member.name} is not synchronised`;
      return { ...(await this.#outOfReach(training, why)), meter };
    }
    try {
      const result =
        training.status?.ending === undefined
          ? await this.#run(training, evaluation, member)
          : await this.#remove(training, member);
      return { ...result, meter };
    } catch (error) {
      if (isUnreachable(error)) return { ...(await this.#outOfReach(training, (error as Error).message)), meter };
      throw error;
    }
  }

  /** The member does not answer: waits for it, or gives the attempt up when it is sure to be over there. */
  async #outOfReach(training: ModelTraining, why: string): Promise<AttemptResult> {
    const { admission, ending } = training.status ?? {};
    if (admission?.relocateAfterSeconds === undefined) return waitFor(why);
    const { uid = '', namespace = '', name } = training.metadata;
    const { cluster, attempt, relocateAfterSeconds } = admission;
    const spanMs = (relocateAfterSeconds + graceSeconds(training)) * 1000 + this.#deps.settings.skewBoundMs;
    const { over, until, leftMs } = this.#switches.silence(runKey(uid, attempt), spanMs);
    if (!over) {
      const wait = waitFor(`${why}; the attempt is given up if that is still so at ${until}`);
      return { ...wait, requeueAfterMs: Math.min(UNREACHABLE_RETRY_MS, leftMs + 50) };
    }
    // What the region still shows of it is removed when it is back.
    await this.#deps.tombstones.bury({ uid, cluster, attempt, kind: 'ModelTraining', namespace, name });
    const message = `${cluster} did not answer until ${until}, by when the attempt has ended itself there: ${why}`;
    this.#deps.events.event(training, 'Warning', END_REASON.RegionLost, message.slice(0, 1000));
    const end = { reason: END_REASON.RegionLost, message, avoid: [] };
    return { placed: true, gone: true, ...(ending === undefined ? { end } : {}) };
  }

  /** Lets the Job live on, where it would end without word from us. @returns when to look at it again, in ms */
  async #renew(training: ModelTraining, member: Member, job: MemberJob): Promise<number | undefined> {
    const { admission } = training.status ?? {};
    if (admission?.relocateAfterSeconds === undefined) return undefined;
    const memberNowMs = this.#deps.clock.now() + (member.client.clockSkewMs ?? 0);
    const activeDeadlineSeconds = renewedDeadline(job, admission.relocateAfterSeconds, memberNowMs);
    if (activeDeadlineSeconds !== undefined) {
      const { namespace = '', name } = job.metadata;
      this.#switches.renewing(runKey(training.metadata.uid ?? '', admission.attempt));
      await member.client.mergePatch(JOBS, { namespace, name, body: { spec: { activeDeadlineSeconds } } });
    }
    return renewalLookMs(admission.relocateAfterSeconds);
  }

  #meter(training: ModelTraining, member: Member): Meter | undefined {
    const admission = training.status?.admission;
    if (admission === undefined) return undefined;
    const nodes = training.status?.placement?.nodes ?? [];
    const boards = boardsPerNode(member, nodes, admission.resourceName);
    return {
      facts: energyFactsOf(member.object),
      holding: holdingOf(admission, training.spec.trainer.numNodes, boards),
      unmetered: (fromMs, toMs) => this.#deps.energy.unmetered(admission, fromMs, toMs),
    };
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
      return placed ? this.#missingJob(member, namespace, name, metadata.uid) : this.#dispatch(training, member);
    }
    const pods = member.pods
      .byIndex('workload', metadata.uid ?? '')
      .filter((pod) => pod.metadata.labels[LABEL.attempt] === String(admission.attempt));
    const view = this.#view(training, member, job, pods);
    if (view.bind.length > 0) await bindPods(member.client, view.bind);
    const checkpointMs = lastCheckpointMs(pods, admission.attempt);
    const renewMs = view.end === undefined ? await this.#renew(training, member, job) : undefined;
    return {
      placed: true,
      gone: false,
      view,
      checkpointMs,
      progress: toldProgress(pods, admission.attempt),
      end: view.end,
      job: { name, ready: job.ready, succeeded: job.succeeded, failed: job.failed, active: job.active },
      requeueAfterMs: sooner(this.#nextLook(member, pods, spec.trainer.numNodes, view), renewMs),
    };
  }

  /** Ends that do not come from the member: what the user or the queue wants, and the clock. */
  #forcedEnd(training: ModelTraining, evaluation: Evaluation, placed: boolean): RunEnd | undefined {
    const { spec, status } = training;
    const end = (reason: RunEnd['reason'], message: string): RunEnd => ({ reason, message, avoid: [] });
    if (spec.suspend) return end(END_REASON.Suspended, 'spec.suspend is true');
    const deadline = passedDeadline(training, iso(this.#deps.clock.now()));
    if (deadline !== undefined) return end(deadline.reason, deadline.message);
    const { admission } = status ?? {};
    const isOther = admission !== undefined && evaluation.shapeHash !== admission.shapeHash;
    // What runs is looked at by its numbers: another release may reckon another hash of the same spec.
    if (isOther && !(placed && isWhatRuns(spec, admission))) {
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
  async #missingJob(member: Member, namespace: string, name: string, uid = ''): Promise<AttemptResult> {
    const live = await jobExists(member.client, namespace, name, uid);
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
    this.#switches.renewing(runKey(metadata.uid ?? '', admission.attempt));
    try {
      const made = await createAttempt(member.client, training, admission, this.#place(training, member));
      if (made.result === 'taken') return refused(made.message);
      return { placed: true, gone: false };
    } catch (error) {
      if (isUnreachable(error)) throw error;
      if (isRefused(error)) return refused((error as Error).message);
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
      missingMs: this.#watches.unchanged(`${prefix}/pods`, `${admission.attempt}: ${pods.length}`),
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
    // While its pods end they may write a last one.
    const pods = member.pods.byIndex('workload', uid);
    const [checkpointMs, progress] = [lastCheckpointMs(pods, attempt), toldProgress(pods, attempt)];
    const jobGone = await deleteOwned(member.client, JOBS, namespace, jobName(name, attempt), uid);
    await forceDeleteOnLostNodes(member, uid, attempt);
    const gone = jobGone && (await podsLeft(member.client, namespace, uid, attempt)) === 0;
    return { placed: true, gone, checkpointMs, progress, ...(gone ? {} : { requeueAfterMs: REMOVAL_RETRY_MS }) };
  }

  /** Removes the Jobs of all attempts. @returns true when the server confirms that nothing of the training is left */
  async removeAll({ metadata, status }: ModelTraining, member: Member): Promise<boolean> {
    const { uid = '', namespace = '', name } = metadata;
    // The last one by its name as well: it may be made and not be seen yet.
    const names = new Set(member.jobs.byIndex('workload', uid).map((job) => job.metadata.name));
    if (status?.attempt !== undefined) names.add(jobName(name, status.attempt));
    const gone = await Promise.all([...names].map((job) => deleteOwned(member.client, JOBS, namespace, job, uid)));
    await forceDeleteOnLostNodes(member, uid);
    return gone.every((well) => well) && (await podsLeft(member.client, namespace, uid)) === 0;
  }
}

/** Whether the pods that were admitted are those that the spec asks for. */
const isWhatRuns = ({ trainer, accelerators }: ModelTraining['spec'], admission: Admission): boolean =>
  decodeAssignment(admission.assignment).length === trainer.numNodes && asksForAccelerators(accelerators, admission);

const sooner = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);

const waitFor = (unreachable: string): AttemptResult => ({
  placed: false,
  gone: false,
  unreachable,
  requeueAfterMs: UNREACHABLE_RETRY_MS,
});

/** Whether the Job of that name is there and is the workload's; somebody else may have put another in its place. */
async function jobExists(client: KubeClient, namespace: string, name: string, uid: string): Promise<boolean> {
  try {
    const { metadata } = await client.get<KubeObject>(JOBS, { namespace, name });
    return metadata.labels?.[LABEL.workloadUid] === uid;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
