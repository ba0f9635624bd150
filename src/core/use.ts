/** What holding accelerators uses, by a source that can be an estimate or a measurement. */

/** What is held: boards, and over all pods the share of a node that each takes. */
export interface Share {
  readonly cluster: string;
  /** Type, or '' for CPU only. */
  readonly accelerator: string;
  readonly gpus: number;
  readonly nodeShare: number;
}

/** Board-seconds, facility joules, CO2 in grams, money in millionths of the cluster's currency. Not rounded. */
export interface SharedUse {
  readonly gpuSeconds: number;
  readonly facilityJoules: number;
  readonly carbonGrams: number;
  readonly costMicros: number;
  readonly currency: string;
}

/** A workload on its nodes, as far as its use follows from it. */
export interface OnNodes {
  readonly cluster: string;
  readonly accelerator: string;
  readonly nodes: readonly string[];
  readonly perPod: { readonly gpuMilli: number };
}

/** The one place that says what is used: today an estimate by configured power and tariff at the time of use. */
export interface UseSource {
  share(held: OnNodes): Share;
  /** Use of holding it from one moment to another, past or to come; in ms. */
  use(share: Share, fromMs: number, toMs: number): SharedUse;
}

/** Use of many shares: money by currency, which is never added up over several. */
export interface Use {
  readonly gpuSeconds: number;
  readonly facilityJoules: number;
  readonly carbonGrams: number;
  readonly costMicros: ReadonlyMap<string, number>;
}

/** Something that was, or is, held. */
export interface Segment {
  readonly queue: string;
  readonly share: Share;
  readonly fromMs: number;
  /** Infinity: it still is. */
  readonly toMs: number;
}

/** Use of the segments between two moments; of times to come, if what is held goes on. */
export type UseBetween = (fromMs: number, toMs: number) => Use;

export function sumUse(segments: readonly Segment[], source: UseSource, fromMs: number, toMs: number): Use {
  const sum = { gpuSeconds: 0, facilityJoules: 0, carbonGrams: 0 };
  const costMicros = new Map<string, number>();
  for (const segment of segments) {
    const from = Math.max(fromMs, segment.fromMs);
    const to = Math.min(toMs, segment.toMs);
    if (to <= from) continue;
    const use = source.use(segment.share, from, to);
    sum.gpuSeconds += use.gpuSeconds;
    sum.facilityJoules += use.facilityJoules;
    sum.carbonGrams += use.carbonGrams;
    if (use.costMicros > 0) costMicros.set(use.currency, (costMicros.get(use.currency) ?? 0) + use.costMicros);
  }
  return { ...sum, costMicros };
}

/** Something that is held until it is expected to end, in ms. */
export interface Commitment {
  readonly share: Share;
  readonly untilMs: number;
}

/**
 * Use of these from `fromMs` on, each until it ends, and none after `toMs`. What is alike in one cluster is summed up
 * between one end and the next: each stretch of time is looked at once.
 */
export function committedUse(held: readonly Commitment[], source: UseSource, fromMs: number, toMs: number): Use {
  const alike = Map.groupBy(held, ({ share }) => `${share.cluster}\n${share.accelerator}`);
  const segments = [...alike.values()].flatMap((those) => {
    const byEnd = those.toSorted((a, b) => b.untilMs - a.untilMs);
    let [gpus, nodeShare] = [0, 0];
    // From the last to end backwards: between one end and the next all that end later are held.
    return byEnd.map(({ share, untilMs }, i): Segment => {
      gpus += share.gpus;
      nodeShare += share.nodeShare;
      return {
        queue: '',
        share: { ...share, gpus, nodeShare },
        fromMs: byEnd[i + 1]?.untilMs ?? fromMs,
        toMs: untilMs,
      };
    });
  });
  return sumUse(segments, source, fromMs, toMs);
}

/**
 * The same use from fewer segments: what is held since before `sinceMs`, in one queue of one type in one cluster, is one.
 * Of times before `sinceMs` they say nothing.
 */
export function grouped(segments: Iterable<Segment>, sinceMs: number): Segment[] {
  const groups = new Map<string, { -readonly [field in keyof Share]: Share[field] }>();
  const found: Segment[] = [];
  for (const segment of segments) {
    const { queue, share, fromMs, toMs } = segment;
    if (fromMs > sinceMs || toMs !== Number.POSITIVE_INFINITY) {
      found.push(segment);
      continue;
    }
    const key = `${queue}\n${share.cluster}\n${share.accelerator}`;
    const group = groups.get(key);
    if (group === undefined) {
      const sum = { ...share };
      groups.set(key, sum);
      found.push({ queue, share: sum, fromMs: sinceMs, toMs });
    } else {
      group.gpus += share.gpus;
      group.nodeShare += share.nodeShare;
    }
  }
  return found;
}
