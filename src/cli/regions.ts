import { CONDITION } from '../api/conditions.ts';
import type { RegionalCluster } from '../api/regional-cluster.ts';
import { CLUSTERS } from './kinds.ts';
import { CONNECTION_FLAGS, type Command, DISPLAY_FLAGS, print } from './session.ts';
import { type Cell, type Paint, styleOf, table } from './table.ts';
import { ago } from './units.ts';

export const regions: Command = {
  name: 'regions',
  args: '',
  count: [0, 0],
  summary: 'the member clusters: whether they answer, their accelerators, power, price of electricity, CO2 and PUE',
  flags: [...CONNECTION_FLAGS, ...DISPLAY_FLAGS],
  run: async (session) => {
    const rows = regionRows(await session.connect().list<RegionalCluster>(CLUSTERS));
    await print(session, { clusters: rows }, (paint) => regionsText(rows, session.io.now(), paint));
  },
};

export interface RegionRow {
  readonly cluster: string;
  readonly region: string;
  readonly ready: string;
  /** Of condition Ready. */
  readonly reason: string;
  readonly message: string;
  readonly version?: string;
  readonly lastSyncTime?: string;
  readonly price?: string;
  readonly co2?: string;
  readonly pue?: string;
  /** As agents measured it. */
  readonly power?: string;
  /** What is wrong with boards that agents tell of; absent: nothing is. */
  readonly boards?: string;
  readonly accelerators: NonNullable<NonNullable<RegionalCluster['status']>['inventory']>;
}

export function regionRows(clusters: readonly RegionalCluster[]): RegionRow[] {
  return clusters
    .map(({ metadata, spec, status }): RegionRow => {
      const ready = status?.conditions?.find(({ type }) => type === 'Ready');
      const { price, co2, pue, power } = status?.display ?? {};
      const boards = status?.conditions?.find(({ type }) => type === CONDITION.AcceleratorsHealthy);
      return {
        cluster: metadata.name,
        region: spec.region,
        ready: ready?.status ?? 'Unknown',
        reason: ready?.reason ?? 'NotSeen',
        message: ready?.message ?? 'the operator has not looked at it yet.',
        ...(status?.version === undefined ? {} : { version: status.version }),
        ...(status?.lastSyncTime === undefined ? {} : { lastSyncTime: status.lastSyncTime }),
        ...(price === undefined ? {} : { price }),
        ...(co2 === undefined ? {} : { co2 }),
        ...(pue === undefined ? {} : { pue }),
        ...(power === undefined ? {} : { power }),
        ...(boards?.status === 'False' ? { boards: `${boards.reason}: ${boards.message}` } : {}),
        accelerators: status?.inventory ?? [],
      };
    })
    .sort((a, b) => (a.region === b.region ? compare(a.cluster, b.cluster) : compare(a.region, b.region)));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const HEADER = [
  ...['REGION', 'CLUSTER', 'READY', 'GPU', 'FREE', 'OURS', 'OTHERS', 'USABLE', 'TOTAL', 'FREE NODES'],
  ...['POWER', 'PRICE', 'CO2', 'PUE', 'LAST SEEN'],
];

/** A line an accelerator type; below, what is wrong with clusters that are not ready, and with boards. */
export function regionsText(rows: readonly RegionRow[], nowMs: number, paint: Paint): string {
  if (rows.length === 0) return 'There is no RegionalCluster.';
  const lines = rows.flatMap((row): Cell[][] => {
    const head: Cell[] = [row.region, row.cluster, [row.ready, styleOf(row.ready)]];
    const tail = [row.power ?? '-', row.price ?? '-', row.co2 ?? '-', row.pue ?? '-', ago(row.lastSyncTime, nowMs)];
    if (row.accelerators.length === 0) return [[...head, ...Array<Cell>(7).fill('-'), ...tail]];
    return row.accelerators.map((line, i) => [
      ...(i === 0 ? head : ['', '', '']),
      line.type,
      ...[line.free, line.reserved, line.usedByOthers, line.allocatable, line.total, line.largestFreeGang].map(String),
      ...(i === 0 ? tail : []),
    ]);
  });
  const problems = rows
    .filter(({ ready }) => ready !== 'True')
    .map(({ cluster, reason, message }) => `${paint('bad', `${cluster}: ${reason}`)}: ${message}`);
  for (const { cluster, boards } of rows) {
    if (boards !== undefined) problems.push(`${paint('bad', `${cluster}: boards`)}: ${boards}`);
  }
  return [table(HEADER, lines, paint), ...(problems.length > 0 ? ['', ...problems] : [])].join('\n');
}
