/**
 * The node of every pod of a gang in rank order, as one string: comma-separated runs.
 *
 *   gpu-0007:4              4 pods in consecutive ranks on that node
 *   gpu-[0001-0512]:1       one pod on each of 512 nodes, ascending, zero padding as written
 *   gpu-[1-8].guian:2       a range may stand before the end of the name
 *
 * Node names are RFC 1123 subdomains, so none of `,:[]` can occur in them.
 */

/** A text that is no assignment; the message is a sentence. */
export class AssignmentError extends Error {
  override readonly name = 'AssignmentError';
}

/** More pods than any admission has; a damaged text must not fill the memory. */
const MAX_PODS = 1_000_000;
/** Numbers of more digits are not exact; such names stand alone. */
const MAX_DIGITS = 15;

interface Run {
  prefix: string;
  suffix: string;
  /** First number as written; undefined: `prefix` is the whole name. */
  first: string | undefined;
  low: number;
  high: number;
  pods: number;
}

export function encodeAssignment(nodesInRankOrder: readonly string[]): string {
  const runs: Run[] = [];
  let name = '';
  let pods = 0;
  for (const node of nodesInRankOrder) {
    if (!/^[^,:[\]]+$/.test(node)) throw new AssignmentError(`${JSON.stringify(node)} is not a node name.`);
    if (node === name) {
      pods += 1;
      continue;
    }
    if (pods > 0) append(runs, name, pods);
    name = node;
    pods = 1;
  }
  if (pods > 0) append(runs, name, pods);
  return runs.map(format).join(',');
}

function append(runs: Run[], name: string, pods: number): void {
  const last = runs.at(-1);
  if (last !== undefined && last.pods === pods && extend(last, name)) return;
  runs.push({ prefix: name, suffix: '', first: undefined, low: 0, high: 0, pods });
}

/** Takes `name` into the run when it is the run's next node. */
function extend(run: Run, name: string): boolean {
  if (run.first !== undefined) {
    if (name !== nameAt(run, run.high + 1)) return false;
    run.high += 1;
    return true;
  }
  const digits = varyingDigits(run.prefix, name);
  if (digits === undefined) return false;
  const [start, end] = digits;
  const first = run.prefix.slice(start, end);
  const low = Number(first);
  const candidate = {
    ...run,
    prefix: run.prefix.slice(0, start),
    suffix: run.prefix.slice(end),
    first,
    low,
    high: low + 1,
  };
  if (first.length > MAX_DIGITS || nameAt(candidate, low + 1) !== name) return false;
  Object.assign(run, candidate);
  return true;
}

/** Bounds in `a` of the digits in which `a` and `b` first differ. */
function varyingDigits(a: string, b: string): [number, number] | undefined {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  let start = at;
  while (start > 0 && isDigit(a[start - 1])) start -= 1;
  let end = start;
  while (isDigit(a[end])) end += 1;
  return end > start ? [start, end] : undefined;
}

const isDigit = (char: string | undefined): boolean => char !== undefined && char >= '0' && char <= '9';

const nameAt = (run: Run, number: number): string =>
  run.first === undefined ? run.prefix : run.prefix + String(number).padStart(run.first.length, '0') + run.suffix;

function format(run: Run): string {
  if (run.first === undefined) return `${run.prefix}:${run.pods}`;
  const high = String(run.high).padStart(run.first.length, '0');
  return `${run.prefix}[${run.first}-${high}]${run.suffix}:${run.pods}`;
}

const RUN = /^([^,:[\]]*)(?:\[(\d{1,15})-(\d{1,15})\]([^,:[\]]*))?:([1-9]\d{0,6})$/;

function parse(text: string): Run[] {
  if (text === '') return [];
  let total = 0;
  return text.split(',').map((part) => {
    const match = RUN.exec(part);
    const [, prefix = '', first, last, suffix = '', pods] = match ?? [];
    const low = Number(first ?? 0);
    const high = Number(last ?? 0);
    total += (high - low + 1) * Number(pods);
    const bad = match === null || (first === undefined && prefix === '') || high < low || !(total <= MAX_PODS);
    if (bad) throw new AssignmentError(`${JSON.stringify(part.slice(0, 300))} is not a run of an assignment.`);
    return { prefix, suffix, first, low, high, pods: Number(pods) };
  });
}

export function decodeAssignment(text: string): string[] {
  const nodes: string[] = [];
  for (const run of parse(text)) {
    for (let number = run.low; number <= run.high; number += 1) {
      const name = nameAt(run, number);
      for (let pod = 0; pod < run.pods; pod += 1) nodes.push(name);
    }
  }
  return nodes;
}

export interface AssignmentSummary {
  readonly podCount: number;
  /** Distinct nodes. */
  readonly nodeCount: number;
  /** First distinct node names in rank order, at most 8. */
  readonly first: string[];
}

const FIRST = 8;

/** Expands names only where runs could name a node twice. */
export function assignmentSummary(text: string): AssignmentSummary {
  const runs = parse(text);
  const podCount = runs.reduce((sum, run) => sum + (run.high - run.low + 1) * run.pods, 0);
  const only = runs[0];
  if (runs.length === 1 && only !== undefined) {
    const nodeCount = only.high - only.low + 1;
    const first = Array.from({ length: Math.min(FIRST, nodeCount) }, (_, i) => nameAt(only, only.low + i));
    return { podCount, nodeCount, first };
  }
  const names = new Set(decodeAssignment(text));
  return { podCount, nodeCount: names.size, first: [...names].slice(0, FIRST) };
}
