/** Power of a board at a moment of the monotonic clock; null: known to be there, but not how much it draws. */
export interface PowerPoint {
  readonly atMs: number;
  readonly watts: number | null;
}

/** The time between two moments. Power goes in a straight line from one to the other; null: it is not known. */
export interface Slice {
  readonly fromMs: number;
  readonly toMs: number;
  readonly watts: { readonly from: number; readonly to: number } | null;
}

/** What was used: by a board, or by a pod as its share of one. */
export interface Amounts {
  readonly joules: number;
  /** Time, as far as it was watched: of a board, or times the share of it that was held. */
  readonly gpuSeconds: number;
  /** The part of that time for which power is not known, so that its energy is missing in `joules`. */
  readonly gapSeconds: number;
}

export const NOTHING: Amounts = Object.freeze({ joules: 0, gpuSeconds: 0, gapSeconds: 0 });

/**
 * What a new reading closes. A missing reading may still be bridged by the next one; only after `maxGapMs` is the time
 * a gap, and never is power drawn across a gap.
 */
export function sliceTo(last: PowerPoint, next: PowerPoint, maxGapMs: number): Slice | undefined {
  const elapsedMs = next.atMs - last.atMs;
  if (elapsedMs <= 0) return undefined;
  const span = { fromMs: last.atMs, toMs: next.atMs };
  if (last.watts === null || elapsedMs > maxGapMs) return { ...span, watts: null };
  return next.watts === null ? undefined : { ...span, watts: { from: last.watts, to: next.watts } };
}

/** Cuts a slice at the moments inside of it, which must be in order. */
export function cut(slice: Slice, momentsMs: readonly number[]): Slice[] {
  const ends = [...momentsMs.filter((at) => at > slice.fromMs && at < slice.toMs), slice.toMs];
  let fromMs = slice.fromMs;
  return ends.map((toMs) => {
    const watts = slice.watts && { from: wattsAt(slice, fromMs), to: wattsAt(slice, toMs) };
    const piece = { fromMs, toMs, watts };
    fromMs = toMs;
    return piece;
  });
}

function wattsAt({ fromMs, toMs, watts }: Slice, atMs: number): number {
  if (watts === null) return 0;
  return watts.from + ((watts.to - watts.from) * (atMs - fromMs)) / (toMs - fromMs);
}

export function amountsOf({ fromMs, toMs, watts }: Slice): Amounts {
  const gpuSeconds = (toMs - fromMs) / 1000;
  if (watts === null) return { joules: 0, gpuSeconds, gapSeconds: gpuSeconds };
  return { joules: ((watts.from + watts.to) / 2) * gpuSeconds, gpuSeconds, gapSeconds: 0 };
}

export const add = (a: Amounts, b: Amounts, share = 1): Amounts => ({
  joules: a.joules + b.joules * share,
  gpuSeconds: a.gpuSeconds + b.gpuSeconds * share,
  gapSeconds: a.gapSeconds + b.gapSeconds * share,
});
