/**
 * The replay of queueing-protocol.md: at each submission and each completion the policy orders every job in the queue,
 * and the cluster is filled anew in that order; what does not fit is skipped.
 */
import type { Job } from './job.ts';
import { QueuedJob } from './job.ts';
import { GPUS_PER_NODE } from './trace.ts';

/** Blind policies are written for any `View` that extends Visible, and so see no more of a job than that. */
export interface Policy<View = QueuedJob> {
  /** First come those that shall run; `queued` is in order of submission. */
  order(queued: readonly View[], now: number): readonly View[];
  finished?(job: View): void;
  /** Asked when the cluster is filled: when it wants to be asked again though nothing is submitted or completed. */
  wakeAt?(queued: readonly View[], now: number): number;
  /** Only GPUs are counted, as if they were all of one node. */
  readonly countsOnly?: boolean;
}

export interface Outcome {
  /** Seconds from submission to completion, in order of submission. */
  readonly jct: readonly number[];
  /** When the last one completed. */
  readonly makespan: number;
  readonly preemptions: number;
}

/** Times that differ by less than this share are one event. */
const SAME_TIME = 1e-9;
const isSame = (a: number, b: number): boolean => Math.abs(a - b) <= SAME_TIME * Math.max(Math.abs(a), Math.abs(b));

/** Replays the jobs of one pool on so many nodes. */
export function replay(jobs: readonly Job[], nodes: number, policy: Policy): Outcome {
  const jct = new Array<number>(jobs.length).fill(0);
  const room = new Room(nodes, policy.countsOnly === true);
  let queued: QueuedJob[] = [];
  let [submitted, makespan, preemptions] = [0, 0, 0];
  let wake = Number.POSITIVE_INFINITY;
  while (submitted < jobs.length || queued.length > 0) {
    const submission = jobs[submitted]?.submittedAt ?? Number.POSITIVE_INFINITY;
    const completion = nextCompletion(queued);
    const now = Math.min(submission, completion.at, wake);
    if (now === Number.POSITIVE_INFINITY) throw new Error('no job can run and none is to come');
    for (const job of completion.at === now ? completion.jobs : []) {
      jct[job.index] = now - job.submittedAt;
      makespan = now;
      policy.finished?.(job);
      queued = queued.filter((other) => other !== job);
    }
    for (const job of queued) job.advance(now);
    while (submission === now && submitted < jobs.length && isSame((jobs[submitted] as Job).submittedAt, now)) {
      queued.push(new QueuedJob({ ...(jobs[submitted] as Job), index: submitted }));
      submitted += 1;
    }
    preemptions += room.fill(policy.order(queued, now));
    wake = policy.wakeAt?.(queued, now) ?? wake;
  }
  return { jct, makespan, preemptions };
}

/** The next completion and all that complete with it. */
function nextCompletion(queued: readonly QueuedJob[]): { at: number; jobs: readonly QueuedJob[] } {
  const running = queued.filter((job) => job.running);
  const ends = running.map((job) => job.checkedAt + job.remaining);
  const at = Math.min(...ends);
  return { at, jobs: running.filter((_, i) => isSame(ends[i] as number, at)) };
}

/** Free GPUs of each node. */
class Room {
  readonly #size: number;
  readonly #free: number[];

  constructor(nodes: number, isOne: boolean) {
    this.#size = isOne ? nodes * GPUS_PER_NODE : GPUS_PER_NODE;
    this.#free = new Array<number>(isOne ? 1 : nodes).fill(this.#size);
  }

  /** Empties the cluster and runs what fits, in this order. @returns how many were preempted */
  fill(jobs: readonly QueuedJob[]): number {
    this.#free.fill(this.#size);
    let preempted = 0;
    for (const job of jobs) {
      const runs = this.#take(job.gpus);
      if (job.running && !runs) {
        job.preemptions += 1;
        preempted += 1;
      }
      job.running = runs;
    }
    return preempted;
  }

  /** Up to a node's size on the first node with room; more on whole idle nodes and one for the rest. */
  #take(gpus: number): boolean {
    const whole = gpus <= this.#size ? 0 : Math.floor(gpus / this.#size);
    const rest = gpus - whole * this.#size;
    const idle: number[] = [];
    for (let i = 0; i < this.#free.length && idle.length < whole; i++) if (this.#free[i] === this.#size) idle.push(i);
    if (idle.length < whole) return false;
    const last = rest === 0 ? -1 : this.#free.findIndex((free, i) => free >= rest && !idle.includes(i));
    if (rest > 0 && last < 0) return false;
    for (const i of idle) this.#free[i] = 0;
    if (rest > 0) this.#free[last] = (this.#free[last] as number) - rest;
    return true;
  }
}
