/** The figures that were published for the baselines, and whether a replay gives them. */
import { join } from 'node:path';
import type { Figures, PolicyName, Report } from './report.ts';
import { readTable } from './trace.ts';

/** The data is not part of the repository. */
export const dataFolder = (): string =>
  join(process.env.AIDC_DATA ?? join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'data'), 'queueing');

interface PublishedFigure {
  readonly trace: string;
  readonly policy: PolicyName;
  readonly metric: keyof Figures;
  /** Seconds. */
  readonly value: number;
}

const METRICS: Readonly<Record<string, keyof Figures>> = {
  avg_jct_s: 'avgJct',
  makespan_s: 'makespan',
  p99_jct_s: 'p99Jct',
};
const NAMES: Readonly<Record<string, PolicyName>> = { SRTF: 'SRTF', SRSF: 'SRSF', 'Tiresias-L': 'Tiresias' };
/** Published to three or four decimals. */
const TOLERANCE = 0.0015;

export function readPublished(data: string): PublishedFigure[] {
  const { columns, rows } = readTable(join(data, 'muri', 'published_numbers.csv'));
  return rows.flatMap((row) => {
    const metric = METRICS[row.text('metric')];
    const policy = NAMES[row.text('policy')];
    if (metric === undefined || policy === undefined) return [];
    return columns.slice(2).map((trace) => ({ trace, policy, metric, value: row.number(trace, 0) }));
  });
}

/** A sentence for each figure that is not as published, of the traces that were replayed. */
export function deviationsFrom(published: readonly PublishedFigure[], reports: ReadonlyMap<string, Report>): string[] {
  return published.flatMap(({ trace, policy, metric, value }) => {
    const got = reports.get(trace)?.[policy][metric];
    if (got === undefined || Math.abs(got - value) <= TOLERANCE) return [];
    return [`${trace}: ${metric} of ${policy} is ${got} s; published is ${value} s`];
  });
}
