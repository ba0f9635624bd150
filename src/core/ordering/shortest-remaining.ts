/**
 * Shortest remaining work first: the order of a queue by what a completion is estimated to cost, in GPU-seconds, so
 * that many soon-done jobs are not kept waiting by one that is not. A job that declares its remaining time is believed;
 * all others are judged by the queue's history.
 */
import type { ServiceHistory } from './history.ts';

/** A job as the ordering sees it, waiting or running. Times in seconds. */
export interface Candidate {
  readonly key: string;
  readonly gpus: number;
  /** Seconds that it has run, over all its runs. */
  readonly attained: number;
  /** Seconds that it has waited, over all its waits. */
  readonly waited: number;
  readonly isRunning: boolean;
  /** Seconds that it says to need more, from its progress through its steps. */
  readonly remaining?: number;
}

export interface OrderingOptions {
  /**
   * Soft aging against starvation: one that has waited for this many seconds counts as if it cost half. Unset: none, as
   * every promotion by age costs the mean wait of all.
   */
  readonly agingSeconds?: number;
}

/**
 * A running job keeps its place until another costs so much less. Neighbours' run times tell a job's within a factor of
 * about e (their logarithms differ by 1 to 2); a lead below that is chance, and each preemption costs a restart.
 */
const PREEMPTION_LEAD = 3;

/** GPU-seconds a completion costs, as this ordering counts them: the least is served first. */
export function costOf(job: Candidate, history: ServiceHistory, options: OrderingOptions = {}): number {
  const cost = job.gpus * (job.remaining ?? history.seconds(job.key, job.attained));
  const kept = job.isRunning && job.remaining === undefined ? cost / PREEMPTION_LEAD : cost;
  return options.agingSeconds === undefined ? kept : kept / (1 + job.waited / options.agingSeconds);
}
