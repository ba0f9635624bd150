import type { BoardSight, NodeSight } from '../api/index.ts';

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

/** What the agent of a node saw last, with the runs of ours that hold its boards. */
export type NodeNow = NodeSight<BoardNow>;

export interface BoardNow extends BoardSight {
  /** With their share of 1. */
  readonly holders: readonly { readonly run: string; readonly share: number }[];
}

/** The same as it is told, with all pods. */
export type ReportedNow = NodeSight<
  BoardSight & { readonly holders: readonly { readonly pod: ReportedPod; readonly share: number }[] }
>;

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
  readonly now?: ReportedNow;
}
