import { QUARTER_HOUR_MS } from '../core/local-time.ts';

/** Use that is told apart by what it was good for. */
export interface Classed {
  readonly gpuSeconds: number;
  readonly facilityJoules: number;
}
export const NO_CLASSED: Classed = Object.freeze({ gpuSeconds: 0, facilityJoules: 0 });

export const CLASSES = ['startup', 'useful', 'lost'] as const;
export type UseClass = (typeof CLASSES)[number];
export type Classes = Readonly<Record<UseClass, Classed>>;
export const NO_CLASSES: Classes = Object.freeze({ startup: NO_CLASSED, useful: NO_CLASSED, lost: NO_CLASSED });

/** Use between two moments, even over the time. */
export interface Slice extends Classed {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What the classes of a run follow from; all times by the clock of its cluster. */
export interface RunTimes {
  /** All its pods were ready. */
  readonly readyMs?: number;
  /** Its last checkpoint was complete. */
  readonly checkpointMs?: number;
  /** How it ended; absent: it goes on. */
  readonly end?: 'well' | 'cutOff';
}

/** More are put together, the oldest first: only a checkpoint that is told long afterwards could still cut them. */
const MAX_SLICES = 24;

/** Adds a slice, to the one before where both are of one quarter of an hour. */
export function withSlice(slices: readonly Slice[], slice: Slice): Slice[] {
  const at = slices.findIndex((one) => quarterOf(one) === quarterOf(slice));
  const same = slices[at];
  const next = same === undefined ? [...slices, slice] : slices.with(at, joined(same, slice));
  next.sort((a, b) => a.fromMs - b.fromMs);
  const [first, second, ...rest] = next;
  if (next.length <= MAX_SLICES || first === undefined || second === undefined) return next;
  return [joined(first, second), ...rest];
}

const quarterOf = ({ toMs }: Slice): number => Math.ceil(toMs / QUARTER_HOUR_MS);

const joined = (a: Slice, b: Slice): Slice => ({
  fromMs: Math.min(a.fromMs, b.fromMs),
  toMs: Math.max(a.toMs, b.toMs),
  ...add(a, b),
});

const add = (a: Classed, b: Classed, share = 1): Classed => ({
  gpuSeconds: a.gpuSeconds + b.gpuSeconds * share,
  facilityJoules: a.facilityJoules + b.facilityJoules * share,
});

export const addClasses = (a: Classes, b: Classes): Classes => ({
  startup: add(a.startup, b.startup),
  useful: add(a.useful, b.useful),
  lost: add(a.lost, b.lost),
});

/**
 * What a slice was good for: startup until all pods were ready, lost since the last checkpoint where the run was cut
 * off, else useful. What a checkpoint itself takes is not known, so it is not told apart.
 */
export function classesOf(slice: Slice, { readyMs, checkpointMs, end }: RunTimes): Classes {
  const until = readyMs ?? Number.POSITIVE_INFINITY;
  const lostFrom = end === 'cutOff' ? Math.max(until, checkpointMs ?? until) : Number.POSITIVE_INFINITY;
  const startup = shareBefore(slice, until);
  const kept = shareBefore(slice, lostFrom);
  return {
    startup: add(NO_CLASSED, slice, startup),
    useful: add(NO_CLASSED, slice, kept - startup),
    lost: add(NO_CLASSED, slice, 1 - kept),
  };
}

/** The part of a slice before a moment, of 1. */
export function shareBefore({ fromMs, toMs }: Pick<Slice, 'fromMs' | 'toMs'>, atMs: number): number {
  if (atMs >= toMs) return 1;
  if (atMs <= fromMs) return 0;
  return (atMs - fromMs) / (toMs - fromMs);
}
