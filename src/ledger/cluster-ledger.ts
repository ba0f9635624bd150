import { type Checkpoint, runOfLabels, uidOf } from '../api/index.ts';
import {
  addClasses,
  addMoney,
  type BookingContext,
  bookReport,
  type EnergyFacts,
  energyFactsOf,
  estimatedEnergy,
  giveUpNode,
  type Money,
  NO_MONEY,
  NO_SUMS,
  NO_USE,
  plus,
  putTogether,
  type ReportedPod,
  type RunBook,
  type Sums,
  setCurrency,
  setSilent,
  setTimes,
  type TenantBook,
  type WorkloadUse,
  withCheckpoint,
  withRun,
} from '../energy/index.ts';
import { objectKey } from '../kube/resource.ts';
import type { EnergyReport, Member } from '../regions/index.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Checkpoints, Kept, Shard } from './checkpoints.ts';
import { type LostBoard, NodeWatch } from './node-watch.ts';
import { readReport } from './read-report.ts';
import type { Workloads } from './workloads.ts';

/** What is booked and kept of a cluster: it can be told, since no restart takes it back. */
export interface Told {
  readonly region: string;
  /** Money of tenants by currency; '': not known, of books of before it was kept. */
  readonly costs: ReadonlyMap<string, Money>;
  /** By uid of the workload. */
  readonly uses: ReadonlyMap<string, ToldUse>;
  readonly tenants: ReadonlyMap<string, TenantBook>;
  readonly others: Sums;
  readonly idle: Sums;
}

export interface ToldUse extends WorkloadUse {
  readonly owner: RunBook['owner'];
  /** One of its runs is over. */
  readonly hasEnded: boolean;
}

/** How the node of a report is, by what was last heard of it; blind: its agent reports, but has no samples. */
export type NodeState = 'reporting' | 'blind' | 'silent';

/** A node that says nothing for so long is silent: five reports. */
const SILENT_MS = 300_000;
/** For so long a node can still tell what it measured while it could not: that is how long agents keep it. */
const GIVE_UP_MS = 48 * 3_600_000;
/** A run that is over for so long is not told apart any more. */
const SETTLED_MS = 3_600_000;
const NODES_PER_SHARD = 40;
/** Checkpoints of a run that are remembered: many more than a run writes from one turn to the next. */
const MAX_SAVED = 24;

export interface ClusterLedgerOptions {
  readonly name: string;
  readonly checkpoints: Checkpoints;
  readonly workloads: Workloads;
  readonly logger: Logger;
  /** Whether any books know the workload. */
  readonly isKnown: (uid: string) => boolean;
  readonly count: (what: 'resets' | 'refused') => void;
  /** The counters of a node began anew. */
  readonly reset: (member: Member, node: string) => void;
  /** Boards have just been lost. */
  readonly lost: (boards: readonly LostBoard[]) => void;
}

/** The ledger of one cluster: books the reports of its nodes and keeps the books. */
export class ClusterLedger {
  readonly name: string;
  readonly #options: ClusterLedgerOptions;
  #shards: Shard[];
  #nextNumber: number;
  /** Version of each ConfigMap that is booked. */
  readonly #booked = new Map<string, string>();
  /** When each node was last heard, by our clock. */
  readonly #heardMs = new Map<string, number>();
  /** Why a node's report cannot be booked, by ConfigMap. */
  readonly #refused = new Map<string, string>();
  /** What programs have said, by run and in order of time; kept until the run is over, as a turn's books may be refused. */
  readonly #saved = new Map<string, readonly Checkpoint[]>();
  /** What is seen now. */
  readonly watch = new NodeWatch();
  #told: Told | undefined;

  constructor(options: ClusterLedgerOptions, { shards, nextNumber }: Kept = { shards: [], nextNumber: 0 }) {
    this.#options = options;
    this.name = options.name;
    this.#shards = shards;
    this.#nextNumber = nextNumber;
    this.#tell();
  }

  get told(): Told | undefined {
    return this.#told;
  }

  knows(uid: string): boolean {
    return this.#shards.some(({ book }) => [...book.runs.keys()].some((run) => uidOf(run) === uid));
  }

