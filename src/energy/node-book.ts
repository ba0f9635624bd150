import { QUARTER_HOUR_MS } from '../core/local-time.ts';
import { NO_TRIPLE, type Report, type ReportedPod, type Triple, type Use } from './report.ts';

/** What is booked of one pod on one board. The key of a map of them follows from pod and board. */
export interface Booked {
  readonly pod: ReportedPod | null;
  readonly gpu: string;
  /** All that is booked since the series began. */
  readonly all: Triple;
  /** The part of it that no closed quarter of an hour has told yet. */
  readonly ahead: Triple;
}

/** How far the reports of one node are booked. */
export interface NodeBook {
  readonly series: string;
  /** Series of this node that are over: their reports are not read any more. */
  readonly retired: readonly string[];
  /** Number of the last quarter of an hour that is booked. */
  readonly sequence: number;
  /** Up to when its time is booked, by the node's clock: when the last report was written, or it was given up. */
  readonly writtenAtMs: number;
  /** When the last report that is booked was written, by the same clock. */
  readonly reportMs: number;
  /** Since when use is booked, by the same clock: before, nothing was measured for us. */
  readonly sinceMs: number;
  /** The same where the counters ran before; else 0. */
  readonly baselineMs: number;
  /** It was silent for so long that estimates took its place for good. */
  readonly isGivenUp: boolean;
  readonly booked: ReadonlyMap<string, Booked>;
}

