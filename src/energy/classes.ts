import type { Checkpoint } from '../api/index.ts';
import { QUARTER_HOUR_MS } from '../core/local-time.ts';

/** Use that is told apart by what it was good for. */
export interface Classed {
  readonly gpuSeconds: number;
  readonly facilityJoules: number;
}
export const NO_CLASSED: Classed = Object.freeze({ gpuSeconds: 0, facilityJoules: 0 });

export const CLASSES = ['startup', 'useful', 'lost', 'checkpoint'] as const;
export type UseClass = (typeof CLASSES)[number];
export type Classes = Readonly<Record<UseClass, Classed>>;
export const NO_CLASSES: Classes = Object.freeze({
  startup: NO_CLASSED,
  useful: NO_CLASSED,
  lost: NO_CLASSED,
  checkpoint: NO_CLASSED,
});

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Use between two moments, even over the time. */
export interface Slice extends Classed, Span {}

/** Checkpoints between two moments took `busyMs` of them, even over the time. */
export interface Checkpointing extends Span {
  readonly busyMs: number;
}

/** What the classes of a run follow from; all times by the clock of its cluster. */
export interface RunTimes {
  /** All its pods were ready. */
  readonly readyMs?: number;
  /** Its last checkpoint was complete. */
  readonly checkpointMs?: number;
  /** When it wrote checkpoints, in order of time, none of them over another. */
  readonly checkpoints?: readonly Checkpointing[];
  /** How it ended; absent: it goes on. */
  readonly end?: 'well' | 'cutOff';
}

/** More are put together, the oldest first: only a checkpoint that is told long afterwards could still cut them. */
const MAX_SPANS = 24;

/** Adds a slice, to the one before where both are of one quarter of an hour. */
export const withSlice = (slices: readonly Slice[], slice: Slice): Slice[] =>
  withSpan(slices, slice, (a, b) => ({ ...over(a, b), ...add(a, b) }));

/** Takes up a checkpoint that is complete; one that is not after all those known is one that another pod has told. */
export function withCheckpoint(times: RunTimes, { atMs, tookMs }: Checkpoint): RunTimes {
  const { checkpointMs: before = Number.NEGATIVE_INFINITY, checkpoints = [] } = times;
  if (atMs <= before) return times;
  const fromMs = Math.max(atMs - tookMs, before);
  if (fromMs >= atMs) return { ...times, checkpointMs: atMs };
  const join = (a: Checkpointing, b: Checkpointing) => ({ ...over(a, b), busyMs: a.busyMs + b.busyMs });
  const taken = { fromMs, toMs: atMs, busyMs: atMs - fromMs };
  return { ...times, checkpointMs: atMs, checkpoints: withSpan(checkpoints, taken, join) };
}

/** One is left of each quarter of an hour, and no more than MAX_SPANS. */
function withSpan<T extends Span>(spans: readonly T[], span: T, join: (a: T, b: T) => T): T[] {
  const at = spans.findIndex((one) => quarterOf(one) === quarterOf(span));
  const same = spans[at];
  const next = same === undefined ? [...spans, span] : spans.with(at, join(same, span));
  next.sort((a, b) => a.fromMs - b.fromMs);
  const [first, second, ...rest] = next;
  if (next.length <= MAX_SPANS || first === undefined || second === undefined) return next;
  return [join(first, second), ...rest];
}

const quarterOf = ({ toMs }: Span): number => Math.ceil(toMs / QUARTER_HOUR_MS);

const over = (a: Span, b: Span): Span => ({
  fromMs: Math.min(a.fromMs, b.fromMs),
  toMs: Math.max(a.toMs, b.toMs),
});

const add = (a: Classed, b: Classed, share = 1): Classed => ({
  gpuSeconds: a.gpuSeconds + b.gpuSeconds * share,
  facilityJoules: a.facilityJoules + b.facilityJoules * share,
});

export const addClasses = (a: Classes, b: Classes): Classes => ({
  startup: add(a.startup, b.startup),
  useful: add(a.useful, b.useful),
  lost: add(a.lost, b.lost),
  checkpoint: add(a.checkpoint, b.checkpoint),
});

/**
 * What a slice was good for: startup until all pods were ready, lost since the last checkpoint where the run was cut
 * off, checkpoint while it wrote one, else useful. The four add up to the slice.
 */
export function classesOf(slice: Slice, { readyMs, checkpointMs, checkpoints = [], end }: RunTimes): Classes {
  const until = readyMs ?? Number.POSITIVE_INFINITY;
  const lostFrom = end === 'cutOff' ? Math.max(until, checkpointMs ?? until) : Number.POSITIVE_INFINITY;
  const startup = shareBefore(slice, until);
  const kept = shareBefore(slice, lostFrom);
  const worked = { fromMs: Math.max(slice.fromMs, until), toMs: Math.min(slice.toMs, lostFrom) };
  const busy = worked.toMs > worked.fromMs ? busyMs(checkpoints, worked) / (slice.toMs - slice.fromMs) : 0;
  const checkpoint = Math.min(busy, kept - startup);
  return {
    startup: add(NO_CLASSED, slice, startup),
    useful: add(NO_CLASSED, slice, kept - startup - checkpoint),
    lost: add(NO_CLASSED, slice, 1 - kept),
    checkpoint: add(NO_CLASSED, slice, checkpoint),
  };
}

/** How much of that time went into checkpoints. */
const busyMs = (checkpoints: readonly Checkpointing[], { fromMs, toMs }: Span): number =>
  checkpoints.reduce((sum, one) => sum + one.busyMs * (shareBefore(one, toMs) - shareBefore(one, fromMs)), 0);

/** The part of a slice before a moment, of 1. */
export function shareBefore({ fromMs, toMs }: Span, atMs: number): number {
  if (atMs >= toMs) return 1;
  if (atMs <= fromMs) return 0;
  return (atMs - fromMs) / (toMs - fromMs);
}
