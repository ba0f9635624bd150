import type { Clock } from '../runtime/clock.ts';
import { checkElectorConfig, type ElectorConfig, electorStep, type LeaseRecord } from '../runtime/elector.ts';
import { errorMessage } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Leadership } from '../runtime/manager.ts';
import { noopMetrics, type RuntimeMetrics } from '../runtime/metrics.ts';
import type { KubeClient, WriteGuardResult } from './client.ts';
import { isAlreadyExists, isConflict, isNotFound } from './errors.ts';
import { microTime } from './micro-time.ts';
import { type KubeObject, LEASES } from './resource.ts';

export interface LeaseSpec {
  holderIdentity?: string | null;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
}

export interface Lease extends KubeObject {
  spec?: LeaseSpec;
}

export interface LeaderElectorOptions {
  /** A client without a write guard; its calls pass its rate limit, breaker and connection bound. */
  readonly client: Pick<KubeClient, 'get' | 'create' | 'mergePatch'>;
  readonly namespace: string;
  readonly name: string;
  /** Unique to this life of this process, e.g. the pod's name and a random part. */
  readonly identity: string;
  /** Default 15 s, 10 s and 2 s. The lease duration must be whole seconds. */
  readonly config?: ElectorConfig;
  readonly clock: Clock;
  readonly random?: () => number;
  readonly logger: Logger;
  readonly metrics?: RuntimeMetrics;
  /** This process leads from now on; `epoch` is the lease's number of transitions. Must not throw. */
  readonly onStarted?: (epoch: number) => void;
  /** Leadership is lost for good: the caller ends the process. Must not throw. */
  readonly onLost?: (reason: string) => void;
}

const DEFAULTS: ElectorConfig = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2000 };

/**
 * Competes for one Lease. Leadership counts until a local monotonic deadline, taken from before the last renewal was
 * sent, so it ends here before anyone else may take over, whatever hangs. A process leads at most once: when
 * leadership is lost `run` resolves and the process should exit.
 */
export class LeaderElector implements Leadership {
  readonly name: string;
  readonly #options: LeaderElectorOptions;
  readonly #config: ElectorConfig;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** The lease as last read or written, and the monotonic time (ms) at which it was first seen in this form. */
  #lease: Lease | undefined;
  #observedSpec = '';
  #observedAt = 0;
  #leading = false;
  #lost = false;
  #epoch: number | undefined;
  #deadline = 0;
  #cancelDeadline: (() => void) | undefined;
  #acquireTime = '';
  readonly #waiters = new Set<() => void>();
  readonly #wakeOnLoss = new AbortController();
  readonly #setGauge: (value: number) => void;

