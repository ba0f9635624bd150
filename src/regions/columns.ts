import type { NodeTable } from '../core/model.ts';

/** A table that is written to. */
export interface Columns extends NodeTable {
  readonly names: string[];
}

/** What a node is, then what is free on it. */
export const COLUMNS = [
  'accelerator',
  'labelSet',
  'taintSet',
  'usable',
  'gpuFree',
  'cpuFree',
  'memoryFree',
  'podsFree',
] as const;
const KINDS = 3;

/** A node that has become another kind of node may suit somebody whom it did not suit before. */
export const hasMoreRoom = (before: readonly number[], now: readonly number[]): boolean =>
  now.some((value, i) => (i < KINDS ? value !== before[i] : value > (before[i] ?? 0)));

export function newColumns(count: number): Columns {
  return {
    count,
    names: new Array<string>(count),
    usable: new Uint8Array(count),
    accelerator: new Int16Array(count),
    gpuTotal: new Float64Array(count),
    gpuFree: new Float64Array(count),
    cpuTotal: new Float64Array(count),
    cpuFree: new Float64Array(count),
    memoryFree: new Float64Array(count),
    podsFree: new Float64Array(count),
    labelSet: new Int32Array(count),
    taintSet: new Int32Array(count),
    labelSets: [],
    taintSets: [],
  };
}
