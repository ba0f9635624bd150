/** Readers of traces. A bad file is refused with its name, its line and what is wrong there. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Job } from './job.ts';

/** Nodes of 8 GPUs in each pool that jobs name. */
export interface Trace {
  readonly name: string;
  readonly nodes: ReadonlyMap<string, number>;
  /** In order of submission. */
  readonly jobs: readonly Job[];
}

export const GPUS_PER_NODE = 8;
/** The cluster of the Muri figures (n8g8) and the seconds lost at an event where the table names no model. */
const MURI_NODES = 8;
const MURI_OVERHEAD = 10;
/** Iterations take so much longer than profiled; a factor of the published engine. */
const MURI_SLOWDOWN = 1.015;
const MICROSECONDS = 1e6;
const MURI_COLUMNS = ['job_id', 'num_gpu', 'submit_time', 'iterations', 'model_name', 'iteration_time'];
const HELIOS_COLUMNS = ['job_id', 'user', 'tenant', 'submit_time', 'num_chips', 'duration_s'];

/** One line of a CSV file, by column. */
class Row {
  readonly #where: string;
  readonly #cells: ReadonlyMap<string, string>;

  constructor(where: string, columns: readonly string[], cells: readonly string[]) {
    if (cells.length !== columns.length) {
      throw new Error(`${where}: ${cells.length} cells where the header has ${columns.length}`);
    }
    this.#where = where;
    this.#cells = new Map(columns.map((column, i) => [column, cells[i] ?? '']));
  }

  text(column: string): string {
    const cell = this.#cells.get(column) ?? '';
    if (cell === '') throw new Error(`${this.#where}: ${column} is empty`);
    return cell;
  }

  number(column: string, least: number, whole = false): number {
    const cell = this.text(column);
    const value = Number(cell);
    if (!Number.isFinite(value)) throw new Error(`${this.#where}: ${column} is '${cell}', not a number`);
    if (value < least) throw new Error(`${this.#where}: ${column} is ${cell}, below ${least}`);
    if (whole && !Number.isInteger(value)) throw new Error(`${this.#where}: ${column} is ${cell}, not a whole number`);
    return value;
  }

  /** A refusal that names this line. */
  error(problem: string): Error {
    return new Error(`${this.#where}: ${problem}`);
  }
}

interface Table {
  readonly columns: readonly string[];
  readonly comments: readonly string[];
  readonly rows: readonly Row[];
}

/** CSV without quotes, `#` lines are comments. */
export function readTable(file: string): Table {
  const comments: string[] = [];
  const rows: Row[] = [];
  let columns: readonly string[] | undefined;
  for (const [i, raw] of readFileSync(file, 'utf8').split('\n').entries()) {
    const line = raw.trim();
    if (line.startsWith('#')) comments.push(line);
    else if (line === '') continue;
    else if (columns === undefined) columns = line.split(',');
    else rows.push(new Row(`${file}:${i + 1}`, columns, line.split(',')));
  }
  if (columns === undefined) throw new Error(`${file}: is empty; a header line is needed`);
  return { columns, comments, rows };
}

const missing = (columns: readonly string[], needed: readonly string[]): string[] =>
  needed.filter((column) => !columns.includes(column));

/** A trace of Muri's or of Helios' columns, told apart by the header. */
export function readTrace(file: string, overheads: Overheads): Trace {
  const table = readTable(file);
  const noMuri = missing(table.columns, MURI_COLUMNS);
  const noHelios = missing(table.columns, HELIOS_COLUMNS);
  if (noMuri.length > 0 && noHelios.length > 0) {
    throw new Error(`${file}:1: as a Muri trace it lacks ${noMuri.join(', ')}; as a Helios one ${noHelios.join(', ')}`);
  }
  if (table.rows.length === 0) throw new Error(`${file}: has no jobs`);
  const name = basename(file).replace(/\.csv$/, '');
  return noMuri.length === 0 ? muri(name, table, overheads) : helios(name, file, table);
}

/** Stable, so that jobs of one moment keep the order of the file. */
function inOrder(jobs: readonly Omit<Job, 'index'>[]): Job[] {
  const sorted = [...jobs].sort((a, b) => a.submittedAt - b.submittedAt);
  return sorted.map((job, index) => ({ ...job, index }));
}

function gpusOf(row: Row, column: string, nodes: number): number {
  const gpus = row.number(column, 1, true);
  if (gpus > nodes * GPUS_PER_NODE) {
    throw row.error(`${column} is ${gpus}, more than the ${nodes * GPUS_PER_NODE} of its cluster`);
  }
  return gpus;
}

function muri(name: string, { rows }: Table, overheads: Overheads): Trace {
  const jobs = rows.map((row) => {
    const gpus = gpusOf(row, 'num_gpu', MURI_NODES);
    const iterationMs = row.number('iteration_time', 0);
    if (iterationMs === 0) throw row.error('iteration_time is 0');
    return {
      id: row.text('job_id'),
      gpus,
      submitter: '',
      submittedAt: row.number('submit_time', 0) / 1000,
      steps: row.number('iterations', 1),
      secondsPerStep: (iterationMs * MURI_SLOWDOWN) / 1000,
      overhead: overheads.get(`${gpus},${row.text('model_name')}`) ?? MURI_OVERHEAD,
      pool: '',
    };
  });
  return { name, nodes: new Map([['', MURI_NODES]]), jobs: inOrder(jobs) };
}

/** Seconds lost at an event by `<GPUs>,<model>`. */
type Overheads = ReadonlyMap<string, number>;

export function readOverheads(file: string): Overheads {
  const { columns, rows } = readTable(file);
  const lacking = missing(columns, ['num_gpu', 'model_name', 'seconds']);
  if (lacking.length > 0) throw new Error(`${file}:1: lacks ${lacking.join(', ')}`);
  return new Map(
    rows.map((row) => [`${row.number('num_gpu', 1, true)},${row.text('model_name')}`, row.number('seconds', 0)]),
  );
}

/** Each virtual cluster is a pool of its own, its nodes named in a comment: `pool sizes ...: vcvGl=20, vcvlY=2`. */
function helios(name: string, file: string, { comments, rows }: Table): Trace {
  const sizes = comments.find((comment) => comment.includes('pool sizes')) ?? '';
  const nodes = new Map([...sizes.matchAll(/(\w+)=(\d+)/g)].map(([, pool = '', count]) => [pool, Number(count)]));
  if (nodes.size === 0) throw new Error(`${file}: no comment says the pool sizes, as in '# pool sizes: vc1=20, vc2=2'`);
  const jobs = rows.map((row) => {
    const pool = row.text('tenant');
    const size = nodes.get(pool);
    if (size === undefined) throw row.error(`tenant is ${pool}; pools are ${[...nodes.keys()].join(', ')}`);
    return {
      id: row.text('job_id'),
      gpus: gpusOf(row, 'num_chips', size),
      submitter: row.text('user'),
      submittedAt: row.number('submit_time', 0) / MICROSECONDS,
      steps: row.number('duration_s', 0),
      secondsPerStep: 1,
      overhead: 0,
      pool,
    };
  });
  return { name, nodes, jobs: inOrder(jobs) };
}
