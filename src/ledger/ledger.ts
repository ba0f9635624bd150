import { type Admission, checkpointOf, runKey, runOfLabels, uidOf } from '../api/index.ts';
import {
  addDraw,
  addUse,
  type Draw,
  type EnergySource,
  NO_USE,
  type RunOwner,
  type WorkloadUse,
} from '../energy/index.ts';
import type { HubStores } from '../hub/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/events.ts';
import { CONFIG_MAPS } from '../kube/resource.ts';
import type { Member, MemberPod, MemberSource } from '../regions/index.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorMessage } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RuntimeMetrics } from '../runtime/metrics.ts';
import { type Account, Accounts } from './accounts.ts';
import { type BoardsVerdict, boardsVerdict } from './board-health.ts';
import { Checkpoints } from './checkpoints.ts';
import { ClusterLedger, outdated, type Told } from './cluster-ledger.ts';
import { type Metering, meteringOf, NO_AGENTS } from './metering.ts';
import type { LostBoard } from './node-watch.ts';
import { Workloads } from './workloads.ts';

export interface LedgerOptions {
  readonly hub: HubStores;
  readonly members: MemberSource;
  readonly client: KubeClient;
  /** The operator's namespace. */
  readonly namespace: string;
  /** Time from one booking to the next. */
  readonly periodMs: number;
  readonly events: Pick<EventRecorder, 'event'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
}

const RETRY_MS = 1_000;
const NO_DRAW: Draw = Object.freeze({ gpuWatts: 0, itWatts: 0, facilityWatts: 0 });

/**
 * Whose energy is whose: books what the agents of all members report, keeps the books on the hub, and tells what is
 * kept. Only the leader runs it. A restart loses at most what was not kept yet, which the reports tell again.
 */
