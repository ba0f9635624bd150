import type {
  ComputeQuote,
  Condition,
  ConditionType,
  Dataset,
  ModelServing,
  ModelTraining,
  Usage,
} from '../../../src/api/index.ts';
import { co2Text, costText, kWhText } from '../../../src/energy/index.ts';
import type { KubeObject } from '../../../src/kube/resource.ts';
import type { Expectation } from './samples.ts';

/** One line of the table: what became of a sample. */
export interface Row {
  readonly name: string;
  readonly kind: string;
  readonly phase: string;
  readonly region: string;
  readonly nodes: string;
  readonly gpus: string;
  readonly wait: string;
  readonly kWh: string;
  readonly cost: string;
  readonly co2: string;
  /** Why this region, or why none. */
  readonly reason: string;
  readonly met: boolean;
}

const find = (conditions: readonly Condition[] | undefined, type: ConditionType): Condition | undefined =>
  conditions?.find((condition) => condition.type === type);

export function rowOf(object: KubeObject, expect: Expectation): Row {
  const name = `${object.metadata.namespace}/${object.metadata.name}`;
  switch (object.kind) {
    case 'ModelTraining':
      return trainingRow(name, object as ModelTraining & KubeObject, expect);
    case 'ModelServing':
      return servingRow(name, object as ModelServing & KubeObject, expect);
    case 'ComputeQuote':
      return quoteRow(name, object as ComputeQuote & KubeObject);
    default:
      return datasetRow(name, object as Dataset & KubeObject);
  }
}

function used(usage: Usage | undefined): Pick<Row, 'kWh' | 'cost' | 'co2'> {
  if (usage === undefined) return { kWh: '-', cost: '-', co2: '-' };
  return {
    kWh: kWhText(usage),
    cost: costText(usage),
    co2: co2Text(usage),
  };
}

const seconds = (from: string | undefined, to: string | undefined): string =>
  from === undefined || to === undefined
    ? '-'
    : `${Math.max(0, Math.round((Date.parse(to) - Date.parse(from)) / 1000))} s`;

function trainingRow(name: string, training: ModelTraining, expect: Expectation): Row {
  const { status, metadata } = training;
  const phase = status?.phase ?? 'Pending';
  const waiting = find(status?.conditions, 'Admitted');
  const placed = status?.placement;
  return {
    name,
    kind: 'training',
    phase,
    region: placed?.region ?? '-',
    nodes: placed === undefined ? '-' : String(placed.nodeCount),
    gpus: placed === undefined ? '-' : `${placed.gpus} ${placed.accelerator}`,
    wait: seconds(metadata.creationTimestamp, placed?.decidedAt),
    ...used(status?.usage),
    reason: placed?.decision?.reason ?? waiting?.message ?? '',
    met: expect === 'Unmet' ? unmet(waiting) : phase === 'Succeeded',
  };
}

/** A demand that cannot be met must say so, with the reason from the closed set and the number that is short. */
const unmet = (waiting: Condition | undefined): boolean =>
  waiting?.status === 'False' && waiting.reason === 'ExceedsEveryRegion' && /\bshort\b/.test(waiting.message);

function servingRow(name: string, serving: ModelServing, _expect: Expectation): Row {
  const { status, metadata, spec } = serving;
  const ready = find(status?.conditions, 'Ready');
  const placed = status?.placement;
  return {
    name,
    kind: 'serving',
    phase: `${status?.phase ?? 'Pending'} ${status?.readyReplicas ?? 0}/${spec.replicas}`,
    region: placed?.region ?? '-',
    nodes: placed === undefined ? '-' : String(placed.nodeCount),
    gpus: placed === undefined ? '-' : `${placed.gpus} ${placed.accelerator}`,
    wait: seconds(metadata.creationTimestamp, status?.startTime),
    ...used(status?.usage),
    reason: placed?.decision?.reason ?? find(status?.conditions, 'Admitted')?.message ?? '',
    met: ready?.status === 'True',
  };
}

function quoteRow(name: string, quote: ComputeQuote): Row {
  const answered = find(quote.status?.conditions, 'Answered');
  const best = quote.status?.offers?.[0];
  return {
    name,
    kind: 'quote',
    phase: answered?.reason ?? 'Pending',
    region: best?.region ?? '-',
    nodes: best === undefined ? '-' : String(best.nodes),
    gpus: best === undefined ? '-' : `${best.gpus} ${best.accelerator}`,
    wait: seconds(quote.metadata.creationTimestamp, quote.status?.answeredAt),
    kWh: best === undefined ? '-' : `~${(best.wattHours / 1000).toFixed(0)}`,
    cost: best === undefined ? '-' : `${(best.costMicros / 1_000_000).toFixed(0)} ${best.currency}`,
    co2: best === undefined ? '-' : `${(best.carbonGrams / 1000).toFixed(0)} kg`,
    reason: answered?.message ?? '',
    met: answered?.status === 'True',
  };
}

function datasetRow(name: string, dataset: Dataset): Row {
  const ready = find(dataset.status?.conditions, 'Ready');
  return {
    name,
    kind: 'dataset',
    phase: ready?.status === 'True' ? 'Ready' : (ready?.reason ?? 'Pending'),
    region: (dataset.status?.usableRegions ?? []).join(',') || '-',
    nodes: '-',
    gpus: '-',
    wait: '-',
    ...used(undefined),
    reason: ready?.message ?? '',
    met: ready?.status === 'True',
  };
}

const COLUMNS: readonly (readonly [title: string, field: keyof Row])[] = [
  ['SAMPLE', 'name'],
  ['KIND', 'kind'],
  ['PHASE', 'phase'],
  ['REGION', 'region'],
  ['NODES', 'nodes'],
  ['GPUS', 'gpus'],
  ['WAIT', 'wait'],
  ['KWH', 'kWh'],
  ['COST', 'cost'],
  ['CO2', 'co2'],
];

/** The table, with the reason on a line of its own below each row so that it can be read whole. */
export function table(rows: readonly Row[], options: { reasons: boolean; width?: number }): string {
  const widths = COLUMNS.map(([title, field]) =>
    Math.max(title.length, ...rows.map((row) => String(row[field]).length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  const out = [line(COLUMNS.map(([title]) => title))];
  for (const row of rows) {
    out.push(line(COLUMNS.map(([, field]) => String(row[field]))));
    if (options.reasons && row.reason !== '') out.push(`    why: ${row.reason}`);
  }
  const { width } = options;
  return (
    width === undefined ? out : out.map((text) => (text.length > width ? `${text.slice(0, width - 1)}…` : text))
  ).join('\n');
}
