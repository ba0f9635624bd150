import { Gauge, type Registry } from 'prom-client';
import { CONDITION } from '../api/index.ts';
import { carbonFactsOf, gramsPerKWhAt, pricePerKWhMicrosAt } from '../core/money.ts';
import type { HubStores } from '../hub/index.ts';
import { fragmented, type Inventory, type MemberSource } from '../regions/index.ts';
import type { Scheduler } from '../scheduling/index.ts';

type Members = MemberSource & { inventory(cluster: string): Inventory | undefined };

/** Series of regions, queues and the scheduler's backlog; computed from what is known at scrape. */
export class CentreMetrics {
  readonly #hub: HubStores;
  readonly #members: Members;
  readonly #scheduler: Scheduler;
  readonly #now: () => number;
  readonly #gauges: Record<string, Gauge>;

  constructor(registry: Registry, hub: HubStores, members: Members, scheduler: Scheduler, now: () => number) {
    this.#hub = hub;
    this.#members = members;
    this.#scheduler = scheduler;
    this.#now = now;
    const gauge = (name: string, help: string, labelNames: readonly string[]): Gauge =>
      new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] });
    const place = ['region', 'cluster'];
    this.#gauges = {
      up: gauge('aidc_member_cluster_up', '1 while the member’s API server answers.', place),
      info: gauge('aidc_member_cluster_info', 'Version of the member; always 1.', [...place, 'version']),
      probe: gauge('aidc_member_cluster_last_probe_timestamp_seconds', 'When the member last answered a probe.', place),
      capacity: gauge('aidc_region_gpu_capacity', 'Accelerators on all nodes.', [...place, 'gpu_model']),
      allocatable: gauge('aidc_region_gpu_allocatable', 'Accelerators on usable nodes.', [...place, 'gpu_model']),
      allocated: gauge('aidc_region_gpu_allocated', 'Accelerators reserved for workloads.', [...place, 'gpu_model']),
      foreign: gauge('aidc_region_gpu_used_by_others', 'Accelerators used by pods that are not ours.', [
        ...place,
        'gpu_model',
      ]),
      fragmented: gauge(
        'aidc_region_gpu_fragmented',
        'Accelerators free on nodes of which others are in use: of no use to pods that want whole nodes.',
        [...place, 'gpu_model'],
      ),
      pue: gauge('aidc_region_pue_ratio', 'Facility power over IT power, as configured.', place),
      latitude: gauge('aidc_region_latitude_degrees', 'Where it is, north of the equator; as configured.', place),
      longitude: gauge('aidc_region_longitude_degrees', 'Where it is, east of Greenwich; as configured.', place),
      powerBudget: gauge('aidc_region_power_budget_watts', 'Bound on reserved facility power, as configured.', place),
      power: gauge(
        'aidc_region_power_reserved_watts',
        'Facility power that admitted work, and pods of others on accelerators, are reckoned to draw.',
        place,
      ),
      price: gauge('aidc_region_electricity_price_per_kilowatt_hour', 'Electricity price now, as configured.', [
        ...place,
        'currency',
      ]),
      carbon: gauge(
        'aidc_region_carbon_intensity_grams_per_kilowatt_hour',
        'CO2 of a kWh by location now, as configured.',
        place,
      ),
      pending: gauge('aidc_queue_pending_workloads', 'Workloads that wait. inadmissible: looked at and not placed.', [
        'queue',
        'status',
      ]),
      pendingGpus: gauge('aidc_queue_pending_gpus', 'Accelerators waited for (by the first acceptable type).', [
        'queue',
        'gpu_model',
      ]),
      oldest: gauge('aidc_queue_oldest_pending_timestamp_seconds', 'When the longest waiting joined.', ['queue']),
      unschedulable: gauge('aidc_unschedulable_workloads', 'Workloads that wait, by reason.', ['reason']),
      quota: gauge('aidc_quota_gpus', 'Accelerators by quota row.', ['queue', 'gpu_model', 'region', 'kind']),
      share: gauge(
        'aidc_queue_weighted_share_ratio',
        'Largest part of what its parent’s tree can lend that the queue uses above its own, divided by its weight; of roots none.',
        ['queue'],
      ),
      past: gauge(
        'aidc_queue_borrowed_average_gpus',
        'Mean use above its own by the half-life of the root’s fairShare, as of the last write of status.',
        ['queue', 'gpu_model', 'region'],
      ),
      ready: gauge('aidc_queue_ready', '1 while the queue can be used.', ['queue']),
    };
  }

  collect(): void {
    for (const gauge of Object.values(this.#gauges)) gauge.reset();
    for (const cluster of this.#hub.clusters.list()) this.#region(cluster.metadata.name);
    this.#queues();
    this.#backlog();
  }

  #set(name: string, labels: Record<string, string>, value: number): void {
    this.#gauges[name]?.set(labels, value);
  }

  #region(name: string): void {
    const cluster = this.#hub.clusters.get(name);
    if (cluster === undefined) return;
    const { spec, status } = cluster;
    const place = { region: spec.region, cluster: name };
    this.#set('up', place, this.#members.get(name)?.reachable() === true ? 1 : 0);
    const answeredMs = this.#members.get(name)?.lastAnswerMs;
    if (answeredMs !== undefined) this.#set('probe', place, answeredMs / 1000);
    this.#set('info', { ...place, version: status?.version ?? '' }, 1);
    for (const line of status?.inventory ?? []) {
      const labels = { ...place, gpu_model: line.type };
      this.#set('capacity', labels, line.total);
      this.#set('allocatable', labels, line.allocatable);
      this.#set('allocated', labels, line.reserved);
      this.#set('foreign', labels, line.usedByOthers);
    }
    const types = spec.accelerators.map(({ type }) => type);
    const table = this.#members.inventory(name)?.table();
    for (const [model, boards] of table === undefined ? [] : fragmented(table, types)) {
      this.#set('fragmented', { ...place, gpu_model: model }, boards);
    }
    this.#set('pue', place, spec.puePermille / 1000);
    this.#set('carbon', place, gramsPerKWhAt(carbonFactsOf(spec), this.#now()));
    const { latitude, longitude } = spec.location;
    if (latitude !== undefined) this.#set('latitude', place, Number(latitude));
    if (longitude !== undefined) this.#set('longitude', place, Number(longitude));
    if (spec.power.budgetWatts !== undefined) this.#set('powerBudget', place, spec.power.budgetWatts);
    if (status?.powerWatts !== undefined) this.#set('power', place, status.powerWatts);
    const { tariff, timezone, currency } = spec.electricity;
    try {
      const price = pricePerKWhMicrosAt(tariff, timezone, this.#now());
      if (price !== null) this.#set('price', { ...place, currency }, price / 1_000_000);
    } catch {
      // An unknown time zone: the RegionalCluster's condition says so; no price is better than a wrong one.
    }
  }

  #queues(): void {
    const tree = this.#scheduler.quotaInUse();
    for (const queue of this.#hub.queues.list()) {
      const { name } = queue.metadata;
      const ready = queue.status?.conditions?.find((condition) => condition.type === CONDITION.Ready);
      this.#set('ready', { queue: name }, ready?.status === 'True' ? 1 : 0);
      const share = tree.presentShare(name);
      if (share !== undefined) this.#set('share', { queue: name }, share);
      for (const { accelerator, region, meanMilliGpus } of queue.status?.fairShare?.borrowed ?? []) {
        this.#set('past', { queue: name, gpu_model: accelerator, region }, meanMilliGpus / 1000);
      }
      for (const row of queue.status?.usage ?? []) {
        const labels = { queue: name, gpu_model: row.accelerator, region: row.region };
        this.#set('quota', { ...labels, kind: 'nominal' }, row.nominal);
        this.#set('quota', { ...labels, kind: 'used' }, row.usedMilliGpus / 1000);
        this.#set('quota', { ...labels, kind: 'borrowed' }, row.borrowedMilliGpus / 1000);
      }
    }
  }

  #backlog(): void {
    const count = new Map<string, number>();
    const oldest = new Map<string, number>();
    const gpus = new Map<string, number>();
    const reasons = new Map<string, number>();
    for (const workload of this.#scheduler.pending()) {
      const answer = this.#scheduler.answer(workload.key);
      add(count, `${workload.queue}\n${answer === undefined ? 'active' : 'inadmissible'}`, 1);
      if (answer !== undefined) add(reasons, answer.reason, 1);
      oldest.set(workload.queue, Math.min(oldest.get(workload.queue) ?? Number.POSITIVE_INFINITY, workload.queuedAt));
      const first = workload.request.accelerators[0];
      if (first !== undefined)
        add(gpus, `${workload.queue}\n${first.type}`, first.countPerNode * workload.request.pods);
    }
    for (const [key, value] of count) {
      const [queue = '', status = ''] = key.split('\n');
      this.#set('pending', { queue, status }, value);
    }
    for (const [key, value] of gpus) {
      const [queue = '', model = ''] = key.split('\n');
      this.#set('pendingGpus', { queue, gpu_model: model }, value);
    }
    for (const [queue, at] of oldest) this.#set('oldest', { queue }, at / 1000);
    for (const [reason, value] of reasons) this.#set('unschedulable', { reason }, value);
  }
}

const add = (map: Map<string, number>, key: string, value: number): void => {
  map.set(key, (map.get(key) ?? 0) + value);
};