export class Ledger implements EnergySource {
  readonly name = 'ledger';
  readonly #options: LedgerOptions;
  readonly #logger: Logger;
  readonly #checkpoints: Checkpoints;
  readonly #workloads: Workloads;
  readonly #accounts: Accounts;
  readonly #meteringListeners = new Set<(cluster: string) => void>();
  /** What was last said of each member. */
  readonly #meterings = new Map<string, string>();
  readonly #clusters = new Map<string, ClusterLedger>();
  /** Why reports of nodes that are gone are still there. */
  readonly #left = new Map<string, string>();
  readonly #listeners = new Set<Parameters<EnergySource['onChange']>[0]>();
  /** What each workload's listeners were told last, to tell news only. */
  readonly #heard = new Map<string, WorkloadUse>();
  readonly #loaded = Promise.withResolvers<void>();
  readonly #counts: Readonly<Record<'resets' | 'refused', (cluster: string) => void>>;
  #isLoaded = false;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ component: 'ledger' });
    this.#checkpoints = new Checkpoints(options.client, options.namespace, this.#logger);
    this.#workloads = new Workloads(options.hub, () => options.clock.now());
    this.#accounts = new Accounts({ ...options, logger: this.#logger });
    const { metrics } = options;
    const resets = metrics.counter(
      'aidc_energy_series_resets_total',
      'Times that the counters of a node’s agent began anew, as after the loss of its state.',
      ['cluster'],
    );
    const refused = metrics.counter(
      'aidc_energy_refused_reports_total',
      'Reports of agents that could not be booked: not readable, or of an agent that another one has replaced.',
      ['cluster'],
    );
    this.#counts = {
      resets: (cluster) => resets.labels({ cluster }).inc(),
      refused: (cluster) => refused.labels({ cluster }).inc(),
    };
    options.members.subscribe({
      attach: (member) => {
        for (const counter of [resets, refused]) counter.labels({ cluster: member.name });
        return member.pods.subscribe(({ obj }) => this.#seePod(member.name, obj));
      },
      changed: () => {},
    });
  }

  /** False before the books were read, and where this process does not lead. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** Resolves when the books are read: before, nobody may write what was measured. */
  async ready(signal: AbortSignal): Promise<void> {
    await Promise.race([
      this.#loaded.promise,
      new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
    ]);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, periodMs } = this.#options;
    while (!signal.aborted && !this.#isLoaded) {
      await this.#load().catch((error: unknown) => {
        this.#logger.warn('the books cannot be read yet', { error: errorMessage(error) });
      });
      if (!this.#isLoaded) await clock.sleep(RETRY_MS, signal);
    }
    while (!signal.aborted) {
      await this.#turn();
      await clock.sleep(periodMs, signal);
    }
    // What was reported meanwhile: the next leader then goes on from here.
    if (this.#isLoaded) await this.#turn();
  }

  use(uid: string): WorkloadUse | undefined {
    let sum: WorkloadUse | undefined;
    for (const { told } of this.#clusters.values()) {
      const use = told?.uses.get(uid);
      if (use !== undefined) sum = addUse(sum ?? NO_USE, use);
    }
    const draw = this.draw(uid);
    return sum && draw ? { ...sum, drawWatts: draw.facilityWatts } : sum;
  }

  /** What a workload draws now; undefined: it holds nothing, or not all of it is measured. */
  draw(uid: string): Draw | undefined {
    const admissions = this.#workloads.admissions(uid);
    const draws = admissions.map((admission) => {
      const nodes = this.#workloads.nodesOf(admission);
      return this.#clusters.get(admission.cluster)?.watch.drawOf(runKey(uid, admission.attempt), nodes);
    });
    return draws.reduce((a, b) => a && b && addDraw(a, b), draws.length > 0 ? NO_DRAW : undefined);
  }

  /** What a cluster draws, as far as its nodes measure; undefined: none does. */
  clusterDraw(cluster: string): Draw | undefined {
    return this.#clusters.get(cluster)?.watch.draw;
  }

  /** How the boards of a cluster are. */
  boards(cluster: string): BoardsVerdict {
    return boardsVerdict(this.#clusters.get(cluster)?.watch.nodes ?? new Map());
  }

  unmetered(admission: Pick<Admission, 'cluster' | 'assignment'>, fromMs: number, toMs: number): number {
    const { cluster } = admission;
    const ledger = this.#clusters.get(cluster);
    if (ledger === undefined) return 1;
    const skewMs = this.#options.members.get(cluster)?.clockSkewMs ?? 0;
    const nodes = this.#workloads.nodesOf(admission);
    if (nodes.length === 0) return 1;
    return nodes.reduce((sum, node) => sum + ledger.unmetered(node, fromMs, toMs, skewMs), 0) / nodes.length;
  }

  onChange(listener: Parameters<EnergySource['onChange']>[0]): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** What is kept, by cluster. */
  get told(): ReadonlyMap<string, Told> {
    const all = new Map<string, Told>();
    for (const [cluster, { told }] of this.#clusters) if (told !== undefined) all.set(cluster, told);
    return all;
  }

  /** What tenants have used beside what was measured. */
  get accounts(): readonly Account[] {
    return this.#accounts.told;
  }

  /** Calls `listener` when it changes how well a member is metered, or how its boards are. */
  onMetering(listener: (cluster: string) => void): void {
    this.#meteringListeners.add(listener);
  }

  /** How well a member is metered, for people. */
  metering(member: Member): Metering {
    const ledger = this.#clusters.get(member.name);
    if (ledger === undefined) return meteringOf(member, NO_AGENTS);
    const { refused, watch } = ledger;
    const states = ledger.states(this.#options.clock.now());
    const troubleOf = (node: string): string | undefined => watch.trouble(node);
    return meteringOf(member, { states, refused, troubleOf, clocksOff: watch.clocksOff });
  }

  async #load(): Promise<void> {
    for (const [cluster, kept] of await this.#checkpoints.load())
      this.#clusters.set(cluster, this.#open(cluster, kept));
    await this.#accounts.load();
    this.#isLoaded = true;
    this.#loaded.resolve();
  }

  #open(cluster: string, kept?: ConstructorParameters<typeof ClusterLedger>[1]): ClusterLedger {
    const options = {
      name: cluster,
      checkpoints: this.#checkpoints,
      workloads: this.#workloads,
      logger: this.#logger,
      isKnown: (uid: string) => [...this.#clusters.values()].some((ledger) => ledger.knows(uid)),
      count: (what: 'resets' | 'refused') => this.#counts[what](cluster),
      reset: (member: Member, node: string) => this.#tellReset(member, node),
      lost: (boards: readonly LostBoard[]) => this.#tellLost(cluster, boards),
    };
    return new ClusterLedger(options, kept);
  }

  /** One cluster never holds up another. */
  async #turn(): Promise<void> {
    const nowMs = this.#options.clock.now();
    this.#workloads.prune();
    await Promise.all(
      this.#options.members.list().map(async (member) => {
        let ledger = this.#clusters.get(member.name);
        if (ledger === undefined) {
          ledger = this.#open(member.name);
          this.#clusters.set(member.name, ledger);
        }
        try {
          ledger.book(member, nowMs);
          await ledger.keep();
          this.#tellMetering(member);
          await this.#tidy(member, nowMs);
        } catch (error) {
          this.#logger.warn('the books could not be kept', { cluster: member.name, error: errorMessage(error) });
        }
      }),
    );
    this.#notify();
    await this.#accounts.turn().catch((error: unknown) => {
      this.#logger.warn('the accounts could not be kept', { error: errorMessage(error) });
    });
  }

  /** Takes away what agents of nodes that are gone have left. */
  async #tidy(member: Member, nowMs: number): Promise<void> {
    if (member.unusable() !== undefined) return;
    const left = outdated(member, nowMs);
    for (const { metadata } of left) {
      const { namespace = '', name, uid, resourceVersion } = metadata;
      try {
        await member.client.delete(CONFIG_MAPS, { namespace, name, uid, resourceVersion });
        this.#logger.info('a report of a node that is gone is removed', { cluster: member.name, configMap: name });
      } catch (error) {
        // Gone, or the agent is back.
        if (isNotFound(error) || isConflict(error)) continue;
        this.#tellLeft(member.name, left.length, errorMessage(error));
        return;
      }
    }
    this.#left.delete(member.name);
  }

  /** Once: a right that is missing is missing at every turn. */
  #tellLeft(cluster: string, reports: number, error: string): void {
    if (this.#left.get(cluster) === error) return;
    this.#left.set(cluster, error);
    this.#logger.warn('reports of nodes that are gone cannot be removed', { cluster, reports, error });
  }

  #tellReset({ name, object }: Member, node: string): void {
    this.#logger.info('counters of a node began anew', { cluster: name, node });
    const note = `the agent of node ${node} began anew, as its state is lost: what it had not reported yet is not measured`;
    this.#options.events.event(object, 'Warning', 'MeterReset', note, { messageKey: node });
  }

  /** Those who hold boards that have been lost hear of it. */
  #tellLost(cluster: string, boards: readonly LostBoard[]): void {
    for (const { uuid, node, holders } of boards) {
      this.#logger.warn('a board is lost', { cluster, node, gpu: uuid });
      for (const { run } of holders) {
        const workload = this.#workloads.object(uidOf(run));
        if (workload === undefined) continue;
        const note = `board ${uuid} on ${node} in ${cluster} does not answer any more; what ran on it fails or hangs`;
        this.#options.events.event(workload, 'Warning', 'GPULost', note, { messageKey: uuid });
      }
    }
  }

  #tellMetering(member: Member): void {
    const message = `${this.metering(member).message} ${this.boards(member.name).message}`;
    if (this.#meterings.get(member.name) === message) return;
    this.#meterings.set(member.name, message);
    for (const listener of this.#meteringListeners) listener(member.name);
  }

  /** Of a run that goes on, status is brought up to date by the clock; of one that is over, when there is news. */
  #notify(): void {
    const seen = new Set<string>();
    for (const { uses } of this.told.values()) {
      for (const [uid, use] of uses) {
        seen.add(uid);
        const before = this.#heard.get(uid);
        if (before === use) continue;
        const isNews = before === undefined || (use.hasEnded && changed(before, use));
        this.#heard.set(uid, use);
        if (isNews) this.#wake(use.owner);
      }
    }
    for (const uid of this.#heard.keys()) if (!seen.has(uid)) this.#heard.delete(uid);
  }

  #wake(owner: RunOwner): void {
    for (const listener of this.#listeners) listener(owner);
  }

  #seePod(cluster: string, pod: MemberPod): void {
    const { annotations, labels } = pod.metadata;
    const checkpoint = checkpointOf(annotations);
    const run = runOfLabels(labels);
    if (run !== undefined && checkpoint !== undefined) this.#clusters.get(cluster)?.sawCheckpoint(run, checkpoint);
  }
}

const tellable = ({ measured, estimated, classes, costs }: WorkloadUse): unknown[] => [
  measured,
  estimated,
  classes,
  costs,
];

const changed = (a: WorkloadUse, b: WorkloadUse): boolean =>
  JSON.stringify(tellable(a)) !== JSON.stringify(tellable(b));
