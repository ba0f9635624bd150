import { Counter, Gauge, type Registry } from 'prom-client';
import {
  type Admission,
  CONDITION,
  type ModelServing,
  type ModelTraining,
  SERVING_PHASES,
  TRAINING_PHASES,
  type Usage,
} from '../api/index.ts';
import { assignmentSummary } from '../core/assignment.ts';
import {
  addMoney,
  energyFactsOf,
  estimate,
  holdingOf,
  type Meter,
  type Money,
  measuredParts,
  otherToldOf,
  partsOf,
  reckonedCosts,
  toldBefore,
  type UsagePart,
} from '../energy/index.ts';
import { boardsPerNode, type HubStores } from '../hub/index.ts';
import type { Ledger } from '../ledger/index.ts';
import type { MemberSource } from '../regions/index.ts';
import { DRAW_SCOPES } from './ledger-metrics.ts';
import { ToldValues } from './told.ts';

type Labels = Record<string, string>;
type Workload = ModelTraining | ModelServing;

const ID = ['workload_namespace', 'workload', 'kind'] as const;

/** What is held now, for the open interval between the last write of status and this scrape. */
interface Held {
  readonly meter: Meter;
  readonly sinceMs: number;
}

/** Which workloads have series, and what their join key tells beside where they are. */
export interface WorkloadSeries {
  /** So many have series; of more the newest have none. */
  readonly max: number;
  /** Labels of the objects, each with its name in Prometheus. */
  readonly labels: readonly { readonly key: string; readonly name: string }[];
}

const SCOPES = { gpu: 'gpuJoules', it: 'itJoules', facility: 'facilityJoules' } as const;
const CARBON = { location: 'carbonGrams', market: 'carbonMarketGrams' } as const;

/**
 * Series of the workloads there are. They are computed from the stores at scrape, so that nothing is counted on the
 * event path and a deleted object leaves no series behind.
 */
export class WorkloadMetrics {
  readonly #hub: Pick<HubStores, 'trainings' | 'servings'>;
  readonly #members: Pick<MemberSource, 'get'>;
  readonly #ledger: Pick<Ledger, 'isLoaded' | 'use' | 'draw' | 'unmetered'>;
  readonly #now: () => number;
  readonly #info: Gauge;
  readonly #phase: Gauge;
  readonly #condition: Gauge;
  readonly #requested: Gauge;
  readonly #bound: Gauge;
  readonly #created: Gauge;
  readonly #started: Gauge;
  readonly #completed: Gauge;
  readonly #progress: Gauge;
  readonly #gpuSeconds: Counter;
  readonly #joules: Counter;
  readonly #cost: Counter;
  readonly #carbon: Counter;
  readonly #coverage: Gauge;
  readonly #draw: Gauge;
  readonly #omitted: Gauge;
  readonly #max: number;
  readonly #labels: WorkloadSeries['labels'];
  readonly #told = new ToldValues();