  /** Throws when the times would let two leaders overlap. */
  constructor(options: LeaderElectorOptions) {
    this.#options = options;
    this.#config = options.config ?? DEFAULTS;
    checkElectorConfig(this.#config);
    if (this.#config.leaseDurationMs % 1000 !== 0) throw new Error('lease duration must be whole seconds');
    this.#clock = options.clock;
    this.name = `lease ${options.namespace}/${options.name}`;
    this.#logger = options.logger.child({ lease: `${options.namespace}/${options.name}`, identity: options.identity });
    const gauge = (options.metrics ?? noopMetrics)
      .gauge('leader_election_master_status', '1 while this process leads', ['name'])
      .labels({ name: options.name });
    this.#setGauge = (value) => gauge.set(value);
    this.#setGauge(0);
  }

  /** True until the local deadline. */
  isLeader(): boolean {
    return this.#leading && this.#clock.monotonic() < this.#deadline;
  }

  /** Milliseconds until the local deadline; 0 when not leading. */
  remainingMs(): number {
    return this.#leading ? Math.max(0, this.#deadline - this.#clock.monotonic()) : 0;
  }

  /** The lease's transitions at the time this process took it; undefined when it never led. */
  get epoch(): number | undefined {
    return this.#epoch;
  }

  /** For `KubeClientOptions.beforeWrite`: refuses writes unless this process leads, and bounds their deadline. */
  guard(): () => WriteGuardResult {
    return () =>
      this.isLeader()
        ? { ok: true, remainingMs: this.remainingMs() }
        : { ok: false, reason: `this process does not hold ${this.name}` };
  }

  /** Resolves with the epoch once this process leads; undefined when the signal aborts before, or it never will. */
  acquired(signal: AbortSignal): Promise<number | undefined> {
    if (this.#leading || this.#lost || signal.aborted) return Promise.resolve(this.#leading ? this.#epoch : undefined);
    return new Promise((resolve) => {
      const finish = (): void => {
        this.#waiters.delete(finish);
        signal.removeEventListener('abort', finish);
        resolve(this.#leading ? this.#epoch : undefined);
      };
      this.#waiters.add(finish);
      signal.addEventListener('abort', finish, { once: true });
    });
  }

  /**
   * Competes, then renews, until the signal aborts (then the lease is released) or leadership is lost. Never rejects.
   * Abort it after everything that writes has stopped.
   */
  async run(signal: AbortSignal): Promise<void> {
    const until = AbortSignal.any([signal, this.#wakeOnLoss.signal]);
    while (!until.aborted) {
      const waitMs = await this.#attempt(until);
      if (!until.aborted) await this.#clock.sleep(waitMs, until);
    }
    if (!this.#lost) await this.#release();
    for (const finish of this.#waiters) finish();
  }

  /** One try; resolves with the pause before the next in milliseconds. */
  async #attempt(signal: AbortSignal): Promise<number> {
    try {
      // The holder renews what it wrote last; only when that fails must it read.
      if (!this.#leading || !this.#lease) await this.#read(signal);
      if (signal.aborted) return 0;
      return await this.#step(signal);
    } catch (error) {
      if (signal.aborted) return 0;
      if (isConflict(error) || isNotFound(error) || isAlreadyExists(error)) {
        // Read what is there now. A holder has little time: at once.
        this.#lease = undefined;
        return this.#leading ? Math.min(100, this.#config.retryPeriodMs) : this.#jittered();
      }
      // The write may have happened: its resourceVersion is unknown until the next read.
      this.#lease = undefined;
      this.#logger.warn('lease request failed', { error: errorMessage(error), leading: this.#leading });
      return this.#leading ? Math.min(500, this.#config.retryPeriodMs) : this.#jittered();
    }
  }

  async #step(signal: AbortSignal): Promise<number> {
    const record = this.#lease ? recordOf(this.#lease) : undefined;
    const held = record?.holder === this.#options.identity && record.transitions === this.#epoch;
    if (this.#leading && !held) {
      this.#lose(record ? `the lease is held by ${record.holder || 'nobody'}` : 'the lease was deleted');
      return 0;
    }
    const now = this.#clock.monotonic();
    const step = electorStep(record, this.#observedAt, now, this.#options.identity, this.#config, this.#leading);
    if (step.action === 'wait') return Math.min(step.waitMs, this.#jittered());
    const sentAt = this.#clock.monotonic();
    if (step.action !== 'renew') this.#acquireTime = microTime(this.#clock.now());
    const spec: LeaseSpec = {
      holderIdentity: this.#options.identity,
      leaseDurationSeconds: this.#config.leaseDurationMs / 1000,
      acquireTime: this.#acquireTime,
      renewTime: microTime(this.#clock.now()),
      leaseTransitions: step.transitions,
    };
    this.#observe(step.action === 'create' ? await this.#create(spec, signal) : await this.#patch(spec, signal));
    this.#won(step.transitions, sentAt);
    return this.#config.retryPeriodMs;
  }

  /** A write of ours succeeded; the term counts from before it was sent. */
  #won(transitions: number, sentAt: number): void {
    const deadline = sentAt + this.#config.renewDeadlineMs;
    if (this.#lost || this.#clock.monotonic() >= deadline) return;
    this.#deadline = deadline;
    this.#cancelDeadline?.();
    this.#cancelDeadline = this.#clock.setTimer(() => this.#checkDeadline(), deadline - this.#clock.monotonic());
    if (this.#leading) return;
    this.#leading = true;
    this.#epoch = transitions;
    this.#setGauge(1);
    this.#logger.info('acquired the lease', { epoch: transitions });
    this.#options.onStarted?.(transitions);
    for (const finish of this.#waiters) finish();
  }

  #checkDeadline(): void {
    if (!this.#leading) return;
    const leftMs = this.#deadline - this.#clock.monotonic();
    // Timers may fire a little early.
    if (leftMs > 0) this.#cancelDeadline = this.#clock.setTimer(() => this.#checkDeadline(), Math.ceil(leftMs));
    else this.#lose(`the lease could not be renewed within ${this.#config.renewDeadlineMs} ms`);
  }

  #lose(reason: string): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#leading = false;
    this.#cancelDeadline?.();
    this.#setGauge(0);
    this.#logger.error('lost the lease', { reason });
    this.#wakeOnLoss.abort(new Error(reason));
    this.#options.onLost?.(reason);
  }

  async #release(): Promise<void> {
    const held = this.isLeader();
    // Before the request: nothing of ours is written any more once others may lead.
    this.#leading = false;
    this.#cancelDeadline?.();
    this.#setGauge(0);
    if (!held) return;
    try {
      await this.#giveBack();
      this.#logger.info('released the lease');
    } catch (error) {
      this.#logger.warn('the lease was not released and will expire', { error: errorMessage(error) });
    }
  }

  /** A renewal cut off by the stop may have had its effect, so what is there is read again where the first try fails. */
  async #giveBack(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      if (!this.#lease || attempt > 1) await this.#read(undefined);
      const record = this.#lease ? recordOf(this.#lease) : undefined;
      if (record?.holder !== this.#options.identity || record.transitions !== this.#epoch) return;
      try {
        const renewTime = microTime(this.#clock.now());
        await this.#patch({ holderIdentity: null, leaseDurationSeconds: 1, renewTime }, undefined);
        return;
      } catch (error) {
        if (attempt >= 3 || !isConflict(error)) throw error;
      }
    }
  }

  async #read(signal: AbortSignal | undefined): Promise<void> {
    const { client, namespace, name } = this.#options;
    try {
      this.#observe(await client.get<Lease>(LEASES, { namespace, name, ...this.#call(signal) }));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      this.#lease = undefined;
    }
  }

  #create(spec: LeaseSpec, signal: AbortSignal): Promise<Lease> {
    const { client, namespace, name } = this.#options;
    return client.create<Lease>(LEASES, {
      namespace,
      body: { metadata: { name, namespace }, spec },
      ...this.#call(signal),
    });
  }

  #patch(spec: LeaseSpec, signal: AbortSignal | undefined): Promise<Lease> {
    const { client, namespace, name } = this.#options;
    const body = { metadata: { resourceVersion: this.#lease?.metadata.resourceVersion }, spec };
    return client.mergePatch<Lease>(LEASES, { namespace, name, body, ...this.#call(signal) });
  }

  #call(signal: AbortSignal | undefined) {
    return { urgent: true, maxRetries: 0, timeoutMs: this.#callTimeout(), ...(signal ? { signal } : {}) };
  }

  /** Half the renew deadline at most, so that one hung call leaves time for another. */
  #callTimeout(): number {
    return this.#config.renewDeadlineMs / 2;
  }

  #observe(lease: Lease): void {
    const spec = JSON.stringify([lease.metadata.uid, lease.spec ?? {}]);
    if (spec !== this.#observedSpec) {
      this.#observedSpec = spec;
      this.#observedAt = this.#clock.monotonic();
    }
    this.#lease = lease;
  }

  /** Candidates spread out, so that they do not all try in the moment a lease expires. */
  #jittered(): number {
    return this.#config.retryPeriodMs * (1 + 0.2 * (this.#options.random ?? Math.random)());
  }
}

function recordOf(lease: Lease): LeaseRecord {
  const { holderIdentity, leaseDurationSeconds, leaseTransitions } = lease.spec ?? {};
  return {
    holder: holderIdentity ?? '',
    leaseDurationMs: (leaseDurationSeconds ?? 0) * 1000,
    transitions: leaseTransitions ?? 0,
  };
}
