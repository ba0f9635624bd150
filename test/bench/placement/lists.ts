/** Readers of the openb lists (Alibaba cluster-trace-gpu-v2023) and of arrival streams, with an error that names the line. */
import { readFileSync } from 'node:fs';
import type { PodClass } from '../../../src/core/node-value/pod-class.ts';

export class BadList extends Error {}

export interface Node {
  readonly name: string;
  readonly cpuMilli: number;
  readonly memoryMib: number;
  readonly gpus: number;
  readonly model: string;
}

export interface Pod {
  readonly name: string;
  readonly memoryMib: number;
  /** The same object for equal pods of a list. */
  readonly podClass: PodClass;
  /** Models that it accepts, as written; '': any. */
  readonly gpuSpec: string;
}

export interface Stream {
  readonly seed: number;
  /** Arrivals: indexes into the pods sorted by name. */
  readonly order: readonly number[];
  /** Rank, among equal scores, of each node in the order of names. */
  readonly nodeRank: readonly number[];
}

/** Sorted by name. Nodes without GPUs take no part in the experiment. */
export function readNodes(file: string): Node[] {
  const nodes = readTable(file, ['sn', 'cpu_milli', 'memory_mib', 'gpu', 'model'], (cell, count) => ({
    name: cell('sn'),
    cpuMilli: count('cpu_milli'),
    memoryMib: count('memory_mib'),
    gpus: count('gpu'),
    model: cell('model'),
  })).filter(({ gpus }) => gpus > 0);
  if (nodes.length === 0) throw new BadList(`${file} holds no node with a GPU`);
  return sortedByName(file, nodes);
}

/** Models of the nodes, in the order of their names: their places are the indexes of the scoring. */
export const modelsOf = (nodes: readonly Node[]): string[] => [...new Set(nodes.map(({ model }) => model))].sort();

/** Sorted by name. */
export function readPods(file: string, models: readonly string[]): Pod[] {
  const classes = new Map<string, PodClass>();
  const pods = readTable(file, ['name', 'cpu_milli', 'memory_mib', 'num_gpu', 'gpu_milli'], (cell, count) => {
    const gpus = count('num_gpu');
    const gpuMilli = gpus === 0 ? 0 : Math.min(1000, count('gpu_milli'));
    const gpuSpec = gpus === 0 ? '' : cell('gpu_spec');
    const podClass: PodClass = { cpuMilli: count('cpu_milli'), gpus: gpuMilli === 0 ? 0 : gpus, gpuMilli };
    const key = `${podClass.cpuMilli}/${podClass.gpus}/${gpuMilli}/${gpuSpec}`;
    const known = classes.get(key) ?? (gpuSpec === '' ? podClass : { ...podClass, models: accepted(gpuSpec, models) });
    classes.set(key, known);
    return { name: cell('name'), memoryMib: count('memory_mib'), podClass: known, gpuSpec };
  });
  if (pods.length === 0) throw new BadList(`${file} holds no pod`);
  return sortedByName(file, pods);
}

/** Streams in the format of `streams_default.json`, checked against the lists they point into. */
export function readStreams(file: string, pods: number, nodes: number): Stream[] {
  let document: unknown;
  try {
    document = JSON.parse(text(file));
  } catch (error) {
    if (error instanceof BadList) throw error;
    throw new BadList(`${file} is not JSON: ${(error as Error).message}`);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new BadList(`${file} must hold an object of streams by seed`);
  }
  const streams = Object.entries(document).map(([seed, stream]): Stream => {
    const { order, nodePerm } = (stream ?? {}) as { order?: unknown; nodePerm?: unknown };
    const what = `${file}, seed ${seed}`;
    if (!/^\d+$/.test(seed)) throw new BadList(`${what}: the seed must be a whole number`);
    if (!isIndexes(order, pods)) throw new BadList(`${what}: order must hold indexes of the ${pods} pods`);
    if (!isIndexes(nodePerm, nodes) || new Set(nodePerm).size !== nodes || nodePerm.length !== nodes) {
      throw new BadList(`${what}: nodePerm must hold each rank of the ${nodes} nodes with GPUs once`);
    }
    return { seed: Number(seed), order, nodeRank: nodePerm };
  });
  if (streams.length === 0) throw new BadList(`${file} holds no stream`);
  return streams;
}

const accepted = (gpuSpec: string, models: readonly string[]): number[] =>
  [...new Set(gpuSpec.split('|').map((model) => models.indexOf(model)))].filter((i) => i >= 0).sort((a, b) => a - b);

const isIndexes = (value: unknown, below: number): value is number[] =>
  Array.isArray(value) && value.every((index) => Number.isInteger(index) && index >= 0 && index < below);

function text(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new BadList(`${file} cannot be read: ${(error as Error).message}`);
  }
}

type Cell = (column: string) => string;
type Count = (column: string) => number;

/** Rows of a comma-separated file with a head; cells hold no commas. A column that is not required may be absent. */
function readTable<T>(file: string, required: readonly string[], make: (cell: Cell, count: Count) => T): T[] {
  const [head = '', ...lines] = text(file)
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/);
  const columns = head.split(',').map((name) => name.trim());
  for (const name of required) {
    if (!columns.includes(name)) throw new BadList(`${file}, line 1: there is no column ${name}`);
  }
  const rows: T[] = [];
  lines.forEach((line, i) => {
    if (line.trim() === '') return;
    const cells = line.split(',');
    if (cells.length !== columns.length) {
      throw new BadList(`${file}, line ${i + 2}: ${cells.length} cells, but ${columns.length} columns`);
    }
    const cell = (column: string): string => (cells[columns.indexOf(column)] ?? '').trim();
    const count = (column: string): number => {
      const written = cell(column);
      if (/^\d+$/.test(written)) return Number(written);
      throw new BadList(`${file}, line ${i + 2}: ${column} must be a whole number, not '${written}'`);
    };
    rows.push(make(cell, count));
  });
  return rows;
}

function sortedByName<T extends { readonly name: string }>(file: string, rows: readonly T[]): T[] {
  const sorted = [...rows].sort((a, b) => (a.name < b.name ? -1 : 1));
  sorted.forEach(({ name }, i) => {
    if (name === '') throw new BadList(`${file}: a name is empty`);
    if (i > 0 && sorted[i - 1]?.name === name) throw new BadList(`${file}: the name ${name} is there twice`);
  });
  return sorted;
}
