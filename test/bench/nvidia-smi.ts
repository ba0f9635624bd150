/**
 * What a sample costs the node agent: time of one parse, and what many parses leave behind.
 *
 *   npm run bench:nvidia-smi -- [--json] [--runs 10000] [--file FILE]
 *
 * Without --file it parses the output of eight B200 below AIDC_DATA (default ../shared/data).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type NvidiaSmiDocument, parseNvidiaSmi } from '../../src/nvidia-smi/index.ts';

const root = join(import.meta.dirname, '..', '..');
const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    runs: { type: 'string', default: '10000' },
    file: {
      type: 'string',
      default: join(
        process.env.AIDC_DATA ?? join(root, '..', 'shared', 'data'),
        'nvidia-smi',
        'nvidia-hw__qx-b200.xml',
      ),
    },
  },
});
/** The agent keeps late samples: these show whether a result holds on to the document it was read from. */
const KEPT = 100;
const WARM_UP_RUNS = 300;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heapBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

function measure(input: Uint8Array, runs: number) {
  const kept: NvidiaSmiDocument[] = [];
  const times = new Float64Array(runs);
  const once = (run: number): number => {
    const start = performance.now();
    kept[run % KEPT] = parseNvidiaSmi(input);
    return performance.now() - start;
  };
  const firstMs = once(0);
  for (let run = 0; run < WARM_UP_RUNS; run += 1) once(run);
  const heapBefore = heapBytes();
  const cpuBefore = process.cpuUsage();
  for (let run = 0; run < runs; run += 1) times[run] = once(run);
  const cpu = process.cpuUsage(cpuBefore);
  const heapAfter = heapBytes();
  times.sort();
  const at = (share: number): number => times[Math.min(runs - 1, Math.floor(runs * share))] ?? 0;
  return {
    file: values.file,
    bytes: input.length,
    gpus: kept[0]?.gpus.length,
    runs,
    firstMs: round(firstMs),
    msMin: round(at(0)),
    msP50: round(at(0.5)),
    msP99: round(at(0.99)),
    msMax: round(at(1)),
    // All threads, the garbage collector's too; less disturbed by what else the machine does.
    cpuMsPerParse: round((cpu.user + cpu.system) / 1000 / runs),
    heapGrowthKiB: Math.round((heapAfter - heapBefore) / 1024),
    heapMiB: round(heapAfter / 1_048_576),
    rssMiB: round(process.memoryUsage().rss / 1_048_576),
  };
}

const round = (value: number): number => Number(value.toFixed(2));

const result = measure(readFileSync(values.file), Number(values.runs));
if (values.json) console.log(JSON.stringify(result, null, 2));
else console.table(result);
