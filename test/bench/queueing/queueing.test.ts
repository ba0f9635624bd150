import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { dataFolder, deviationsFrom, readPublished } from './published.ts';
import { figuresOf, POLICIES, report } from './report.ts';
import { readOverheads, readTrace } from './trace.ts';

const data = dataFolder();
const why = existsSync(data) ? '' : ` (skipped: there is no ${data}; set AIDC_DATA)`;

describe.skipIf(why !== '')(`the replay of trace3${why}`, () => {
  const overheads = why === '' ? readOverheads(join(data, 'muri', 'start_overhead_seconds.csv')) : new Map();
  const load = () => readTrace(join(data, 'muri', 'trace3.csv'), overheads);

  it('gives the published figures, and reaches what ours aims at', () => {
    const result = report(load());
    expect(deviationsFrom(readPublished(data), new Map([['trace3', result]]))).toEqual([]);
    expect(result.SRTF.avgJct).toBeCloseTo(193_081.796, 2);
    expect(result.ours.avgJct / result.SRTF.avgJct).toBeLessThanOrEqual(1.45);
    expect(result.oursProgress.avgJct / result.SRTF.avgJct).toBeLessThanOrEqual(1);
  });

  it('is deterministic', () => {
    const trace = load();
    expect(figuresOf(trace, 'ours')).toEqual(figuresOf(trace, 'ours'));
  });
});

const folder = mkdtempSync(join(tmpdir(), 'traces-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(...lines: string[]): string {
  const path = join(folder, 'trace.csv');
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

const HEADER = 'job_id,num_gpu,submit_time,iterations,model_name,iteration_time';

describe('readTrace', () => {
  const refused = (path: string) => expect(() => readTrace(path, new Map()));

  it('says where a file is bad and why', () => {
    refused(file('a,b', '1,2')).toThrow(/trace\.csv:1: as a Muri trace it lacks job_id, num_gpu/);
    refused(file(HEADER)).toThrow('has no jobs');
    refused(file('')).toThrow('is empty');
    refused(file(HEADER, '0,1,0,10,bert,100', '1,1,0,10')).toThrow(/trace\.csv:3: 4 cells where the header has 6/);
    refused(file(HEADER, '0,x,0,10,bert,100')).toThrow(/:2: num_gpu is 'x', not a number/);
    refused(file(HEADER, '0,65,0,10,bert,100')).toThrow(/:2: num_gpu is 65, more than the 64 of its cluster/);
    refused(file(HEADER, '0,1.5,0,10,bert,100')).toThrow('not a whole number');
    refused(file(HEADER, '0,1,-1,10,bert,100')).toThrow('below 0');
    refused(file(HEADER, '0,1,,10,bert,100')).toThrow('submit_time is empty');
    refused(join(folder, 'none.csv')).toThrow('none.csv');
  });

  it('reads two jobs, in the order of submission; all policies agree where nothing is contended', () => {
    const trace = readTrace(file(HEADER, '0,1,5000,10,bert,1000', '1,2,0,10,bert,1000'), new Map([['1,bert', 0]]));
    expect(trace.jobs.map(({ id }) => id)).toEqual(['1', '0']);
    const result = report(trace);
    for (const policy of POLICIES) expect(result[policy].preemptionsPerJob).toBe(0);
    expect(result.ours).toEqual(result.SRTF);
  });
});
