/**
 * How well nodes are chosen: `npm run bench:placement [-- --json] [--list NAME] [--seeds 42,43] [--nodes FILE]
 * [--pods FILE] [--streams FILE]`.
 *
 * The experiment of FGD (Weng et al., Beware of Fragmentation, USENIX ATC 2023): pods arrive one by one until they
 * have asked for 130 % of all GPUs; what fits somewhere is placed at once, what does not is dropped, nothing ends.
 * Our scoring, which learns the mix of demand as it arrives, beside FGD and BestFit as their authors' simulator has
 * them. Figures are means over the seeds: GPUs in use at a load of 100 and 130 %, fragmented GPUs at 130 % (both in %
 * of all GPUs), power at 80 % (kW), and the seconds that one seed takes. Lists are read from $AIDC_DATA/openb
 * (../shared/data beside the repository), or named by file; without streams, the arrivals are shuffled by seed.
 */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { BadList, modelsOf, readNodes, readPods, readStreams, type Stream } from './placement/lists.ts';
import { at, POLICIES, type Policy, replay, type Workbench, workbench } from './placement/replay.ts';
import { ownStream } from './placement/stream.ts';

const DATA = join(process.env.AIDC_DATA ?? join(import.meta.dirname, '..', '..', '..', 'shared', 'data'), 'openb');
const NODES = 'openb_node_list_gpu_node.csv';
const POD_LIST = /^openb_pod_list_(.+)\.csv$/;
const SEEDS = [42, 43, 44, 45, 46, 47, 48, 49, 50, 51];

interface Files {
  readonly list: string;
  readonly nodes: string;
  readonly pods: string;
  readonly streams: string | undefined;
}

interface Figures {
  readonly alloc100: number;
  readonly alloc130: number;
  readonly frag130: number;
  readonly kw80: number;
  readonly seconds: number;
}

const { values: asked } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    list: { type: 'string' },
    seeds: { type: 'string' },
    nodes: { type: 'string' },
    pods: { type: 'string' },
    streams: { type: 'string' },
  },
});

/** The lists to run: the one named by files, or those of the data. */
function filesOf({ list, nodes, pods, streams }: typeof asked): Files[] {
  if (pods !== undefined) {
    const name = POD_LIST.exec(basename(pods))?.[1] ?? basename(pods, '.csv');
    return [{ list: list ?? name, nodes: nodes ?? join(DATA, NODES), pods, streams }];
  }
  if (nodes !== undefined || streams !== undefined) throw new BadList('--nodes and --streams go with --pods FILE');
  if (!existsSync(join(DATA, NODES))) {
    throw new BadList(`There are no lists in ${DATA}; set AIDC_DATA, or name lists by --nodes and --pods`);
  }
  const known = readdirSync(DATA).flatMap((file) => POD_LIST.exec(file)?.[1] ?? []);
  if (list !== undefined && !known.includes(list)) {
    throw new BadList(`There is no list ${list} in ${DATA}; there are ${known.sort().join(', ')}`);
  }
  return known
    .filter((name) => list === undefined || name === list)
    .sort((a, b) => Number(b === 'default') - Number(a === 'default') || (a < b ? -1 : 1))
    .map((name) => {
      const stream = join(DATA, `streams_${name}.json`);
      const file = join(DATA, `openb_pod_list_${name}.csv`);
      return { list: name, nodes: join(DATA, NODES), pods: file, streams: existsSync(stream) ? stream : undefined };
    });
}

function seedsOf(text: string | undefined): number[] | undefined {
  const seeds = text?.split(',').map(Number);
  if (seeds?.every((seed) => Number.isSafeInteger(seed) && seed >= 0) === false) {
    throw new BadList(`--seeds must be whole numbers with commas between them, not '${text}'`);
  }
  return seeds;
}

function streamsOf(files: Files, bench: Workbench, seeds: readonly number[] | undefined): Stream[] {
  const { nodes, pods } = bench;
  if (files.streams === undefined) {
    const capacity = 1000 * nodes.reduce((sum, { gpus }) => sum + gpus, 0);
    return (seeds ?? SEEDS).map((seed) => ownStream(seed, pods, nodes.length, capacity));
  }
  const streams = readStreams(files.streams, pods.length, nodes.length);
  if (seeds === undefined) return streams;
  return seeds.map((seed) => {
    const stream = streams.find((one) => one.seed === seed);
    if (stream === undefined) throw new BadList(`${files.streams} holds no stream of seed ${seed}`);
    return stream;
  });
}

function measure(bench: Workbench, streams: readonly Stream[], policy: Policy): Figures {
  const started = performance.now();
  const runs = streams.map((stream) => {
    const samples = replay(bench, stream, policy);
    return [at(samples, 100, 'alloc'), at(samples, 130, 'alloc'), at(samples, 130, 'frag'), at(samples, 80, 'kw')];
  });
  const seconds = (performance.now() - started) / 1000 / streams.length;
  const mean = (figure: number): number => runs.reduce((sum, run) => sum + (run[figure] ?? 0), 0) / runs.length;
  const round = (value: number, digits: number): number => Number(value.toFixed(digits));
  return {
    alloc100: round(mean(0), 3),
    alloc130: round(mean(1), 3),
    frag130: round(mean(2), 3),
    kw80: round(mean(3), 1),
    seconds: round(seconds, 2),
  };
}

/** Figures by list and policy; `report` hears of each as soon as it is known. */
function run(report: (list: string, policy: string, figures: Figures) => void): void {
  const seeds = seedsOf(asked.seeds);
  for (const files of filesOf(asked)) {
    const nodes = readNodes(files.nodes);
    const bench = workbench(nodes, readPods(files.pods, modelsOf(nodes)));
    const streams = streamsOf(files, bench, seeds);
    for (const [name, policy] of Object.entries(POLICIES)) report(files.list, name, measure(bench, streams, policy));
  }
}

const COLUMNS = ['alloc100', 'alloc130', 'frag130', 'kw80', 'seconds'] as const;

function row(cells: readonly string[]): string {
  const [list = '', policy = '', ...figures] = cells;
  return `${list.padEnd(14)}${policy.padEnd(9)}${figures.map((figure) => figure.padStart(10)).join('')}`;
}

try {
  const all: Record<string, Record<string, Figures>> = {};
  run((list, policy, figures) => {
    if (!asked.json && Object.keys(all).length === 0) console.log(row(['list', 'policy', ...COLUMNS]));
    all[list] = { ...all[list], [policy]: figures };
    const digits = { alloc100: 2, alloc130: 2, frag130: 2, kw80: 0, seconds: 2 };
    if (!asked.json) console.log(row([list, policy, ...COLUMNS.map((name) => figures[name].toFixed(digits[name]))]));
  });
  if (asked.json) console.log(JSON.stringify(all));
} catch (error) {
  if (!(error instanceof BadList)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
