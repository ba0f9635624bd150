import type { Registry } from 'prom-client';
import type { CapRule } from '../core/power/cap-rule.ts';
import type { KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import { MAX_DOCUMENT_BYTES, parseNvidiaSmi, valueIn } from '../nvidia-smi/index.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorMessage } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import { Boards, healthNow, healthOf, isAbsurd } from './boards.ts';
import { type NodeNow, writeEnergyMap } from './energy-map.ts';
import { afterReboot, Ledger, type LedgerState, type Share } from './ledger.ts';
import { MeterState } from './meter.ts';
import { AgentMetrics } from './metrics.ts';
import { parseMigList } from './mig-list.ts';
import type { PodDevices } from './pod-resources.ts';
import { PodUids } from './pod-uids.ts';
import { type CapRecord, type Holder, PowerCaps } from './power-caps.ts';
import { PublishTimes } from './publish-times.ts';
import { type CallEnd, Sampler } from './sampler.ts';
import { assign } from './shares.ts';
import { type AgentState, type CapsFile, newSeries, saveState } from './state-file.ts';
import type { PodRef } from './tally.ts';

export interface AgentOptions {
  /** Name of the node, as Kubernetes knows it. */
  readonly node: string;
  readonly version: string;
  /** Name or path of nvidia-smi. */
  readonly nvidiaSmi: string;
  readonly intervalSeconds: number;
  /** How long nvidia-smi may be silent beyond its interval, and take to end. */
  readonly deadlineSeconds: number;
  readonly publishSeconds: number;
  /** Its monotonic time must be the machine's, so that a restart of the agent can go on from the last sample. */
  readonly clock: Clock;
  /** Where the state is kept; undefined: a restart begins anew. */
  readonly stateFile: string | undefined;
  /** What an earlier run left, and which run of the machine this is. */
  readonly state: AgentState | undefined;
  readonly bootId: string | null;
  /** Undefined: boards are not brought together with pods. */
  readonly podResources: { list(): Promise<PodDevices[]> } | undefined;
  /** Undefined: uids of pods stay unknown, and no ConfigMap is written. */
  readonly client: Pick<KubeClient, 'list' | 'apply'> | undefined;
  /** Undefined: nothing is told to whoever looks at the node in Kubernetes. */
  readonly events?: Pick<EventRecorder, 'event'> | undefined;
  /** Undefined: no power limit is ever touched. */
  readonly powerCaps?: PowerCapOptions | undefined;
  readonly registry: Registry;
  readonly logger: Logger;
}

export interface PowerCapOptions {
  /** False: what an earlier run capped is restored, and nothing is capped. */
  readonly isOn: boolean;
  readonly rule: CapRule;
  readonly measureSeconds: number;
  readonly file: CapsFile;
  /** What the file held. */
  readonly records: readonly CapRecord[];
}

/** Power is drawn as a line over at most so many sample periods. */
const GAP_PERIODS = 3;
const CLOCK_STEP_MS = 5_000;
/** What troubles are about. */
const MAPPING = 'bringing pods and boards together';
const PUBLISHING = 'writing the ConfigMap';
const SAVING = 'saving the state';

/** Measures the boards of one node. */
export class Agent {
  readonly #options: AgentOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ledger: Ledger;
  readonly #series: string;
  readonly #boards: Boards;
  readonly #uids: PodUids | undefined;
  readonly #metrics: AgentMetrics;
  readonly #meter = new MeterState();
  #maxGapMs: number;
  #wallOffsetMs: number | undefined;
  /** MIG devices when their UUIDs were last asked for. */
  #migLayout = '';
  readonly #sampler: Sampler;
  readonly #caps: PowerCaps | undefined;
  /** Who holds which board, as last assigned. */
  #holders: ReadonlyMap<string, readonly Share[]> = new Map();
  /** The kubelet's last answer. */
  #pods: { readonly atMs: number; readonly list: readonly (PodDevices & PodRef)[] } | undefined;
  /** Of the boards as they were last assigned. */
  #boardIds = '';
  /** Boards that were lost in the last document. */
  #lost: ReadonlySet<string> = new Set();
  /** What was said last, by what it is about. */
  readonly #troubles = new Map<string, string>();
  readonly #times: PublishTimes;
  /** Saves wait for each other. */
  #saving: Promise<unknown> = Promise.resolve();

  constructor(options: AgentOptions) {
    const { state, bootId, clock, client, node } = options;
    this.#options = options;
    this.#clock = clock;
    this.#logger = options.logger;
    this.#series = state?.series ?? newSeries();
    const isSameBoot = state !== undefined && bootId !== null && state.bootId === bootId;
    const ledger = state && (isSameBoot ? state.ledger : afterReboot(state.ledger, clock.monotonic()));
    this.#ledger = new Ledger(ledger);
    this.#boards = new Boards(ledger?.gpus.map(({ uuid }) => uuid));
    this.#uids = client && new PodUids(client, node, clock);
    this.#metrics = new AgentMetrics(options.registry);
    this.#maxGapMs = GAP_PERIODS * options.intervalSeconds * 1000;
    this.#times = new PublishTimes(options.publishSeconds * 1000, clock.monotonic());
    this.#sampler = this.#makeSampler();
    this.#caps = options.powerCaps && this.#makeCaps(options.powerCaps);
  }

  /** Runs until the signal aborts, and leaves no child. */
  async run(signal: AbortSignal): Promise<void> {
    const { intervalSeconds, publishSeconds, podResources } = this.#options;
    // Before the first sample, so that what was drawn since the last run goes to pods that are still there.
    if (podResources !== undefined) await this.#mapPods(podResources);
    await Promise.all([
      this.#sampler.run(signal),
      podResources && this.#every(intervalSeconds, signal, () => this.#mapPods(podResources)),
      this.#every(Math.min(intervalSeconds, publishSeconds), signal, async () => {
        if (this.#times.isDue(this.#clock.monotonic(), this.#now())) await this.#publish();
      }),
    ]);
    const { deadlineSeconds } = this.#options;
    await this.#caps?.end((uuid, watts) =>
      // The others were ended with the signal; this must still be done.
      this.#sampler.callAlone(limitArgs(uuid, watts), AbortSignal.timeout(deadlineSeconds * 1000)).then(troubleOf),
    );
    await this.#publish();
  }

  /** The series, as of the state that is saved before they are told. */
  async metrics(): Promise<string> {
    const { node, version, registry } = this.#options;
    const ledger = await this.#save();
    this.#metrics.collect({
      node,
      version,
      boards: this.#boards,
      workloadOf: (uid) => this.#uids?.workload(uid),
      ledger,
      meter: this.#meter,
      caps: this.#caps,
      isStale: this.#isStale,
    });
    return registry.metrics();
  }

  /** A sentence while there are no samples: the node's numbers cannot be trusted to be complete. */
  get trouble(): string | undefined {
    if (!this.#isStale) return undefined;
    return this.#meter.trouble ?? 'The newest sample is too old.';
  }

  get #isStale(): boolean {
    const { sampleAtMs } = this.#meter;
    return sampleAtMs === undefined || this.#clock.monotonic() - sampleAtMs > this.#maxGapMs;
  }

  #makeCaps({ rule, measureSeconds, file, records }: PowerCapOptions): PowerCaps {
    return new PowerCaps({
      rule,
      measureMs: measureSeconds * 1000,
      records,
      setLimit: async (uuid, watts) => troubleOf(await this.#sampler.call(limitArgs(uuid, watts))),
      save: (caps) => file.save(caps),
      logger: this.#logger,
    });
  }

  /** The pods that hold a whole board each, and what they ask for; undefined: not known now. */
  #capHolders(): ReadonlyMap<string, Holder> | undefined {
    if (!this.#meter.isMapping) return undefined;
    const isOn = this.#options.powerCaps?.isOn === true;
    const holders = new Map<string, Holder>();
    for (const [uuid, [share, ...others]] of this.#holders) {
      if (share === undefined || others.length > 0 || share.share < 0.999 || share.pod.uid === '') continue;
      const cap = isOn ? this.#uids?.powerCap(share.pod.uid) : undefined;
      holders.set(uuid, { pod: share.pod.uid, cap });
    }
    return holders;
  }

  #makeSampler(): Sampler {
    const { nvidiaSmi, intervalSeconds, deadlineSeconds } = this.#options;
    return new Sampler({
      command: nvidiaSmi,
      intervalSeconds,
      deadlineMs: deadlineSeconds * 1000,
      graceMs: deadlineSeconds * 500,
      maxDocumentBytes: MAX_DOCUMENT_BYTES,
      clock: this.#clock,
      onDocument: (document, periodMs) => this.#sample(document, periodMs),
      onProblem: (problem, message) => {
        if (this.#meter.problem(problem, message)) this.#logger.warn('no sample', { problem, reason: message });
      },
      onExit: (exitCode, message) => {
        const isNews = this.#meter.ended(exitCode);
        if (isNews && message !== undefined) this.#logger.warn('nvidia-smi ended', { reason: message });
      },
      onList: (text) => {
        this.#boards.migUuids = parseMigList(text);
      },
    });
  }

  #sample(bytes: Buffer, periodMs: number): void {
    const atMs = this.#clock.monotonic();
    const wallMs = this.#clock.now();
    const meter = this.#meter;
    try {
      const document = parseNvidiaSmi(bytes);
      this.#boards.update(document);
      meter.dtd = document.dtd;
      meter.driver = valueIn(document.driverVersion) ?? '';
      meter.cuda = valueIn(document.cudaVersion) ?? '';
      for (const { element, text } of document.unknownValues) this.#tellUnknown(element, text);
      for (const sentence of document.warnings)
        if (meter.warning(sentence)) this.#logger.warn('an odd document', { reason: sentence });
      for (const gpu of document.gpus)
        if (isAbsurd(gpu)) this.#tellUnknown('gpu/power_draw', `${valueIn(gpu.power.board.watts)} W`);
    } catch (error) {
      const message = errorMessage(error);
      if (meter.problem('parse', message)) this.#logger.warn('no sample', { problem: 'parse', reason: message });
      return;
    }
    this.#maxGapMs = GAP_PERIODS * periodMs;
    this.#watchClock(atMs, wallMs);
    // A first document, or one with other boards, gives devices another meaning.
    this.#askForMigUuids();
    this.#tellLost();
    const boardIds = JSON.stringify(this.#boards.ids);
    if (boardIds !== this.#boardIds) this.#assign();
    this.#boardIds = boardIds;
    this.#ledger.read({ atMs, wallMs, maxGapMs: this.#maxGapMs, watts: this.#boards.watts });
    this.#caps?.sample({ boards: this.#boards.list, holders: this.#capHolders(), atMs, maxGapMs: this.#maxGapMs });
    if (!meter.isSampling) this.#logger.info('sampling', { boards: this.#boards.list.length });
    Object.assign(meter, { isSampling: true, trouble: undefined, sampleAtMs: atMs, sampleWallMs: wallMs });
    meter.sampleSeconds = (this.#clock.monotonic() - atMs) / 1000;
  }

  /** An Event on the Node, once for each board that is lost. */
  #tellLost(): void {
    const { node: name, events } = this.#options;
    const lost = this.#boards.list.filter((board) => healthOf(board) === 'lost');
    // Events are found by this uid, which the kubelet gives a Node in its own.
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name, uid: name } };
    for (const { uuid, busId } of lost) {
      if (this.#lost.has(uuid)) continue;
      const place = busId === undefined ? '' : ` (${busId})`;
      this.#logger.warn('a board is lost', { gpu: uuid, busId });
      events?.event(node, 'Warning', 'GPULost', `board ${uuid}${place} does not answer any more`, { messageKey: uuid });
    }
    this.#lost = new Set(lost.map(({ uuid }) => uuid));
  }

  #askForMigUuids(): void {
    const devices = this.#boards.ids.flatMap(({ uuid, mig }) =>
      mig.map(({ index, gpuInstance }) => [uuid, index, gpuInstance]),
    );
    const layout = JSON.stringify(devices);
    if (devices.length > 0 && layout !== this.#migLayout) this.#sampler.list();
    this.#migLayout = layout;
  }

  /** Energy is reckoned with monotonic time; a step only moves the borders of quarters of an hour. */
  #watchClock(atMs: number, wallMs: number): void {
    const stepMs = wallMs - atMs - (this.#wallOffsetMs ?? wallMs - atMs);
    this.#wallOffsetMs = wallMs - atMs;
    if (Math.abs(stepMs) <= CLOCK_STEP_MS) return;
    this.#meter.clockSteps += 1;
    this.#logger.warn('the wall clock was set', { bySeconds: Math.round(stepMs / 1000) });
  }

  async #mapPods(podResources: { list(): Promise<PodDevices[]> }): Promise<void> {
    try {
      const devices = await podResources.list();
      const atMs = this.#clock.monotonic();
      const anonymous = { pods: devices.map((one) => ({ ...one, uid: '' })), error: undefined };
      const { pods, error } = (await this.#uids?.resolve(devices)) ?? anonymous;
      this.#pods = { atMs, list: pods };
      Object.assign(this.#meter, { isMapping: true, mappingWallMs: this.#clock.now() });
      const unknown = this.#assign();
      this.#tell(MAPPING, error ?? (unknown.length > 0 ? `no boards: ${unknown.slice(0, 8).join(', ')}` : undefined));
    } catch (error) {
      this.#meter.isMapping = false;
      this.#tell(MAPPING, error);
    }
  }

  /** Devices have meaning only once the boards are known. @returns devices that are none of them */
  #assign(): readonly string[] {
    if (this.#pods === undefined || this.#meter.dtd === undefined) return [];
    const { holders, unknown } = assign(this.#pods.list, this.#boards.ids);
    this.#ledger.setHolders(this.#pods.atMs, holders);
    this.#holders = holders;
    this.#meter.unknownDevices = unknown.length;
    return unknown;
  }

  #tellUnknown(element: string, text: string): void {
    if (this.#meter.unknownValue(element)) this.#logger.warn('a value that is not understood', { element, text });
  }

  /** Says a trouble, or its end, once. */
  #tell(what: string, trouble: unknown): void {
    const reason = trouble === undefined ? undefined : errorMessage(trouble);
    if (reason === this.#troubles.get(what)) return;
    if (reason === undefined) this.#troubles.delete(what);
    else this.#troubles.set(what, reason);
    if (reason === undefined) this.#logger.info(`${what}: well again`);
    else this.#logger.warn(`${what}: trouble`, { reason });
  }

  /** Saves first: what is told must still be true after a restart. */
  async #publish(): Promise<void> {
    const { client, node } = this.#options;
    const now = this.#now();
    this.#times.writes(this.#clock.monotonic(), now);
    const ledger = await this.#save();
    if (client === undefined) return;
    try {
      const writtenAtMs = this.#clock.now();
      await writeEnergyMap(client, { node, series: this.#series, writtenAtMs, ledger, now });
      this.#meter.publishedWallMs = this.#clock.now();
      this.#tell(PUBLISHING, undefined);
    } catch (error) {
      this.#tell(PUBLISHING, error);
    }
  }

  /** An old value is no value. */
  #now(): NodeNow {
    const isStale = this.#isStale;
    const { watts, list, expected } = this.#boards;
    const boards = list.map((board) => ({
      uuid: board.uuid,
      health: healthNow(board, isStale),
      watts: isStale ? null : (watts.get(board.uuid) ?? null),
      shares: this.#ledger.holdersOf(board.uuid),
    }));
    return { trouble: this.trouble ?? '', expected, boards };
  }

  /** @returns the state that was saved */
  async #save(): Promise<LedgerState> {
    const { stateFile, bootId } = this.#options;
    const saved = this.#saving.then(async () => {
      // Gaps go on while there are no samples.
      const watts = new Map([...this.#boards.watts.keys()].map((uuid) => [uuid, null]));
      const now = { atMs: this.#clock.monotonic(), wallMs: this.#clock.now() };
      this.#ledger.read({ ...now, maxGapMs: this.#maxGapMs, watts });
      const ledger = this.#ledger.state;
      if (stateFile === undefined) return ledger;
      try {
        await saveState(stateFile, { series: this.#series, bootId, ledger });
        this.#meter.savedWallMs = this.#clock.now();
        this.#tell(SAVING, undefined);
      } catch (error) {
        this.#tell(SAVING, error);
      }
      return ledger;
    });
    this.#saving = saved;
    return saved;
  }

  async #every(seconds: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    for (;;) {
      await this.#clock.sleep(seconds * 1000, signal);
      if (signal.aborted) return;
      await work();
    }
  }
}

const limitArgs = (uuid: string, watts: number): readonly string[] => ['-i', uuid, '-pl', String(watts)];

/** A sentence where a call did not end well. */
const troubleOf = (end: CallEnd | undefined): string | undefined =>
  end === undefined ? 'The agent ends.' : end.problem && `${end.problem[1]} ${end.text.replaceAll(/\s+/g, ' ').trim()}`;
