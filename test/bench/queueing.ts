/**
 * `npm run bench:queueing [-- --json] [--trace FILE]...`: how long jobs wait and run under our ordering and under those
 * of others, replayed on one engine. Without --trace on the traces of AIDC_DATA, where SRTF, SRSF and Tiresias must
 * give the figures that were published for them (Muri, SIGCOMM'22), or it exits with 1.
 *
 * `ours` is blind: it sees the GPUs asked for, the order and time of submission and the service attained. To
 * `oursProgress` running jobs report step k of N as well. SRTF and SRSF know every duration.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { dataFolder, deviationsFrom, readPublished } from './queueing/published.ts';
import type { Report } from './queueing/report.ts';
import { POLICIES, report } from './queueing/report.ts';
import { readOverheads, readTrace } from './queueing/trace.ts';

const STANDARD = ['muri/trace3.csv', 'muri/trace4.csv', 'helios/helios_venus_2vc_sept.csv'];

function main(): void {
  const { values } = parseArgs({
    options: { json: { type: 'boolean', default: false }, trace: { type: 'string', multiple: true } },
  });
  const data = dataFolder();
  if (!existsSync(data)) {
    throw new Error(`there is no ${data}: set AIDC_DATA to the folder that holds queueing/muri and queueing/helios`);
  }
  const overheads = readOverheads(join(data, 'muri', 'start_overhead_seconds.csv'));
  const files = values.trace ?? STANDARD.map((file) => join(data, file));
  const traces = files.map((file) => readTrace(file, overheads));
  const reports = new Map<string, Report>();
  for (const trace of traces) {
    const result = report(trace);
    reports.set(trace.name, result);
    if (!values.json) print(trace.name, result);
  }
  if (values.json) console.log(JSON.stringify(Object.fromEntries(reports), null, 2));
  const deviations = values.trace === undefined ? deviationsFrom(readPublished(data), reports) : [];
  for (const deviation of deviations) console.error(deviation);
  if (deviations.length > 0) process.exitCode = 1;
  else if (values.trace === undefined && !values.json) console.log('SRTF, SRSF and Tiresias are as published.');
}

function print(name: string, result: Report): void {
  console.log(name);
  const srtf = result.SRTF.avgJct;
  const rows = POLICIES.map((policy) => {
    const { avgJct, p99Jct, makespan, preemptionsPerJob } = result[policy];
    return [policy, { avgJct, p99Jct, makespan, preemptionsPerJob, toSRTF: Number((avgJct / srtf).toFixed(3)) }];
  });
  console.table(Object.fromEntries(rows));
}

try {
  main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
