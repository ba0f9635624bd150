/**
 * What the default power cap saves and costs: `npm run bench:powercap [-- --json] [--frontier FILE]...`.
 *
 * A frontier file holds the time and power of workloads under each limit of one board, as measured. Each workload gets
 * the cap that the rule of src/core/power gives it, from what would be known of it in operation: its power while
 * nothing holds it back, and never its time or energy under a cap. `default` is the rule where nothing was measured of
 * the board; `learned` has its share from the frontiers of the other models of the same file (leave one model out).
 * Between the limits that were measured, time and energy are on a straight line. Figures are means over the models, each
 * the mean over its workloads; `byWorkload` counts each workload once. The minutes without a cap in which the draw is
 * measured are not counted.
 *
 * Without --frontier, the files zeus-power-*.csv of $AIDC_DATA/energy (../shared/data beside the repository) are read,
 * and it exits with 1 where the default rule saves less than 10 %, or slows down by more than 5 %, on V100, RTX 6000 or
 * A40.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { BadFrontier } from '../../src/core/power/frontier.ts';
import { type BoardReport, reportOf } from './powercap/report.ts';

const DATA = join(process.env.AIDC_DATA ?? join(import.meta.dirname, '..', '..', '..', 'shared', 'data'), 'energy');
const FILE = /^zeus-power-(.+)\.csv$/;
const DUE = ['v100', 'rtx6000', 'a40'];
const LEAST_SAVED = 0.1;
const MOST_SLOWDOWN = 0.05;

function files(named: readonly string[] | undefined): string[] {
  if (named !== undefined) return [...named];
  if (!existsSync(DATA)) throw new BadFrontier(`there is no ${DATA}: set AIDC_DATA, or name files by --frontier`);
  return readdirSync(DATA)
    .filter((name) => FILE.test(name))
    .sort()
    .map((name) => join(DATA, name));
}

const percent = (share: number): string => (100 * share).toFixed(1);

function print(board: string, report: BoardReport): void {
  console.log(
    `${board}: default limit ${report.defaultWatts} W, ${report.workloads} workloads of ${report.models} models`,
  );
  const rows = (['default', 'learned'] as const).map((name) => {
    const { sharePermille, meanCapWatts, saved, slowdown, byWorkload } = report[name];
    return [
      name,
      {
        'share of draw': sharePermille.map((share) => (share / 1000).toFixed(3)).join(' to '),
        'mean cap W': Math.round(meanCapWatts),
        'saved %': percent(saved),
        'slower %': percent(slowdown),
        'saved % by workload': percent(byWorkload.saved),
        'slower % by workload': percent(byWorkload.slowdown),
      },
    ];
  });
  console.table(Object.fromEntries(rows));
  for (const [model, { meanCapWatts, saved, slowdown }] of Object.entries(report.default.byModel)) {
    const cap = `${Math.round(meanCapWatts)} W`.padStart(6);
    console.log(`  ${model.padEnd(32)} cap ${cap}  saved ${percent(saved)} %  slower ${percent(slowdown)} %`);
  }
}

try {
  const { values } = parseArgs({
    options: { json: { type: 'boolean', default: false }, frontier: { type: 'string', multiple: true } },
  });
  const all: Record<string, BoardReport> = {};
  for (const file of files(values.frontier)) {
    const board = FILE.exec(basename(file))?.[1] ?? basename(file, '.csv');
    all[board] = reportOf(readFileSync(file, 'utf8'));
    if (!values.json) print(board, all[board]);
  }
  if (values.json) console.log(JSON.stringify(all, null, 2));
  const due = values.frontier === undefined ? DUE : [];
  for (const board of due) {
    const { saved = 0, slowdown = 1 } = all[board]?.default ?? {};
    if (saved >= LEAST_SAVED && slowdown <= MOST_SLOWDOWN) continue;
    console.error(`${board}: ${percent(saved)} % saved at ${percent(slowdown)} % slowdown; 10 % at 5 % are due.`);
    process.exitCode = 1;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
