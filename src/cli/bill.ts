import type { ModelServing } from '../api/model-serving.ts';
import type { ModelTraining } from '../api/model-training.ts';
import { type Account, accountsOf, add, groupBy, type Sums } from './accounts.ts';
import { usageError } from './errors.ts';
import { SERVINGS, TRAININGS } from './kinds.ts';
import { CONNECTION_FLAGS, type Command, DISPLAY_FLAGS, print } from './session.ts';
import { type Paint, table } from './table.ts';
import * as units from './units.ts';

const KEYS = {
  tenant: ({ tenant }: Account) => tenant,
  namespace: ({ namespace }: Account) => namespace,
  queue: ({ queue }: Account) => queue,
  workload: ({ kind, namespace, name }: Account) => `${namespace}/${name} (${kind})`,
} as const;
export type BillKey = keyof typeof KEYS;
export const BILL_KEYS = Object.keys(KEYS) as BillKey[];

export const bill: Command = {
  name: 'bill',
  args: '',
  count: [0, 0],
  summary: 'GPU-hours, kWh, money and CO2 by tenant, namespace, queue or workload',
  details: `--by is one of ${BILL_KEYS.join(', ')} (default tenant). The sums are those of status.usage: of the objects that there are, up to the time
each was last booked (at changes, and at least every five minutes).`,
  flags: [...CONNECTION_FLAGS, 'namespace', 'all-namespaces', 'by', ...DISPLAY_FLAGS],
  run: async (session) => {
    const by = (session.flags.by ?? 'tenant') as BillKey;
    if (!BILL_KEYS.includes(by)) throw usageError(`--by ${by} is not known: it must be ${BILL_KEYS.join(', ')}.`);
    const hub = session.connect();
    const [trainings, servings] = await Promise.all([
      hub.list<ModelTraining>(TRAININGS),
      hub.list<ModelServing>(SERVINGS),
    ]);
    const report = billReport(accountsOf(trainings, servings, [], session.io.now()), by);
    await print(session, report, (paint) => billText(report, paint));
  },
};

export interface BillRow extends Sums {
  readonly key: string;
  readonly workloads: number;
  readonly currency: string;
  readonly isEstimate: boolean;
}

export interface BillReport {
  readonly by: BillKey;
  readonly rows: readonly BillRow[];
  /** One a currency: money of different currencies is not added. */
  readonly totals: readonly BillRow[];
  /** Use of what runs is booked at least up to then. */
  readonly bookedUntil?: string;
}

export function billReport(accounts: readonly Account[], by: BillKey): BillReport {
  const booked = accounts.filter(({ usage }) => usage !== undefined);
  const inCurrency = (group: readonly Account[], key: string): BillRow[] =>
    groupBy(group, ({ usage }) => usage?.currency ?? '').map(([currency, same]) => rowOf(key, currency, same));
  const running = booked.flatMap(({ held, usage }) => (held.length > 0 && usage !== undefined ? [usage.until] : []));
  const [bookedUntil] = running.sort();
  return {
    by,
    rows: groupBy(booked, KEYS[by]).flatMap(([key, group]) => inCurrency(group, key)),
    totals: inCurrency(booked, 'total'),
    ...(bookedUntil === undefined ? {} : { bookedUntil }),
  };
}

function rowOf(key: string, currency: string, accounts: readonly Account[]): BillRow {
  const none: Sums = { gpuSeconds: 0, facilityJoules: 0, costMicros: 0, carbonGrams: 0 };
  const sums = accounts.flatMap(({ usage }) => usage ?? []).reduce<Sums>(add, none);
  return { key, workloads: accounts.length, ...sums, currency, isEstimate: accounts.some((one) => one.isEstimate) };
}

export function billText({ by, rows, totals, bookedUntil }: BillReport, paint: Paint): string {
  if (rows.length === 0) return 'Nothing has been used here yet (-A looks in all namespaces).';
  const line = (row: BillRow): string[] => [
    row.key,
    String(row.workloads),
    units.gpuHours(row.gpuSeconds),
    units.marked(units.kWh(row.facilityJoules), row.isEstimate),
    units.marked(units.money(row.costMicros, row.currency), row.isEstimate),
    units.marked(units.kilograms(row.carbonGrams), row.isEstimate),
  ];
  const header = [by.toUpperCase(), 'WORKLOADS', 'GPU-HOURS', 'KWH', 'COST', 'CO2'];
  const notes = [
    ...(rows.some(({ isEstimate }) => isEstimate) ? [units.ESTIMATE_NOTE] : []),
    'Only workloads that there are; a deleted one is not in it.',
    ...(bookedUntil === undefined ? [] : [`What runs is booked at least up to ${bookedUntil}.`]),
  ];
  const lines = [...rows.map(line), ...totals.map(line)];
  return `${table(header, lines, paint)}\n\n${notes.map((note) => paint('faint', note)).join('\n')}`;
}
