import { type Account, add, groupBy, readAccounts, type Sums } from './accounts.ts';
import { usageError } from './errors.ts';
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
  details: `--by is one of ${BILL_KEYS.join(', ')} (default tenant). The sums are those of status.usage, and
for what holds nodes its use since that was last booked, but for energy that agents
measure, which is in the next booking. A deleted object is in no sum.`,
  flags: [...CONNECTION_FLAGS, 'namespace', 'all-namespaces', 'by', ...DISPLAY_FLAGS],
  run: async (session) => {
    const by = (session.flags.by ?? 'tenant') as BillKey;
    if (!BILL_KEYS.includes(by)) throw usageError(`--by ${by} is not known: it must be ${BILL_KEYS.join(', ')}.`);
    const { accounts } = await readAccounts(session);
    const report = billReport(accounts, by);
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
}

export function billReport(accounts: readonly Account[], by: BillKey): BillReport {
  const used = accounts.filter(({ currency }) => currency !== undefined);
  const inCurrency = (group: readonly Account[], key: string): BillRow[] =>
    groupBy(group.flatMap(byCurrency), ({ currency = '' }) => currency).map(([currency, same]) =>
      rowOf(key, currency, same),
    );
  return {
    by,
    rows: groupBy(used, KEYS[by]).flatMap(([key, group]) => inCurrency(group, key)),
    totals: inCurrency(used, 'total'),
  };
}

const NOTHING: Sums = { gpuSeconds: 0, facilityJoules: 0, costMicros: 0, carbonGrams: 0 };

/** What it spent in other currencies than its own stands for itself. */
const byCurrency = (account: Account): Account[] => [
  account,
  ...Object.entries(account.otherCosts).map(([currency, micros]) => ({
    ...account,
    ...{ currency, otherCosts: {}, live: { ...NOTHING, costMicros: Math.round(micros) } },
  })),
];

function rowOf(key: string, currency: string, accounts: readonly Account[]): BillRow {
  const sums = accounts.map(({ live }) => live).reduce(add, NOTHING);
  return { key, workloads: accounts.length, ...sums, currency, isEstimate: accounts.some((one) => one.isEstimate) };
}

export function billText({ by, rows, totals }: BillReport, paint: Paint): string {
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
    'Only workloads that there are: a deleted one is not in it.',
  ];
  const lines = [...rows.map(line), ...totals.map(line)];
  return `${table(header, lines, paint)}\n\n${notes.map((note) => paint('faint', note)).join('\n')}`;
}
