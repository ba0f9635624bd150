import { type ComputeQueue, PENDING_REASON } from '../api/index.ts';
import { backlog, isHopeless } from '../core/backlog.ts';
import { Cycle } from '../core/cycle.ts';
import type { Admit, Nominated, NotAdmitted, Running, Snapshot, Workload } from '../core/model.ts';
import { QuotaTree } from '../core/quota.ts';
import type { UseSource } from '../core/use.ts';
import type { Store } from '../kube/store.ts';
import { clusterView, type Inventory, type Member, type MemberNamespace, type MemberSource } from '../regions/index.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RuntimeMetrics } from '../runtime/metrics.ts';
import { type Assumed, assume, isOlder } from './assumed.ts';
import { Changes } from './changes.ts';
import { Demand } from './demand.ts';
import { QuotaDrain } from './drain.ts';
import { FairHistory } from './fair-history.ts';
import { Foresight } from './foresight.ts';
import { schedulerMetrics } from './metrics.ts';
import { Nominations } from './nominations.ts';
import { Pace } from './pace.ts';
import { QueueBudgets } from './queue-budgets.ts';
import { queueView } from './queue-view.ts';
import type { Binder, Holder, Observation } from './types.ts';
import { Waiting } from './waiting.ts';

export interface SchedulerOptions {
  readonly members: MemberSource & { inventory(cluster: string): Inventory | undefined };
  readonly queues: Store<ComputeQueue>;
  readonly namespaces: Store<MemberNamespace>;
  /** The leader's term; undefined: this process does not lead and decides nothing. */
  readonly epoch: () => number | undefined;
  /** Everything was listed once; before that nothing is decided. */
  readonly ready: () => boolean;
  /** What is used by what is held, for budgets. */
  readonly use: UseSource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
}

const RESERVATION_LOOK_MS = 10_000;
/** Protections against preemption and waits for a reservation end with time: even who is parked is tried this often. */
const LOOK_AT_ALL_MS = 30_000;
/** Decisions between two turns of the event loop, and the most admissions of one cycle. */
const SLICE = 32;
const MAX_ADMITTED = 500;

/**
 * Decides for all kinds of workloads: keeps who waits and who holds, runs the pure cycle when something changed
 * that could matter, assumes its decisions at once and has them written. A decision whose write fails is forgotten
 * and made again.
 */
