import type { RegionalCluster } from '../api/regional-cluster.ts';
import { type Account, groupBy, isAllMetered, readAccounts } from './accounts.ts';
import { CONNECTION_FLAGS, type Command, DISPLAY_FLAGS, print } from './session.ts';
import { type Paint, styleOf, table } from './table.ts';
import * as units from './units.ts';

export const top: Command = {
  name: 'top',
  args: '',
  count: [0, 0],
  summary: 'accelerators, power and kWh of what holds nodes now, by region, tenant and workload',
  details: `Power is at the facility: as agents measured it when use was last booked (of a region: within the last minute, with
boards that nobody holds), else, marked with ~, configured board power and node overhead, times PUE. kWh are those of status.usage and, since it was last
booked, power times time held. status keeps one sum a workload: that of one in several regions now stands under
"several".`,
  flags: [...CONNECTION_FLAGS, 'namespace', 'all-namespaces', ...DISPLAY_FLAGS],
  run: async (session) => {
    const { accounts, clusters } = await readAccounts(session);
    const report = topReport(accounts, clusters);
    await print(session, report, (paint) => topText(report, paint));
  },
};

interface Load {
  readonly gpus: number;
  /** Absent: not known of all of it. */
  readonly watts?: number;
  /** Not all of the power was measured. */
  readonly isPowerEstimate: boolean;
  readonly facilityJoules: number;
  readonly isEstimate: boolean;
}

export interface TopReport {
  readonly regions: readonly (Load & { readonly region: string; readonly free?: number; readonly usable?: number })[];
  readonly tenants: readonly (Load & { readonly tenant: string; readonly workloads: number })[];
  readonly workloads: readonly (Load &
    Pick<Account, 'namespace' | 'name' | 'kind' | 'tenant' | 'phase' | 'accelerator'> & {
      readonly regions: readonly string[];
    })[];
}

const SEVERAL = 'several';

export function topReport(accounts: readonly Account[], clusters: readonly RegionalCluster[]): TopReport {
  const holding = accounts.filter(({ held }) => held.length > 0);
  const workloads = holding.map((one) => {
    const { namespace, name, kind, tenant, phase, accelerator, held } = one;
    const regions = [...new Set(held.map(({ region }) => region))].sort();
    return { namespace, name, kind, tenant, phase, accelerator, regions, ...loadOf([one]) };
  });
  workloads.sort((a, b) => (b.watts ?? 0) - (a.watts ?? 0) || b.gpus - a.gpus);
  return {
    regions: regionLoads(holding, clusters),
    tenants: groupBy(holding, ({ tenant }) => tenant).map(([tenant, group]) => ({
      tenant,
      workloads: group.length,
      ...loadOf(group),
    })),
    workloads,
  };
}

/** Of the holds in one region; all of them without one. */
function loadOf(accounts: readonly Account[], region?: string): Load {
  const parts = accounts.map((one) => {
    const held = one.held.filter((hold) => region === undefined || hold.region === region);
    const configured = held.reduce<number | undefined>((sum, { watts }) => add(sum, watts), 0);
    // What is measured is of all that it holds, wherever that is.
    const measured = held.length === one.held.length ? one.drawWatts : undefined;
    return { held, watts: measured ?? configured, isMeasured: measured !== undefined || held.length === 0 };
  });
  const watts = parts.reduce<number | undefined>((sum, part) => add(sum, part.watts), 0);
  return {
    gpus: parts.flatMap(({ held }) => held).reduce((sum, { gpus }) => sum + gpus, 0),
    ...(watts === undefined ? {} : { watts }),
    isPowerEstimate: !parts.every(({ isMeasured }) => isMeasured),
    facilityJoules: accounts.reduce((sum, { live }) => sum + live.facilityJoules, 0),
    isEstimate: accounts.some((one) => one.isEstimate),
  };
}

const add = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a + b;

/** Accelerators and power of each region; energy of those workloads that are in this region alone. */
function regionLoads(holding: readonly Account[], clusters: readonly RegionalCluster[]): TopReport['regions'] {
  const regionOf = ({ held }: Account): string => {
    const names = new Set(held.map(({ region }) => region));
    return names.size === 1 ? (held[0]?.region ?? '') : SEVERAL;
  };
  const names = new Set([
    ...clusters.map(({ spec }) => spec.region),
    ...holding.flatMap(({ held }) => held.map(({ region }) => region)),
  ]);
  const rows = [...names].sort().map((region) => {
    const here = clusters.filter(({ spec }) => spec.region === region);
    const inventory = here.flatMap(({ status }) => status?.inventory ?? []);
    const measured = here.reduce<number | undefined>((all, { status }) => add(all, status?.powerDrawWatts), 0);
    const isMetered = here.length > 0 && here.every(isAllMetered) && measured !== undefined;
    const power = isMetered ? { watts: measured, isPowerEstimate: false } : { isPowerEstimate: true };
    const sum = (field: 'free' | 'allocatable'): number => inventory.reduce((all, line) => all + line[field], 0);
    const { facilityJoules, isEstimate } = loadOf(holding.filter((one) => regionOf(one) === region));
    const room = inventory.length === 0 ? {} : { free: sum('free'), usable: sum('allocatable') };
    return { region, ...loadOf(holding, region), facilityJoules, isEstimate, ...power, ...room };
  });
  const spread = holding.filter((one) => regionOf(one) === SEVERAL);
  if (spread.length === 0) return rows;
  // Their accelerators and power are in the rows of their regions.
  const { facilityJoules, isEstimate } = loadOf(spread);
  return [...rows, { region: SEVERAL, gpus: 0, facilityJoules, isEstimate, isPowerEstimate: false }];
}

const loadCells = ({ gpus, watts, isPowerEstimate, facilityJoules, isEstimate }: Load): string[] => [
  String(gpus),
  watts === undefined ? '-' : units.marked(units.kilowatts(watts), isPowerEstimate),
  units.marked(units.kWh(facilityJoules), isEstimate),
];

export function topText({ regions, tenants, workloads }: TopReport, paint: Paint): string {
  const regionRows = regions.map((row) => [
    row.region,
    ...loadCells(row),
    row.free === undefined ? '-' : `${row.free}/${row.usable}`,
  ]);
  const parts = [table(['REGION', 'GPUS', 'POWER', 'KWH', 'FREE/USABLE'], regionRows, paint)];
  if (workloads.length === 0)
    return [...parts, 'No workload here holds nodes now (-A looks in all namespaces).'].join('\n\n');
  const tenantRows = tenants.map((row) => [row.tenant, ...loadCells(row), String(row.workloads)]);
  const workloadRows = workloads.map((row) => [
    ...[row.namespace, row.name, row.kind, [row.phase, styleOf(row.phase)] as const],
    ...[row.regions.join(','), row.accelerator || '-', ...loadCells(row)],
  ]);
  const header = ['NAMESPACE', 'NAME', 'KIND', 'PHASE', 'REGION', 'GPU', 'GPUS', 'POWER', 'KWH'];
  parts.push(table(['TENANT', 'GPUS', 'POWER', 'KWH', 'WORKLOADS'], tenantRows, paint));
  parts.push(table(header, workloadRows, paint), paint('faint', units.ESTIMATE_NOTE));
  return parts.join('\n\n');
}
