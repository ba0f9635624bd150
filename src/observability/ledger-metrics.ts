import { Counter, Gauge, type Registry } from 'prom-client';
import { CLASSES, type Sums } from '../energy/index.ts';
import type { HubStores } from '../hub/index.ts';
import type { Ledger } from '../ledger/index.ts';
import type { MemberSource } from '../regions/index.ts';

const SCOPES = { gpu: 'gpuJoules', it: 'itJoules', facility: 'facilityJoules' } as const;
export const DRAW_SCOPES = { gpu: 'gpuWatts', it: 'itWatts', facility: 'facilityWatts' } as const;
const PLACE = ['region', 'cluster'] as const;
const TENANT = ['tenant', 'region'] as const;

/** Series of tenants and regions from the ledger: they outlive the workloads. Of the leader only. */
export class LedgerMetrics {
  readonly #hub: HubStores;
  readonly #members: MemberSource;
  readonly #ledger: Ledger;
  readonly #all: Counter;
  readonly #idle: Counter;
  readonly #others: Counter;
  readonly #nodes: Gauge;
  readonly #draw: Gauge;
  readonly #boards: Gauge;
  readonly #joules: Counter;
  readonly #classed: Counter;
  readonly #cost: Counter;
  readonly #carbon: Counter;
  readonly #gpuSeconds: Counter;
  readonly #workloads: Counter;

  constructor(registry: Registry, hub: HubStores, members: MemberSource, ledger: Ledger) {
    this.#hub = hub;
    this.#members = members;
    this.#ledger = ledger;
    const counter = (name: string, help: string, labelNames: readonly string[]): Counter =>
      new Counter({ name, help, labelNames: [...labelNames], registers: [registry] });
    this.#all = counter('aidc_region_energy_joules_total', 'Energy measured, whoever held the boards.', [
      ...PLACE,
      'scope',
    ]);
    this.#idle = counter('aidc_region_unallocated_energy_joules_total', 'Energy measured of boards that nobody held.', [
      ...PLACE,
      'scope',
    ]);
    this.#others = counter(
      'aidc_region_foreign_energy_joules_total',
      'Energy measured of boards that pods held which are not ours.',
      [...PLACE, 'scope'],
    );
    const gauge = (name: string, help: string, more: string): Gauge =>
      new Gauge({ name, help, labelNames: [...PLACE, more], registers: [registry] });
    this.#nodes = gauge(
      'aidc_region_metered_nodes',
      'Accelerator nodes by state: reporting, blind (the agent has no samples), silent (no report for 5 minutes), missing (no agent).',
      'state',
    );
    this.#draw = gauge(
      'aidc_region_power_draw_watts',
      'Power as agents measured it last, of the boards whose power is known. scope: gpu boards, it with the overhead of nodes, facility times PUE. Absent: no agent measures.',
      'scope',
    );
    this.#boards = gauge(
      'aidc_region_gpu_health',
      'Boards of the nodes that report, by how their agents see them: healthy, degraded, lost, unknown.',
      'state',
    );
    this.#joules = counter(
      'aidc_tenant_energy_joules_total',
      'Energy of a tenant, also of deleted workloads; source=estimate: not measured.',
      [...TENANT, 'scope', 'source'],
    );
    this.#classed = counter(
      'aidc_tenant_classed_energy_joules_total',
      'Energy at the facility in runs that are over, by what it was good for; class: useful, startup, checkpoint, lost.',
      [...TENANT, 'class'],
    );
    this.#cost = counter('aidc_tenant_energy_cost_total', 'Money of a tenant for accelerators and electricity.', [
      ...TENANT,
      'currency',
    ]);
    this.#carbon = counter('aidc_tenant_carbon_grams_total', 'CO2 of a tenant, by location or by market.', [
      ...TENANT,
      'accounting',
    ]);
    this.#gpuSeconds = counter('aidc_tenant_gpu_seconds_total', 'Accelerator-seconds that a tenant held.', TENANT);
    this.#workloads = counter('aidc_tenant_workloads_total', 'Trainings of a tenant that are over, by result.', [
      ...TENANT,
      'result',
    ]);
  }

  collect(): void {
    for (const family of [this.#all, this.#idle, this.#others, this.#nodes, this.#draw, this.#boards, this.#gpuSeconds])
      family.reset();
    for (const family of [this.#joules, this.#classed, this.#cost, this.#carbon, this.#workloads]) family.reset();
    if (!this.#ledger.isLoaded) return;
    this.#regions();
    this.#tenants();
  }

  #regions(): void {
    for (const [cluster, told] of this.#ledger.told) {
      const region = this.#hub.clusters.get(cluster)?.spec.region ?? told.region;
      if (region === '') continue;
      for (const [scope, key] of Object.entries(SCOPES)) {
        const labels = { region, cluster, scope };
        const ours = [...told.tenants.values()].reduce((sum, { measured }) => sum + measured[key], 0);
        this.#all.inc(labels, ours + told.others[key] + told.idle[key]);
        this.#idle.inc(labels, told.idle[key]);
        this.#others.inc(labels, told.others[key]);
      }
    }
    for (const member of this.#members.list()) {
      const { region } = member.object.spec;
      for (const [state, count] of Object.entries(this.#ledger.metering(member).nodes)) {
        this.#nodes.set({ region, cluster: member.name, state }, count);
      }
      for (const [state, count] of Object.entries(this.#ledger.boards(member.name).counts)) {
        this.#boards.set({ region, cluster: member.name, state }, count);
      }
      const draw = this.#ledger.clusterDraw(member.name);
      if (draw === undefined) continue;
      for (const [scope, key] of Object.entries(DRAW_SCOPES)) {
        this.#draw.set({ region, cluster: member.name, scope }, draw[key]);
      }
    }
  }

  #tenants(): void {
    for (const { region, tenants, costs } of this.#ledger.told.values()) {
      for (const [tenant, { measured, estimated, classes }] of tenants) {
        const labels = { tenant, region };
        this.#energy(labels, 'integrated', measured);
        this.#energy(labels, 'estimate', estimated);
        for (const [currency, micros] of Object.entries(costs.get(tenant) ?? {})) this.#money(labels, currency, micros);
        for (const name of CLASSES) this.#classed.inc({ ...labels, class: name }, classes[name].facilityJoules);
      }
    }
    for (const account of this.#ledger.accounts) {
      const labels = { tenant: account.tenant, region: account.region };
      this.#energy(labels, 'estimate', account.reckoned);
      this.#money(labels, account.currency, account.reckoned.costMicros);
      this.#gpuSeconds.inc(labels, account.gpuSeconds);
      this.#workloads.inc({ ...labels, result: 'succeeded' }, account.succeeded);
      this.#workloads.inc({ ...labels, result: 'failed' }, account.failed);
    }
  }

  #money(labels: Readonly<Record<(typeof TENANT)[number], string>>, currency: string, micros: number): void {
    if (currency !== '') this.#cost.inc({ ...labels, currency }, micros / 1_000_000);
  }

  #energy(
    labels: Readonly<Record<(typeof TENANT)[number], string>>,
    source: string,
    sums: Omit<Sums, 'gpuSeconds' | 'measuredSeconds'>,
  ): void {
    for (const [scope, key] of Object.entries(SCOPES)) this.#joules.inc({ ...labels, scope, source }, sums[key]);
    this.#carbon.inc({ ...labels, accounting: 'location' }, sums.carbonGrams);
    this.#carbon.inc({ ...labels, accounting: 'market' }, sums.carbonMarketGrams);
  }
}