/** Something to book: used between two moments by the node's clock, which are of one quarter of an hour. */
export interface Posting extends Use {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Folded {
  readonly book: NodeBook;
  readonly postings: readonly Posting[];
  /** The counters began anew. */
  readonly isReset: boolean;
  /** What this series tells is booked from then on, by the node's clock. */
  readonly startMs: number;
}

const MAX_RETIRED = 8;
/** Agents may have lost so much of what they had written, and clocks are read one after the other. */
const SLACK_MS = 60_000;

/**
 * What a report tells that is not booked yet; undefined: it is one of a series that is over.
 *
 * Closed quarters of an hour are booked once, by their number, less what was booked of them ahead. What the totals
 * have beyond all that is booked is booked ahead, over the time since the report before. So whichever reports are
 * seen, and however often, all that is booked of a pod on a board comes to its total in the last one.
 *
 * Of counters that ran before anybody looked, as of a node that is new to us, only what comes from now on is booked.
 */
export function fold(before: NodeBook | undefined, report: Report): Folded | undefined {
  if (before?.retired.includes(report.series) === true) return undefined;
  const startMs = report.writtenAtMs - report.watchedSeconds * 1000;
  const isNew = before?.series !== report.series;
  if (before === undefined || before.isGivenUp || (isNew && startMs < before.writtenAtMs - SLACK_MS)) {
    const isReset = before !== undefined && isNew;
    return { book: baseline(before, report), postings: [], isReset, startMs: report.writtenAtMs };
  }
  const old: NodeBook = isNew ? successor(before, report) : before;
  const booked = new Map(old.booked);
  const postings: Posting[] = [];
  let { sequence } = old;
  let openSinceMs = isNew ? startMs : old.writtenAtMs;
  for (const bucket of report.buckets) {
    const endMs = bucket.startMs + QUARTER_HOUR_MS;
    openSinceMs = Math.max(openSinceMs, endMs);
    if (bucket.sequence <= sequence) continue;
    sequence = bucket.sequence;
    for (const use of bucket.uses) {
      const entry = booked.get(bookedKey(use)) ?? unbooked(use);
      // One that was open at the baseline has a part from before it; what came after is booked by the totals.
      const rest = bucket.startMs < old.baselineMs ? NO_TRIPLE : minus(use.amounts, entry.ahead);
      booked.set(bookedKey(use), { ...entry, all: sum(entry.all, rest), ahead: minus(entry.ahead, use.amounts) });
      post(postings, use, rest, bucket.startMs, endMs);
    }
  }
  const kept = new Map<string, Booked>();
  for (const use of report.totals) {
    const entry = booked.get(bookedKey(use)) ?? unbooked(use);
    const rest = minus(use.amounts, entry.all);
    kept.set(bookedKey(use), { ...entry, pod: use.pod, all: sum(entry.all, rest), ahead: sum(entry.ahead, rest) });
    post(postings, use, rest, openSinceMs, report.writtenAtMs);
  }
  return {
    book: { ...old, sequence, writtenAtMs: report.writtenAtMs, reportMs: report.writtenAtMs, booked: kept },
    postings,
    isReset: isNew,
    startMs,
  };
}

/**
 * Whether a report is no news, as one that is read again after a restart: what was estimated since then stands. Clocks
 * may be set back, so an earlier one can be news; but not of a node that was given up, whose time is booked for good.
 */
export const isBooked = (before: NodeBook, { series, writtenAtMs }: Report): boolean =>
  before.series === series && (writtenAtMs === before.reportMs || (before.isGivenUp && writtenAtMs < before.reportMs));

/** Of another series than before, of which nothing is booked yet. */
const successor = (before: NodeBook | undefined, report: Report): NodeBook => ({
  series: report.series,
  retired:
    before === undefined || before.series === report.series
      ? (before?.retired ?? [])
      : [...before.retired, before.series].slice(-MAX_RETIRED),
  sequence: 0,
  writtenAtMs: report.writtenAtMs,
  reportMs: report.writtenAtMs,
  sinceMs: before === undefined || before.isGivenUp ? report.writtenAtMs : before.sinceMs,
  baselineMs: 0,
  isGivenUp: false,
  booked: new Map(),
});

/** As if all that it tells were booked. */
function baseline(before: NodeBook | undefined, report: Report): NodeBook {
  const booked = new Map(report.totals.map((use) => [bookedKey(use), { ...unbooked(use), all: use.amounts }]));
  const sequence = report.buckets.at(-1)?.sequence ?? 0;
  return { ...successor(before, report), sequence, baselineMs: report.writtenAtMs, booked };
}

/** Parts by the quarters of an hour that the time reaches into; power is taken to be even over it. */
function post(postings: Posting[], use: Use, amounts: Triple, fromMs: number, toMs: number): void {
  if (amounts.every((amount) => amount === 0)) return;
  const last = Math.floor(toMs / QUARTER_HOUR_MS);
  const first = Math.floor(Math.min(fromMs, toMs) / QUARTER_HOUR_MS);
  if (fromMs >= toMs || first === last || toMs <= (first + 1) * QUARTER_HOUR_MS) {
    postings.push({ pod: use.pod, gpu: use.gpu, amounts, fromMs: Math.min(fromMs, toMs), toMs });
    return;
  }
  for (let quarter = first; quarter * QUARTER_HOUR_MS < toMs; quarter += 1) {
    const start = Math.max(fromMs, quarter * QUARTER_HOUR_MS);
    const end = Math.min(toMs, (quarter + 1) * QUARTER_HOUR_MS);
    const part = scaled(amounts, (end - start) / (toMs - fromMs));
    postings.push({ pod: use.pod, gpu: use.gpu, amounts: part, fromMs: start, toMs: end });
  }
}

/** Pods of a name are told apart by uid, and only where that is not known by name. */
export const bookedKey = ({ pod, gpu }: Pick<Use, 'pod' | 'gpu'>): string =>
  pod === null ? gpu : `${gpu} ${pod.uid || `${pod.namespace}/${pod.name}`}`;

const unbooked = ({ pod, gpu }: Use): Booked => ({ pod, gpu, all: NO_TRIPLE, ahead: NO_TRIPLE });

const sum = (a: Triple, b: Triple): Triple => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const scaled = (a: Triple, share: number): Triple => [a[0] * share, a[1] * share, a[2] * share];
/** Never below 0. */
const minus = (a: Triple, b: Triple): Triple => [
  Math.max(0, a[0] - b[0]),
  Math.max(0, a[1] - b[1]),
  Math.max(0, a[2] - b[2]),
];
