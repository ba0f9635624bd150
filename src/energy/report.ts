import type { BoardHealth } from '../api/index.ts';

/** Joules, GPU-seconds, and those of them without a known power. */
export type Triple = readonly [joules: number, gpuSeconds: number, gapSeconds: number];
export const NO_TRIPLE: Triple = [0, 0, 0];

/** What one pod, or nobody, has used of one board. */
export interface Use {
  /** null: no pod. */
  readonly pod: ReportedPod | null;
  /** UUID of the board. */
  readonly gpu: string;
  readonly amounts: Triple;
}

export interface ReportedPod {
  /** Empty: the agent could not learn it. */
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** `<uid of the workload>/<attempt>`, empty for pods that are not ours. */
  readonly run: string;
}

/** What the agent of a node saw last. */
export interface NodeNow {
  /** Why it has no sample that is new enough; empty: it has. */
  readonly trouble: string;
  /** Boards that ought to be there: also those that the driver counts and tells nothing of. */
  readonly expected: number;
  readonly boards: readonly BoardNow[];
}

export interface BoardNow {
  readonly uuid: string;
  readonly health: BoardHealth;
  /** null: not known. */
  readonly watts: number | null;
  /** Runs of ours that hold it, with their share of 1. */
  readonly holders: readonly { readonly run: string; readonly share: number }[];
}

/** What the agent of a node has written, with indexes resolved. */
export interface Report {
  readonly node: string;
  readonly series: string;
  /** By the node's clock. */
  readonly writtenAtMs: number;
  readonly boards: readonly string[];
  /** Longest time that a board has been watched since the series began, in seconds. */
  readonly watchedSeconds: number;
  readonly totals: readonly Use[];
  /** Oldest first. */
  readonly buckets: readonly { readonly sequence: number; readonly startMs: number; readonly uses: readonly Use[] }[];
  /** Absent: an agent of before it was told. */
  readonly now?: Reported;
}

/** As NodeNow, with pods in the place of runs. */
export interface Reported extends Omit<NodeNow, 'boards'> {
  readonly boards: readonly (Omit<BoardNow, 'holders'> & {
    readonly holders: readonly { readonly pod: ReportedPod; readonly share: number }[];
  })[];
}