  constructor(
    registry: Registry,
    hub: Pick<HubStores, 'trainings' | 'servings'>,
    members: Pick<MemberSource, 'get'>,
    ledger: Pick<Ledger, 'isLoaded' | 'use' | 'draw' | 'unmetered'>,
    now: () => number,
    { max, labels }: WorkloadSeries,
  ) {
    this.#hub = hub;
    this.#max = max;
    this.#labels = labels;
    this.#ledger = ledger;
    this.#members = members;
    this.#now = now;
    const gauge = (name: string, help: string, more: readonly string[] = []): Gauge =>
      new Gauge({ name, help, labelNames: [...ID, ...more], registers: [registry] });
    const counter = (name: string, help: string, more: readonly string[] = []): Counter =>
      new Counter({ name, help, labelNames: [...ID, ...more], registers: [registry] });
    this.#info = gauge('aidc_workload_info', 'Join key: where a workload is; always 1.', [
      'tenant',
      'queue',
      'region',
      'cluster',
      'gpu_model',
      'model_class',
      'priority_class',
      ...labels.map(({ name }) => name),
    ]);
    this.#phase = gauge('aidc_workload_status_phase', '1 for the present phase, 0 for the others.', ['phase']);
    this.#condition = gauge('aidc_workload_status_condition', '1 for the present status of a condition.', [
      'condition',
      'status',
    ]);
    this.#requested = gauge('aidc_workload_gpus_requested', 'Accelerators asked for.');
    this.#bound = gauge('aidc_workload_gpus_bound', 'Accelerators held.');
    this.#created = gauge('aidc_workload_created_timestamp_seconds', 'When the object was created.');
    this.#started = gauge('aidc_workload_start_timestamp_seconds', 'When it was first ready.');
    this.#completed = gauge('aidc_workload_completion_timestamp_seconds', 'When it finished.');
    this.#progress = gauge(
      'aidc_workload_progress_ratio',
      'How far a training is, 0 to 1, as its program told in status.trainerStatus; absent where it told nothing.',
    );
    this.#coverage = gauge(
      'aidc_workload_energy_coverage_ratio',
      'Part of the accelerator-seconds held whose power was measured.',
    );
    this.#draw = gauge(
      'aidc_workload_power_draw_watts',
      'Power as agents measured it last, by scope as of a region. Absent: nothing is held, or not all of it is measured.',
      ['scope'],
    );
    this.#omitted = new Gauge({
      name: 'aidc_metrics_omitted_workloads',
      help: 'Workloads without series of their own: the newest, beyond --max-workload-series.',
      registers: [registry],
    });
    this.#gpuSeconds = counter('aidc_workload_gpu_seconds_total', 'Accelerator-seconds held.');
    this.#joules = counter(
      'aidc_workload_energy_joules_total',
      'Energy. scope: gpu boards, it with the overhead of nodes, facility times PUE. source=estimate: not measured, configured board power times time held.',
      ['scope', 'source'],
    );
    this.#cost = counter('aidc_workload_energy_cost_total', 'Money for accelerators and electricity.', ['currency']);
    this.#carbon = counter(
      'aidc_workload_carbon_grams_total',
      'CO2 by the grid of the location, or by the market, without green power.',
      ['accounting'],
    );
  }

  collect(): void {
    for (const family of [this.#info, this.#phase, this.#condition, this.#requested, this.#bound, this.#created])
      family.reset();
    for (const family of [
      this.#started,
      this.#completed,
      this.#progress,
      this.#coverage,
      this.#draw,
      this.#gpuSeconds,
      this.#joules,
      this.#cost,
      this.#carbon,
    ])
      family.reset();
    const all = [
      ...[...this.#hub.trainings.list()].map((object) => ({ object, collect: () => this.#training(object) })),
      ...[...this.#hub.servings.list()].map((object) => ({ object, collect: () => this.#serving(object) })),
    ];
    this.#omitted.set(Math.max(0, all.length - this.#max));
    const shown = all.length <= this.#max ? all : all.sort((a, b) => byAge(a.object, b.object)).slice(0, this.#max);
    for (const { collect } of shown) collect();
    if (this.#ledger.isLoaded) this.#told.turn();
  }

  #training(training: ModelTraining): void {
    const id = this.#common(training, 'ModelTraining', TRAINING_PHASES);
    const { spec, status } = training;
    const perNode = status?.admission?.gpusPerNode ?? spec.accelerators[0]?.countPerNode ?? 0;
    this.#requested.set(id, perNode * spec.trainer.numNodes);
    this.#bound.set(id, status?.admission === undefined ? 0 : perNode * spec.trainer.numNodes);
    if (status?.completionTime !== undefined) this.#completed.set(id, Date.parse(status.completionTime) / 1000);
    const percent = status?.trainerStatus?.progressPercentage;
    if (percent !== undefined) this.#progress.set(id, percent / 100);
    const held = this.#held(status?.admission, spec.trainer.numNodes, status?.placement?.nodes, status?.usage);
    this.#used(id, training, held === undefined ? [] : [held]);
  }

  #serving(serving: ModelServing): void {
    const id = this.#common(serving, 'ModelServing', SERVING_PHASES);
    const { spec, status } = serving;
    const admissions = status?.admissions ?? [];
    const perReplica = (admissions[0]?.gpusPerNode ?? spec.accelerators[0]?.countPerNode ?? 0) * spec.nodesPerReplica;
    this.#requested.set(id, perReplica * spec.replicas);
    this.#bound.set(id, perReplica * admissions.length);
    const held = admissions.flatMap((admission) => {
      const { first } = assignmentSummary(admission.assignment);
      return this.#held(admission, spec.nodesPerReplica, first, status?.usage) ?? [];
    });
    this.#used(id, serving, held);
  }

  #common(workload: Workload, kind: string, phases: readonly string[]): Labels {
    const { metadata, status } = workload;
    const id = { workload_namespace: metadata.namespace ?? '', workload: metadata.name, kind };
    this.#info.set(
      {
        ...id,
        tenant: status?.tenant ?? '',
        queue: status?.queue ?? '',
        region: status?.placement?.region ?? '',
        cluster: status?.placement?.cluster ?? '',
        gpu_model: status?.placement?.accelerator ?? '',
        model_class: workload.spec.model.class,
        priority_class: workload.spec.priorityClassName ?? '',
        ...Object.fromEntries(this.#labels.map(({ key, name }) => [name, metadata.labels?.[key] ?? ''])),
      },
      1,
    );
    for (const phase of phases) this.#phase.set({ ...id, phase }, status?.phase === phase ? 1 : 0);
    for (const condition of status?.conditions ?? []) {
      if (!(condition.type in CONDITION)) continue;
      for (const value of ['True', 'False', 'Unknown']) {
        this.#condition.set({ ...id, condition: condition.type, status: value }, condition.status === value ? 1 : 0);
      }
    }
    this.#created.set(id, Date.parse(metadata.creationTimestamp ?? '') / 1000);
    if (status?.startTime !== undefined) this.#started.set(id, Date.parse(status.startTime) / 1000);
    return id;
  }

  #held(
    admission: Admission | undefined,
    pods: number,
    nodes: readonly string[] | undefined,
    usage: Usage | undefined,
  ): Held | undefined {
    if (admission === undefined) return undefined;
    const member = this.#members.get(admission.cluster);
    if (member === undefined) return undefined;
    const boards = boardsPerNode(member, nodes ?? [], admission.resourceName);
    const sinceMs = Math.max(Date.parse(admission.admittedAt), Date.parse(usage?.until ?? admission.admittedAt));
    const unmetered = (fromMs: number, toMs: number): number => this.#ledger.unmetered(admission, fromMs, toMs);
    const holding = holdingOf(admission, pods, boards);
    return { meter: { facts: energyFactsOf(member.object), holding, unmetered }, sinceMs };
  }

  /** Closed sums from status plus the open intervals up to now, and what is kept of what was measured. */
  #used(id: Labels, { metadata, status }: Workload, held: readonly Held[]): void {
    // Counters must not go back, and only the leader knows how far they are.
    if (!this.#ledger.isLoaded) return;
    const { usage } = status ?? {};
    const use = this.#ledger.use(metadata.uid ?? '');
    const draw = this.#ledger.draw(metadata.uid ?? '');
    for (const [scope, key] of Object.entries(DRAW_SCOPES)) {
      if (draw !== undefined) this.#draw.set({ ...id, scope }, draw[key]);
    }
    const { reckoned, ...kept } = partsOf(usage);
    const currency = usage?.currency ?? held[0]?.meter.facts.currency;
    if (currency === undefined) return;
    const { measured, estimated: final } = use === undefined ? kept : measuredParts(use, currency, true);
    const open = held.map(({ meter, sinceMs }) => estimate(meter, sinceMs, this.#now()));
    const gpuSeconds = open.reduce((sum, one) => sum + one.gpuSeconds, usage?.gpuSeconds ?? 0);
    const reckonedNow = (key: keyof UsagePart): number =>
      open.reduce((sum, { energy }) => sum + energy[key], reckoned[key] + final[key]);
    const told = addMoney(
      { [currency]: measured.costMicros + final.costMicros },
      use === undefined ? usage && otherOf(toldBefore(usage), currency) : otherToldOf(use, currency, true),
    );
    const opened = open.map(({ gpuMicros, energy }, index): Money => {
      return { [held[index]?.meter.facts.currency ?? currency]: gpuMicros + energy.costMicros };
    });
    const money = [usage && reckonedCosts(usage), ...opened].reduce<Money>(addMoney, told);
    const atLeast = (series: string, value: number): number => this.#told.atLeast(`${metadata.uid} ${series}`, value);
    this.#gpuSeconds.inc(id, atLeast('gpuSeconds', gpuSeconds));
    for (const [scope, key] of Object.entries(SCOPES)) {
      const estimated = atLeast(`estimate ${key}`, reckonedNow(key));
      // What was told as an estimate and was measured after all is not told a second time.
      const twice = estimated - reckonedNow(key);
      this.#joules.inc({ ...id, scope, source: 'estimate' }, estimated);
      this.#joules.inc({ ...id, scope, source: 'integrated' }, atLeast(key, measured[key] - twice));
    }
    for (const [of, micros] of Object.entries(money))
      this.#cost.inc({ ...id, currency: of }, atLeast(`cost ${of}`, micros) / 1_000_000);
    for (const [accounting, key] of Object.entries(CARBON))
      this.#carbon.inc({ ...id, accounting }, atLeast(key, reckonedNow(key) + measured[key]));
    const coverage = gpuSeconds > 0 ? Math.min(1, (use?.measured.measuredSeconds ?? 0) / gpuSeconds) : 0;
    this.#coverage.set(id, use === undefined ? (usage?.coveragePermille ?? 0) / 1000 : coverage);
  }
}

const otherOf = ({ ...money }: Record<string, number>, currency: string): Money => {
  delete money[currency];
  return money;
};

/** The oldest first; of one second by uid, so that every replica and every scrape leave out the same. */
function byAge({ metadata: a }: Workload, { metadata: b }: Workload): number {
  const created = Date.parse(a.creationTimestamp ?? '') - Date.parse(b.creationTimestamp ?? '');
  return created || ((a.uid ?? '') < (b.uid ?? '') ? -1 : 1);
}
