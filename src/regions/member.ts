import type { RegionalCluster } from '../api/index.ts';
import { iso } from '../core/iso.ts';
import type { CallOptions, KubeClient } from '../kube/client.ts';
import { isWriteRefused, KubeError, UNREACHABLE_REASONS } from '../kube/errors.ts';
import { NAMESPACES } from '../kube/resource.ts';
import type { Store } from '../kube/store.ts';
import { errorMessage } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import type { HistogramHandle } from '../runtime/metrics.ts';
import type { Access } from './access.ts';
import type { Identity } from './identity.ts';
import type { Inventory } from './inventory.ts';
import { Link } from './link.ts';
import { MemberCache } from './member-cache.ts';
import { MemberClients } from './member-clients.ts';
import { MEMBER_TIMING, type MemberConnectionOptions, type MemberTiming } from './member-options.ts';
import { MEMBER_REASON, type Problem, REGION_REASON } from './reasons.ts';
import { type SetupResult, setUp } from './setup.ts';
import { checkSpec } from './spec-check.ts';
import type { Verdict } from './status.ts';
import type {
  EnergyReport,
  ForeignPod,
  Member,
  MemberJob,
  MemberNamespace,
  MemberNode,
  MemberPod,
  MemberReplica,
} from './types.ts';

/** Options of the calls of one look. */
type Look = CallOptions & { readonly signal: AbortSignal };

const isProblem = (access: Access | Problem): access is Problem => 'reason' in access;

/**
 * The connection to one member: a loop of its own that looks at the cluster now and then, makes sure that it is the
 * one it should be and that it is ours, and only then fills the stores. New credentials are tried beside the old ones
 * and taken over only when the same cluster answers to them.
 */
export class MemberConnection implements Member {
  readonly name: string;
  readonly inventory: Inventory;
  readonly nodes: Store<MemberNode>;
  readonly pods: Store<MemberPod>;
  readonly foreignPods: Store<ForeignPod>;
  readonly jobs: Store<MemberJob>;
  readonly replicas: Store<MemberReplica>;
  readonly namespaces: Store<MemberNamespace>;
  readonly energyReports: Store<EnergyReport>;
  readonly #options: MemberConnectionOptions;
  readonly #timing: MemberTiming;
  readonly #logger: Logger;
  readonly #cache: MemberCache;
  readonly #probeSeconds: HistogramHandle;
  readonly #clients: MemberClients;
  readonly #link: Link;
  #object: RegionalCluster;
  #specProblem: Problem | undefined;
  #access: Access | Problem;
  /** The credentials cannot even be tried. */
  #accessProblem: Problem | undefined;
  /** The cluster that it should be answered to the present credentials. */
  #verified = false;
  #seen: string | undefined;
  #accepted: string | undefined;
  #identityProblem: Problem | undefined;
  #setup: SetupResult | undefined;
  #setupAt = Number.NEGATIVE_INFINITY;
  #lastAnswerMs: number | undefined;
  #said = '';
  #poked = false;
  /** Ends the present pause. */
  #wake: AbortController | undefined;
  /** Ends the present look, whose credentials are no longer wanted. */
  #look: AbortController | undefined;

  constructor(options: MemberConnectionOptions) {
    this.#options = options;
    this.#timing = { ...MEMBER_TIMING, ...options.timing };
    this.name = options.object.metadata.name;
    this.#logger = options.logger.child({ cluster: this.name });
    const { clock, metrics, qps, beforeWrite } = options;
    const onChange = (healthy: boolean): void => (healthy ? this.#changed() : this.poke());
    this.#cache = new MemberCache({ cluster: this.name, logger: this.#logger, metrics, clock, onChange });
    this.#clients = new MemberClients({
      cluster: this.name,
      clock,
      metrics,
      ...(qps === undefined ? {} : { qps }),
      ...(beforeWrite === undefined ? {} : { beforeWrite }),
      breaker: {
        maxOpenMs: 10_000,
        onChange: (open) => {
          if (open) this.poke();
        },
      },
    });
    this.#link = new Link(clock.now());
    this.inventory = this.#cache.inventory;
    ({
      nodes: this.nodes,
      pods: this.pods,
      foreignPods: this.foreignPods,
      jobs: this.jobs,
      replicas: this.replicas,
      namespaces: this.namespaces,
      energyReports: this.energyReports,
    } = this.#cache);
    this.#probeSeconds = metrics
      .histogram('aidc_member_cluster_probe_duration_seconds', 'Duration of looks at a member', ['cluster'])
      .labels({ cluster: this.name });
    this.#object = options.object;
    this.#access = options.access;
    this.#accessProblem = isProblem(options.access) ? options.access : undefined;
    this.#takeSpec(options.object);
  }

  get object(): RegionalCluster {
    return this.#object;
  }