export class Scheduler {
  readonly budgets: QueueBudgets;
  readonly history: FairHistory;
  readonly #options: SchedulerOptions;
  readonly #logger: Logger;
  readonly #metrics: ReturnType<typeof schedulerMetrics>;
  readonly #binders = new Map<Workload['kind'], Binder>();
  readonly #pending = new Waiting();
  readonly #changed: Changes;
  readonly #holders = new Map<string, Holder>();
  readonly #assumed = new Map<string, Assumed>();
  readonly #answers = new Map<string, NotAdmitted>();
  readonly #nominations = new Nominations();
  readonly #drain = new QuotaDrain();
  readonly #foresight = new Foresight();
  readonly #demand = new Demand();
  /** As of the last cycle. */
  #costs: ReadonlyMap<string, number> = new Map();
  /** Ends the wait for the next look at what is kept for whom: that changes with time alone. */
  #cancelLook: (() => void) | undefined;
  /** Ends the wait for the next delay of a quota that was lowered. */
  #cancelDrain: (() => void) | undefined;
  #drainDue = true;
  /** Some are not considered before others that wait leave. */
  #isCrowded = false;
  readonly #listeners = new Set<() => void>();
  #lookAtAllFrom = 0;
  readonly #pace: Pace;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#pace = new Pace(options.clock);
    this.#changed = new Changes(options.queues, options.members);
    this.#logger = options.logger.child({ component: 'scheduler' });
    this.#metrics = schedulerMetrics(options.metrics);
    this.budgets = new QueueBudgets({
      ...options,
      holders: () => this.holders(),
      onFreed: () => this.wake(),
      endsAt: (key, nowMs) => this.#foresight.endsAt(key, nowMs),
    });
    this.history = new FairHistory({ ...options, holders: () => this.holders() });
    // Status writes change a queue's version, not its generation: they must not cause the next cycle.
    options.queues.subscribe(({ old, obj, type }) => {
      if (type === 'updated' && old?.metadata.generation === obj.metadata.generation) return;
      if (type === 'deleted') this.#metrics.forget(obj.metadata.name);
      this.#changed.settings();
      this.#drainSoon();
    });
    options.namespaces.subscribe(() => this.wake());
    options.members.subscribe({
      attach: (member) => this.#attach(member),
      changed: () => this.wake(),
    });
  }

  register(kind: Workload['kind'], binder: Binder): void {
    this.#binders.set(kind, binder);
  }

  /** Told of each change of a workload's object, in order. */
  observe(observation: Observation): void {
    const { key } = observation;
    this.#foresight.observe(observation);
    this.#demand.observe(observation);
    const assumed = this.#assumed.get(key);
    if (assumed !== undefined) {
      if (observation.holder === undefined && isOlder(observation.resourceVersion, assumed.resourceVersion)) return;
      this.#assumed.delete(key);
    }
    this.#setHolder(key, observation.holder);
    this.#setPending(key, observation.holder === undefined ? observation.pending : undefined);
    const { pending, nomination } = observation;
    if (pending === undefined || nomination === undefined || this.#nominations.has(key)) return;
    // Another process began to clear this place.
    this.#nominations.set({ workload: pending, nomination }, true);
    this.#wakeVictims(nomination.victims);
  }

  /** Whether a place is being cleared for it. */
  isNominated(key: string): boolean {
    return this.#nominations.has(key);
  }

  /** Who pushes it out, in a sentence; undefined: nobody. */
  preemptedBy(key: string): string | undefined {
    return this.#nominations.preemptorOf(key) ?? this.#drain.reason(key);
  }

  /** The object is gone. */
  forget(key: string): void {
    this.#foresight.forget(key);
    this.#demand.forget(key);
    this.#assumed.delete(key);
    this.#setHolder(key, undefined);
    this.#setPending(key, undefined);
  }

  /** Something changed that a placement could depend on. */
  wake(): void {
    this.#changed.settings();
    this.#pace.soon();
  }

  /** Called after each cycle. */
  onCycle(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  pending(): Iterable<Workload> {
    return this.#pending.values();
  }

  holders(): Iterable<Holder> {
    return this.#holders.values();
  }

  /** Estimated costs of completions, of those that wait in queues that go by them; as of the last cycle. */
  costs(): ReadonlyMap<string, number> {
    return this.#costs;
  }

  /** When those that wait for nodes are expected to start, in ms by Workload.key. */
  forecast(): ReadonlyMap<string, number> {
    return this.#forecast([]);
  }

  #forecast(asking: readonly Workload[]): ReadonlyMap<string, number> {
    const { clusters, running = () => [] } = this.snapshot();
    const reason = (key: string) => this.answer(key)?.reason;
    const sight = { clusters, running, pending: this.#pending.values(), reason };
    return this.#foresight.starts(sight, asking, this.#options.clock.now());
  }

  /** Why it waits, by the last cycle that looked at it. */
  answer(key: string): NotAdmitted | undefined {
    return this.#answers.get(key);
  }

  /** The present state as the pure core sees it; its columns are valid until the next event is handled. */
  snapshot(): Snapshot {
    const { members, queues, namespaces } = this.#options;
    return {
      clusters: members.list().flatMap((member) => {
        const inventory = members.inventory(member.name);
        if (inventory === undefined) return [];
        const startSeconds = this.#foresight.startSeconds(member.name);
        return [{ ...clusterView(member.object, inventory, member.unusable()), startSeconds }];
      }),
      queues: [...queues.list()].map(queueView),
      quotaUse: [...this.#holders.values()].map((holder) => ({ queue: holder.queue, charges: holder.charges })),
      running: () => [...this.#holders.values()].filter(({ attempt }) => attempt > 0).map((one) => this.#running(one)),
      runMs: ({ key }) => this.#foresight.longestMs(key, this.#options.clock.now()),
      nominations: this.#nominations.view(),
      turnAt: (workload) => this.#forecast([workload]).get(workload.key),
      learned: this.#demand.learned(),
      budgetHolds: this.budgets.holds(),
      budgets: () => this.budgets.held(),
      expectedMs: ({ key }) => this.#foresight.expectedMs(key, this.#options.clock.now()),
      namespaceLabels: new Map([...namespaces.list()].map((item) => [item.metadata.name, item.metadata.labels])),
    };
  }

  /** Queue on the path to the root that stops what runs in it (HoldAndDrain), if any. */
  drainedBy(queue: string): string | undefined {
    const seen = new Set<string>();
    for (let name: string | undefined = queue; name !== undefined && !seen.has(name); ) {
      seen.add(name);
      const found: ComputeQueue | undefined = this.#options.queues.get(name);
      if (found?.spec.stopPolicy === 'HoldAndDrain') return name;
      name = found?.spec.parent;
    }
    return undefined;
  }

  quotaTree(): QuotaTree {
    return QuotaTree.build([...this.#options.queues.list()].map(queueView));
  }

  /** The same, with what is held. */
  quotaInUse(): QuotaTree {
    const tree = this.quotaTree();
    for (const { queue, charges } of this.#holders.values()) tree.add({ queue, charges });
    return tree;
  }

  /** Runs cycles until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      await this.#pace.wait(() => this.#drainDue || (this.#isDue() && this.#pending.size > 0), signal);
      if (signal.aborted) return;
      const epoch = this.#options.epoch();
      if (epoch === undefined || !this.#options.ready()) {
        await clock.sleep(100, signal).catch(() => {});
        continue;
      }
      this.#pace.begin();
      const started = clock.monotonic();
      try {
        if (this.#drainDue) this.#drainQuota();
        if (this.#pending.size > 0) await this.#cycle(epoch, signal);
      } catch (error) {
        // A cycle is pure: the same input would throw again at once, so wait before the next look.
        this.#logger.error('scheduling cycle failed', { error });
        this.#pace.soon();
        await clock.sleep(1000, signal).catch(() => {});
      }
      // Leaves most of the time to watches and writes, however long a cycle takes.
      await clock.sleep(Math.min(500, 2 * (clock.monotonic() - started)), signal).catch(() => {});
    }
  }

  /** Something changed, or it is time to try all again. */
  #isDue(): boolean {
    return this.#pace.isDue || this.#options.clock.monotonic() >= this.#lookAtAllFrom || this.budgets.isResetDue();
  }

  /** Stops what queues use beyond a quota that was lowered, when their delay is over. */
  #drainQuota(): void {
    const { clock } = this.#options;
    this.#drainDue = false;
    const { stop, waitMs } = this.#drain.look(this.snapshot(), clock.now());
    this.#wakeVictims(stop);
    this.#cancelDrain?.();
    this.#cancelDrain = waitMs === undefined ? undefined : clock.setTimer(() => this.#drainSoon(), waitMs + 1);
  }

  /** A quota was changed, or the delay of one that was lowered is over. */
  #drainSoon(): void {
    this.#drainDue = true;
    this.#pace.soon();
  }

  /** In slices: watches, probes and the lease must get their turn while thousands are placed. */
  async #cycle(epoch: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const started = clock.monotonic();
    const state = this.snapshot();
    if (started >= this.#lookAtAllFrom) {
      this.#changed.settings();
      this.#lookAtAllFrom = started + LOOK_AT_ALL_MS;
    }
    const marks = this.#changed.marks();
    const always = [...this.#nominations.keys(), ...this.#foresight.reservations.map(({ workload }) => workload.key)];
    const beyond = this.#beyond(state.queues);
    const heads = this.#pending.awake(marks, always).filter(({ key }) => !beyond.has(key));
    this.#costs = this.#foresight.costs(this.#pending.values(), state.queues, clock.now());
    const past = this.history.look();
    const cycle = new Cycle(heads, { ...state, costs: this.#costs, past }, clock.now(), { limit: MAX_ADMITTED });
    while (!cycle.step(SLICE)) {
      await new Promise((resolve) => setImmediate(resolve));
      if (signal.aborted) return;
    }
    const plan = cycle.plan();
    this.#metrics.cycleSeconds((clock.monotonic() - started) / 1000);
    this.#foresight.reservations = plan.reservations;
    this.#cancelLook?.();
    if (plan.reservations.length > 0) this.#cancelLook = clock.setTimer(() => this.#pace.soon(), RESERVATION_LOOK_MS);
    for (const key of plan.lapsed) this.#forgetNomination(key);
    for (const nominated of plan.nominated) void this.#nominate(nominated);
    for (const admit of plan.admitted) {
      // Meanwhile it may have changed, or gone.
      if (this.#pending.get(admit.workload.key) === admit.workload) this.#assume(admit, epoch, started);
    }
    if (plan.admitted.length + plan.pending.length < heads.length) this.#pace.soon();
    const isStrict = ({ queue }: Workload): boolean => this.#options.queues.get(queue)?.spec.ordering === 'StrictFIFO';
    this.#pending.park(plan.pending, marks, isStrict);
    this.#answer(plan.pending);
    this.#answer(this.#pending.unanswered());
    this.#answer([...beyond.values()].filter((one) => this.#answers.get(one.workload.key)?.reason !== one.reason));
    for (const listener of this.#listeners) listener();
  }

  /** Those that are not considered, because so many before them wait; who has moved up is told what its equals are. */
  #beyond(queues: Snapshot['queues']): Map<string, NotAdmitted> {
    const beyond = backlog(this.#pending.values(), queues, {
      isNominated: (key) => this.#nominations.has(key),
      lastReason: (key) => this.#answers.get(key)?.reason,
    });
    const wasCrowded = this.#isCrowded;
    this.#isCrowded = beyond.size > 0;
    if (!wasCrowded) return beyond;
    for (const [key, { reason }] of this.#answers) {
      if (reason === PENDING_REASON.BeyondMaxPending && !beyond.has(key)) this.#pending.retell(key);
    }
    return beyond;
  }

  #answer(answers: readonly NotAdmitted[]): void {
    for (const answer of answers) {
      if (this.#pending.get(answer.workload.key) !== answer.workload) continue;
      const before = this.#answers.get(answer.workload.key)?.reason;
      this.#answers.set(answer.workload.key, answer);
      if (this.#isCrowded && isHopeless(answer.reason) && !isHopeless(before)) this.#touch();
      this.#metrics.attempt('unschedulable');
      this.#binders.get(answer.workload.kind)?.notAdmitted(answer);
    }
  }

  /** Keeps the place from now on; those in it are told when that is stored, so that a restart goes on with it. */
  async #nominate(nominated: Nominated): Promise<void> {
    const { workload, nomination } = nominated;
    if (this.#pending.get(workload.key) !== workload) return;
    this.#nominations.set(nominated, false);
    const stored = await this.#binders
      .get(workload.kind)
      ?.nominate(nominated)
      .catch(() => false);
    if (stored !== true) {
      this.#forgetNomination(workload.key);
      return;
    }
    if (!this.#nominations.stored(nominated)) return;
    this.#metrics.preempted(workload.queue, nomination.victims);
    this.#wakeVictims(nomination.victims);
  }

  /** The place is open to others again. */
  #forgetNomination(key: string): void {
    if (!this.#nominations.delete(key)) return;
    this.#changed.settings();
    this.#touch();
  }

  #wakeVictims(victims: readonly { readonly kind: Workload['kind']; namespace: string; name: string }[]): void {
    for (const victim of victims) this.#binders.get(victim.kind)?.wake(victim);
  }

  /** Counts the decision before its write begins: the next cycle must not give the nodes away again. */
  #assume(decided: Admit, epoch: number, cycleAt: number): void {
    const { workload } = decided;
    const victims = this.#nominations.victimNames(workload.key);
    const admit = victims === undefined ? decided : { ...decided, decision: { ...decided.decision, victims } };
    const binder = this.#binders.get(workload.kind);
    if (binder === undefined) return;
    const assumed = assume(admit, this.#nominations.get(workload.key), this.#options.clock.now());
    this.#assumed.set(workload.key, assumed);
    this.#setPending(workload.key, undefined);
    this.#setHolder(workload.key, assumed.holder);
    void this.#bind(binder, admit, assumed, epoch, cycleAt);
  }

  async #bind(binder: Binder, admit: Admit, assumed: Assumed, epoch: number, cycleAt: number): Promise<void> {
    const { key } = assumed.workload;
    const { clock } = this.#options;
    const outcome = await binder.bind(admit, epoch, clock.now()).catch((error: unknown) => {
      this.#logger.error('binding failed', { workload: key, error });
      return { result: 'failed' as const, resourceVersion: undefined };
    });
    this.#metrics.attempt(outcome.result === 'bound' ? 'bound' : 'error');
    if (outcome.result === 'bound') this.#metrics.storedSeconds((clock.monotonic() - cycleAt) / 1000);
    if (this.#assumed.get(key) !== assumed) return;
    if (outcome.result === 'bound') {
      assumed.resourceVersion = outcome.resourceVersion;
      return;
    }
    // Not written: the object changed or went. What the watch says next decides.
    this.#assumed.delete(key);
    this.#setHolder(key, undefined);
    if (outcome.result === 'gone') return;
    if (assumed.place !== undefined) this.#nominations.restore(assumed.place);
    this.#setPending(key, assumed.workload);
  }

  #setPending(key: string, workload: Workload | undefined): void {
    if (workload === undefined) {
      if (this.#isCrowded && this.#pending.get(key) !== undefined) this.#touch();
      this.#pending.delete(key);
      this.#answers.delete(key);
      this.#forgetNomination(key);
      return;
    }
    if (this.#pending.set(workload)) this.#touch();
  }

  #setHolder(key: string, holder: Holder | undefined): void {
    const old = this.#holders.get(key);
    if (old !== undefined && (holder === undefined || old.run !== holder.run || old.cluster !== holder.cluster)) {
      this.#options.members.inventory(old.cluster)?.release(old.run);
      if (holder === undefined || old.attempt > 0) this.#changed.quota(old.queue);
      if (old.attempt > 0) this.budgets.released(old);
      if (holder === undefined) this.#touch();
    }
    if (holder === undefined) {
      this.#holders.delete(key);
      this.#nominations.left(key, this.#options.clock.now());
      this.#drain.left(key);
      return;
    }
    this.#holders.set(key, holder);
    if (old?.run === holder.run && old.cluster === holder.cluster) return;
    this.#reserve(holder);
    // Somebody who waits may push it out from now on.
    if (holder.attempt > 0) this.#changed.holder(holder.queue);
  }

  #reserve(holder: Holder): void {
    const { run, nodes, perPod } = holder;
    this.#options.members.inventory(holder.cluster)?.reserve({ run, nodes, perPod });
  }

  #running(holder: Holder): Running {
    const nowMs = this.#options.clock.now();
    const foresight = this.#foresight;
    return {
      ...holder,
      admittedAt: holder.admittedAtMs,
      lossSince: holder.lossSince(),
      // Costs more than all the rest, and few ask.
      get endsAt() {
        return foresight.endsAt(holder.key, nowMs);
      },
    };
  }

  #touch(): void {
    this.#pace.touch();
  }

  /** A member's capacity: what its stores say, and what we have reserved there. */
  #attach(member: Member): () => void {
    for (const holder of this.#holders.values()) if (holder.cluster === member.name) this.#reserve(holder);
    const touch = (): void => this.#touch();
    const off = [member.nodes.subscribe(touch), member.pods.subscribe(touch), member.foreignPods.subscribe(touch)];
    this.#touch();
    return () => {
      for (const unsubscribe of off) unsubscribe();
      this.#touch();
    };
  }
}