  /** Why reports are refused, each with its ConfigMap. */
  get refused(): readonly string[] {
    return [...this.#refused].map(([key, reason]) => `${key}: ${reason}`);
  }

  /** By name of the node; nodes without a report are not in it. */
  states(nowMs: number): Map<string, NodeState> {
    const states = new Map<string, NodeState>();
    for (const { book } of this.#shards) {
      for (const [node, { isGivenUp }] of book.nodes) {
        if (isGivenUp) continue;
        const heard = this.watch.trouble(node) === undefined ? 'reporting' : 'blind';
        states.set(node, this.#isSilent(node, nowMs) ? 'silent' : heard);
      }
    }
    return states;
  }

  /** A program has said on its pod that a checkpoint was complete. */
  sawCheckpoint(run: string, checkpoint: Checkpoint): void {
    const known = this.#saved.get(run) ?? [];
    if (checkpoint.atMs <= (known.at(-1)?.atMs ?? 0)) return;
    this.#saved.set(run, [...known, checkpoint].slice(-MAX_SAVED));
  }

  /** Part of the time of that node which no report is going to cover, of 1. By our clock. */
  unmetered(node: string, fromMs: number, toMs: number, skewMs: number): number {
    const known = this.#shardOf(node)?.book.nodes.get(node);
    if (known === undefined || toMs <= fromMs) return 1;
    const since = Math.min(Math.max(known.sinceMs - skewMs, fromMs), toMs);
    const until = known.isGivenUp ? Math.min(Math.max(known.writtenAtMs - skewMs, since), toMs) : toMs;
    return 1 - (until - since) / (toMs - fromMs);
  }

  /** Books what is new. Nothing of it is told before it is kept. */
  book(member: Member, nowMs: number): void {
    const facts = energyFactsOf(member.object);
    const skewMs = member.clockSkewMs ?? 0;
    const { region } = member.object.spec;
    for (const shard of this.#shards) if (setCurrency(shard.book, facts)) shard.isDirty = true;
    for (const object of member.energyReports.list())
      this.#bookReport(object, { member, facts, region, nowMs, skewMs });
    for (const key of this.#booked.keys()) {
      if (member.energyReports.has(key)) continue;
      this.#booked.delete(key);
      this.#refused.delete(key);
      this.watch.forget(key);
    }
    this.#bookTimes(nowMs, skewMs);
    this.#bookSilence(member, facts, nowMs, skewMs);
    this.#settle(nowMs);
    if (member.synced) this.#forgetNodes(member);
    const lost = this.watch.look(facts, (node) => this.#isSilent(node, nowMs));
    if (lost.length > 0) this.#options.lost(lost);
  }

  /** Writes the books that have changed, and tells what is in them. @throws where a write fails */
  async keep(): Promise<void> {
    const dirty = this.#shards.filter(({ isDirty }) => isDirty);
    const saved = await Promise.all(dirty.map((shard) => this.#options.checkpoints.save(shard)));
    if (saved.every((well) => well)) {
      if (dirty.length > 0) this.#tell();
      return;
    }
    this.#options.logger.warn('books were written by somebody else: read again', { cluster: this.name });
    const kept = (await this.#options.checkpoints.load(this.name)).get(this.name);
    this.#shards = kept?.shards ?? [];
    this.#nextNumber = Math.max(kept?.nextNumber ?? 0, this.#nextNumber);
    this.#booked.clear();
  }

  #bookReport(object: EnergyReport, around: Around): void {
    const key = objectKey(object);
    const { resourceVersion } = object.metadata;
    if (this.#booked.get(key) === resourceVersion) return;
    const isFirst = !this.#booked.has(key);
    this.#booked.set(key, resourceVersion);
    const report = readReport(object.data);
    if (typeof report === 'string') {
      this.watch.forget(key);
      this.#refuse(key, report);
      return;
    }
    const { nowMs, skewMs } = around;
    if (report.boards.length === 0) {
      this.#heardMs.set(report.node, Math.min(nowMs, report.writtenAtMs - skewMs));
      this.watch.saw(key, report, (pod) => runOf(around.member, pod));
      const why = report.now?.trouble || 'look at its log and its /readyz';
      this.#refuse(key, `the agent of node ${report.node} sees no board: ${why}`);
      return;
    }
    const known = this.#shardOf(report.node);
    // Of a node that is gone, and forgotten: nothing of it can be booked any more.
    if (known === undefined && nowMs - (report.writtenAtMs - skewMs) > GIVE_UP_MS) return;
    const shard = known ?? this.#newPlace(around);
    const unseeded = new Set<string>();
    const result = bookReport(shard.book, report, this.#context(around, shard, unseeded));
    if (result === 'retired') {
      this.#refuse(key, `another agent of node ${report.node} has taken over (series ${report.series} is over)`);
      return;
    }
    this.watch.saw(key, report, (pod) => runOf(around.member, pod));
    const aheadMs = report.writtenAtMs - skewMs - nowMs;
    // One that was there before we looked may be old.
    if (!isFirst || aheadMs > 0) this.watch.arrived(key, report.node, aheadMs);
    this.#refused.delete(key);
    if (isFirst || result !== 'known')
      this.#heardMs.set(report.node, isFirst ? Math.min(nowMs, report.writtenAtMs - skewMs) : nowMs);
    if (result === 'known') return;
    shard.isDirty = true;
    if (result === 'reset') {
      this.#options.count('resets');
      this.#options.reset(around.member, report.node);
    }
    for (const run of unseeded) this.#seed(shard, run);
  }

  #context({ member, facts, nowMs, skewMs }: Around, shard: Shard, unseeded: Set<string>): BookingContext {
    const { workloads, isKnown } = this.#options;
    return {
      facts,
      nowMs,
      skewMs,
      runOf: (pod) => runOf(member, pod),
      owner: (run) => {
        if (!shard.book.runs.has(run) && !isKnown(uidOf(run))) unseeded.add(run);
        return workloads.owner(run);
      },
    };
  }

  /** Books that were lost go on from what status has. */
  #seed({ book }: Shard, run: string): void {
    const known = book.runs.get(run);
    const before = this.#options.workloads.measuredBefore(uidOf(run));
    if (known === undefined || before === undefined) return;
    const earlier: RunBook = {
      ...known,
      ...before,
      silent: {},
      slices: [],
      times: { end: 'well' },
    };
    book.runs.set(`${uidOf(run)}/0`, earlier);
    this.#options.logger.warn('books of a workload were lost: its status counts', { cluster: this.name, run });
  }

  #refuse(key: string, reason: string): void {
    this.#options.count('refused');
    if (this.#refused.get(key) === reason) return;
    this.#refused.set(key, reason);
    this.#options.logger.warn('a report cannot be booked', { cluster: this.name, configMap: key, reason });
  }

  /** Takes up how the runs go on. */
  #bookTimes(nowMs: number, skewMs: number): void {
    // A run may be in several shards.
    const over = new Set<string>();
    for (const shard of this.#shards) {
      for (const [key, run] of shard.book.runs) {
        if (run.times.end !== undefined) continue;
        const times = {
          ...(this.#saved.get(key) ?? []).reduce(withCheckpoint, run.times),
          ...this.#options.workloads.times(key, run.times, skewMs),
        };
        if (JSON.stringify({ ...run.times, ...times }) === JSON.stringify(run.times)) continue;
        setTimes(shard.book, key, times, nowMs);
        shard.isDirty = true;
        if (times.end !== undefined) over.add(key);
      }
    }
    for (const key of over) this.#saved.delete(key);
  }

  /** For nodes that say nothing their runs are given an estimate until they do. */
  #bookSilence(member: Member, facts: EnergyFacts, nowMs: number, skewMs: number): void {
    const silent = [...this.states(nowMs)].filter(([, state]) => state === 'silent').map(([node]) => node);
    if (silent.length === 0) return;
    const held = [...this.#options.workloads.held(this.name)];
    for (const node of silent) {
      const shard = this.#shardOf(node);
      if (shard === undefined) continue;
      const heardMs = this.#heard(node);
      for (const { run, owner, admission } of held) {
        if (!this.#options.workloads.nodesOf(admission).includes(node)) continue;
        const since = shard.book.runs.get(run)?.silent[node]?.toMs;
        const fromMs = since ?? Math.max(heardMs, Date.parse(admission.admittedAt));
        if (nowMs <= fromMs) continue;
        const sums = estimatedEnergy(facts, this.#options.workloads.holdingOn(node, admission, member), fromMs, nowMs);
        setSilent(shard.book, run, owner, node, { fromMs, toMs: nowMs, sums });
        shard.isDirty = true;
      }
      if (nowMs - heardMs < GIVE_UP_MS) continue;
      giveUpNode(shard.book, node, nowMs, nowMs + skewMs);
      shard.isDirty = true;
      this.#options.logger.warn('a node has told nothing for two days: estimates stand', { cluster: this.name, node });
    }
  }

  /** Runs that are over for long: one a workload is left, and none of a workload that is over. */
  #settle(nowMs: number): void {
    for (const shard of this.#shards) {
      for (const [key, run] of shard.book.runs) {
        const isSettled = run.times.end !== undefined && nowMs - run.changedMs > SETTLED_MS;
        if (!isSettled || Object.keys(run.silent).length > 0) continue;
        if (this.#options.workloads.isOver(uidOf(key))) shard.book.runs.delete(key);
        else if (!key.endsWith('/0')) putTogether(shard.book, key);
        else continue;
        shard.isDirty = true;
      }
    }
  }

  /** Nodes that are gone and given up; their sums stay. Of what is held the book still tells what it estimated. */
  #forgetNodes(member: Member): void {
    const { workloads } = this.#options;
    for (const shard of this.#shards) {
      for (const [node, { isGivenUp }] of shard.book.nodes) {
        if (!isGivenUp || member.nodes.has(node)) continue;
        const isHeld = [...workloads.held(this.name)].some((run) => workloads.nodesOf(run.admission).includes(node));
        if (isHeld) continue;
        shard.book.nodes.delete(node);
        this.#heardMs.delete(node);
        shard.isDirty = true;
      }
    }
  }

  #heard(node: string): number {
    return this.#heardMs.get(node) ?? this.#shardOf(node)?.book.nodes.get(node)?.writtenAtMs ?? 0;
  }

  #isSilent(node: string, nowMs: number): boolean {
    return nowMs - this.#heard(node) > SILENT_MS;
  }

  #shardOf(node: string): Shard | undefined {
    return this.#shards.find(({ book }) => book.nodes.has(node));
  }

  #newPlace({ region, facts }: Around): Shard {
    const roomy = this.#shards.find(({ book }) => book.nodes.size < NODES_PER_SHARD);
    if (roomy !== undefined) return roomy;
    const shard = this.#options.checkpoints.newShard(this.name, region, this.#nextNumber);
    setCurrency(shard.book, facts);
    this.#nextNumber += 1;
    this.#shards.push(shard);
    return shard;
  }

  #tell(): void {
    const uses = new Map<string, ToldUse>();
    const tenants = new Map<string, TenantBook>();
    const costs = new Map<string, Money>();
    let [others, idle] = [NO_SUMS, NO_SUMS];
    for (const { book } of this.#shards) {
      for (const [key, run] of book.runs) {
        const known = uses.get(uidOf(key));
        const hasEnded = known?.hasEnded === true || run.times.end !== undefined;
        uses.set(uidOf(key), { ...withRun(known ?? NO_USE, run, book.currency), owner: run.owner, hasEnded });
      }
      for (const [tenant, part] of book.tenants) {
        tenants.set(tenant, addTenant(tenants.get(tenant), part));
        const { measured, estimated, otherCosts } = part;
        const cost = addMoney({ [book.currency]: measured.costMicros + estimated.costMicros }, otherCosts);
        costs.set(tenant, addMoney(costs.get(tenant) ?? NO_MONEY, cost));
      }
      others = plus(others, book.others);
      idle = plus(idle, book.idle);
    }
    this.#told = { region: this.#shards[0]?.region ?? '', costs, uses, tenants, others, idle };
  }
}

/** Reports of nodes that are gone, and that nobody waits for any more. */
export function outdated({ synced, clockSkewMs = 0, nodes, energyReports }: Member, nowMs: number): EnergyReport[] {
  if (!synced) return [];
  return [...energyReports.list()].filter(({ data: { node, writtenAt = '' } }) => {
    const isGone = node !== undefined && !nodes.has(node);
    return isGone && nowMs - (Date.parse(writtenAt) - clockSkewMs) > GIVE_UP_MS;
  });
}

interface Around {
  readonly member: Member;
  readonly facts: EnergyFacts;
  readonly region: string;
  readonly nowMs: number;
  readonly skewMs: number;
}

function addTenant(a: TenantBook | undefined, b: TenantBook): TenantBook {
  if (a === undefined) return b;
  return {
    measured: plus(a.measured, b.measured),
    estimated: plus(a.estimated, b.estimated),
    classes: addClasses(a.classes, b.classes),
  };
}

/** For pods of which the agent could not learn it. */
function runOf(member: Member, { uid, namespace, name }: ReportedPod): string | undefined {
  const pod = member.pods.get(`${namespace}/${name}`);
  if (pod === undefined || (uid !== '' && uid !== pod.metadata.uid)) return undefined;
  return runOfLabels(pod.metadata.labels);
}