  /** Throws as for an unreachable cluster until the right cluster has answered to the present credentials. */
  get client(): KubeClient {
    const client = this.#clients.adopted;
    if (client !== undefined && this.#verified) return client;
    const why = this.unusable()?.message ?? 'it is not connected';
    const init = { status: 0, reason: UNREACHABLE_REASONS.connection };
    throw new KubeError(`cluster ${this.name} cannot be used: ${why}`, init);
  }

  get synced(): boolean {
    return this.#cache.synced;
  }

  /** uid of the cluster, once it is known to be the right one and ours. */
  get acceptedUid(): string | undefined {
    return this.#accepted;
  }

  get version(): string | undefined {
    return this.#setup?.version;
  }

  /** Wall time of the last answer. */
  get lastAnswerMs(): number | undefined {
    return this.#lastAnswerMs;
  }

  get clockSkewMs(): number | undefined {
    return this.#clients.adopted?.clockSkewMs;
  }

  /** Something short of a problem that people should know. */
  get note(): string | undefined {
    return this.#setup?.note;
  }

  get identity(): Identity {
    const { metadata, status } = this.#object;
    return {
      name: this.name,
      createdAt: metadata.creationTimestamp ?? '',
      recorded: status?.clusterUID ?? this.#accepted,
      seen: this.#seen,
    };
  }

  /** Too new to be judged: connecting, without a failure so far. */
  get settling(): boolean {
    const reason = this.unusable()?.reason;
    if (reason !== MEMBER_REASON.Connecting && reason !== MEMBER_REASON.NotSynced) return false;
    return this.#options.clock.now() - this.#link.sinceMs < this.#timing.settleMs;
  }

  reachable(): boolean {
    return this.#verified && !this.#link.down;
  }

  unusable(): Problem | undefined {
    return (
      this.#deleting() ??
      this.#specProblem ??
      this.#accessProblem ??
      this.#identityProblem ??
      this.#link.problem(this.#server) ??
      (this.#setup === undefined ? this.#link.connecting(this.#server) : this.#setup.problem) ??
      this.#notSynced()
    );
  }

  #deleting(): Problem | undefined {
    if (this.#object.metadata.deletionTimestamp === undefined) return undefined;
    const message = 'It is being deleted: what runs there goes on, nothing new is placed.';
    return { reason: MEMBER_REASON.Deleting, message };
  }

  /** What condition Reachable says. */
  reachability(): Verdict {
    if (this.#accessProblem !== undefined) return { status: 'Unknown', ...this.#accessProblem };
    const problem = this.#link.problem(this.#server);
    if (problem === undefined) {
      return { status: 'True', reason: REGION_REASON.Answering, message: 'Its API server answers.' };
    }
    return { status: problem.reason === MEMBER_REASON.Connecting ? 'Unknown' : 'False', ...problem };
  }

  /** Takes a changed RegionalCluster or Secret. */
  update(object: RegionalCluster, access: Access | Problem): void {
    if (object !== this.#object) this.#takeSpec(object);
    this.#object = object;
    if (fingerprint(access) !== fingerprint(this.#access)) this.#takeAccess(access);
    this.#changed();
  }

  setIdentityProblem(problem: Problem | undefined): void {
    const before = this.#identityProblem?.message;
    this.#identityProblem = problem;
    if (before === problem?.message) return;
    this.poke();
    this.#changed();
  }

  /** Looks at the cluster now instead of at the next turn. */
  poke(): void {
    this.#poked = true;
    this.#wake?.abort();
    this.#changed();
  }

  /** Runs until the signal aborts; then everything is closed. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#poked = false;
      const waitMs = await this.#turn(signal);
      this.#changed();
      if (!this.#poked) await this.#sleep(waitMs, signal);
    }
    await this.#cache.stopped();
    await this.#clients.close();
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    this.#wake = new AbortController();
    await this.#options.clock.sleep(ms, AbortSignal.any([signal, this.#wake.signal]));
    this.#wake = undefined;
  }

  /** One look at the cluster and what follows from it; resolves with the pause until the next one. */
  async #turn(stop: AbortSignal): Promise<number> {
    const look = new AbortController();
    this.#look = look;
    const signal = AbortSignal.any([stop, look.signal]);
    try {
      return await this.#lookAt({ signal, timeoutMs: this.#timing.timeoutMs, maxRetries: 0, urgent: true });
    } catch (error) {
      if (!signal.aborted) this.#logger.error('look at the cluster failed', { error: errorMessage(error) });
      return this.#timing.retryMs;
    }
  }

  async #lookAt(call: Look): Promise<number> {
    const access = this.#access;
    if (isProblem(access) || this.#accessProblem !== undefined) return this.#timing.setupMs;
    let client: KubeClient;
    try {
      client = this.#clients.for(access);
    } catch (error) {
      const message = `The credentials cannot be used: ${errorMessage(error)}. Correct the kubeconfig.`;
      this.#accessProblem = { reason: MEMBER_REASON.BadKubeconfig, message };
      return this.#timing.setupMs;
    }
    const recovered = this.#link.down || !this.#verified;
    const seen = await this.#see(client, call);
    if (call.signal.aborted) return 0;
    if (seen === undefined) return this.#link.failures === 1 ? this.#timing.retryMs / 2 : this.#timing.retryMs;
    this.#seen = seen;
    this.#options.onIdentity();
    if (this.#identityProblem?.reason === MEMBER_REASON.ClusterIdentityChanged) return this.#shutOut();
    this.#verified = true;
    return this.#use(this.#clients.adopt(access), call, recovered);
  }

  /** uid of the cluster that answers; undefined where none does. */
  async #see(client: KubeClient, call: Look): Promise<string | undefined> {
    const { clock } = this.#options;
    const startedAt = clock.monotonic();
    let uid: string | undefined;
    let error: unknown;
    try {
      uid = (await client.get(NAMESPACES, { name: 'kube-system', ...call })).metadata.uid;
    } catch (cause) {
      error = cause;
    }
    this.#probeSeconds.observe((clock.monotonic() - startedAt) / 1000);
    if (call.signal.aborted) return undefined;
    if (uid === undefined) {
      const isNew = this.#link.failed(error, clock.now());
      if (isNew) this.#logger.warn('cluster does not answer', { error: errorMessage(error) });
      return undefined;
    }
    if (this.#link.down) this.#logger.info('cluster answers again', { failures: this.#link.failures });
    this.#link.answered();
    this.#lastAnswerMs = clock.now();
    return uid;
  }

  /** The right cluster answers: set it up where that is due, and watch it. */
  async #use(client: KubeClient, call: Look, recovered: boolean): Promise<number> {
    if (this.#identityProblem !== undefined) return this.#timing.probeMs;
    const due = this.#options.clock.monotonic() - this.#setupAt >= this.#timing.setupMs;
    if (this.#setup === undefined || this.#setup.problem !== undefined || recovered || due) {
      await this.#setUp(client, call);
      if (call.signal.aborted) return 0;
    }
    if (this.#setup === undefined) return this.#timing.retryMs;
    if (this.#setup.problem?.reason === MEMBER_REASON.ManagedByOtherHub) return this.#timing.probeMs;
    if (this.#setup.problem === undefined) this.#accepted ??= this.#seen;
    if (recovered || !this.#cache.running) this.#cache.start(client);
    return this.#timing.probeMs;
  }

  async #setUp(client: KubeClient, call: Look): Promise<void> {
    try {
      this.#setup = await setUp(client, this.#options.hubId, call);
      this.#setupAt = this.#options.clock.monotonic();
    } catch (error) {
      if (isWriteRefused(error)) this.#logger.debug('the claim waits for the leader');
      else if (!call.signal.aborted) this.#logger.warn('setup of the member failed', { error: errorMessage(error) });
    }
  }

  /** Not the cluster it should be: what was seen of the right one stays, the wrong one is not touched. */
  #shutOut(): number {
    this.#verified = false;
    this.#cache.stop();
    return this.#timing.probeMs;
  }

  #notSynced(): Problem | undefined {
    const { kinds, sinceMs } = this.#cache.missing(this.#timing.graceMs);
    if (kinds.length === 0) return this.#cache.running ? undefined : this.#link.connecting(this.#server);
    const message =
      `It answers, but since ${iso(sinceMs)} the hub has not seen its ${kinds.join(', ')}. ` +
      'Where rights are missing, grant list and watch; else it comes by itself.';
    return { reason: MEMBER_REASON.NotSynced, message };
  }

  get #server(): string {
    return isProblem(this.#access) ? 'its API server' : this.#access.credentials.server;
  }

  #takeSpec(object: RegionalCluster): void {
    this.#specProblem = checkSpec(object.spec);
    this.inventory.setAccelerators(object.spec.accelerators);
  }

  #takeAccess(access: Access | Problem): void {
    this.#access = access;
    this.#accessProblem = isProblem(access) ? access : undefined;
    this.#look?.abort(new Error('credentials changed'));
    this.#clients.dropCandidate();
    this.#link.reset(this.#options.clock.now());
    this.#verified = false;
    this.#setup = undefined;
    this.#seen = undefined;
    this.#identityProblem = undefined;
    this.#cache.stop();
    this.#logger.info('credentials changed', isProblem(access) ? { problem: access.message } : {});
    this.poke();
  }

  /** Tells of a change, but only of one. */
  #changed(): void {
    const problem = this.unusable();
    const { status, message } = this.reachability();
    const says = [problem?.reason, problem?.message, status, message, this.synced, this.version, this.#accepted];
    const said = says.join('\n');
    if (said === this.#said) return;
    this.#said = said;
    this.#options.onChange();
  }
}

const fingerprint = (access: Access | Problem): string =>
  isProblem(access) ? `problem ${access.message}` : access.fingerprint;
