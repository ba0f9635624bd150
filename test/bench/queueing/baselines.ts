/** The policies that others have published figures for. */
import type { Policy } from './engine.ts';
import type { QueuedJob, Visible } from './job.ts';

/** First in, first out, never preempting: what does not fit is skipped. */
export class Fifo<View extends Visible> implements Policy<View> {
  order(queued: readonly View[]): readonly View[] {
    return [...queued.filter((job) => job.running), ...queued.filter((job) => !job.running)];
  }
}

/** A list kept in the order of a key that only an oracle knows; equal keys keep the order of the event before. */
class ByOracle implements Policy {
  readonly #key: (job: QueuedJob) => number;
  #order: readonly QueuedJob[] = [];

  constructor(key: (job: QueuedJob) => number) {
    this.#key = key;
  }

  order(queued: readonly QueuedJob[]): readonly QueuedJob[] {
    const known = new Set(this.#order);
    const present = new Set(queued);
    const kept = this.#order.filter((job) => present.has(job));
    this.#order = [...kept, ...queued.filter((job) => !known.has(job))].sort((a, b) => this.#key(a) - this.#key(b));
    return this.#order;
  }
}

/** Shortest remaining time first. */
export const srtf = (): Policy => new ByOracle((job) => job.remaining);

/** Shortest remaining service (time x GPUs) first. */
export const srsf = (): Policy => new ByOracle((job) => job.remaining * job.gpus);

/**
 * Tiresias' discretised two-dimensional least attained service (Gu et al., NSDI'19): three queues by GPU-seconds
 * attained, each first in, first out with running ones before waiting ones.
 */
export class Tiresias<View extends Visible> implements Policy<View> {
  /** GPU-seconds at which a job leaves its queue. */
  static readonly LIMITS: readonly number[] = [3250, 7200];
  readonly countsOnly = true;
  #queues: View[][] = [[], [], []];
  readonly #level = new Map<View, number>();

  order(queued: readonly View[]): readonly View[] {
    this.#queues = this.#queues.map((queue) => [
      ...queue.filter((job) => job.running),
      ...queue.filter((job) => !job.running),
    ]);
    for (const job of queued) {
      const level = this.#level.get(job);
      if (level === undefined) this.#put(job, 0);
      else if (job.running && job.attained * job.gpus >= limitOf(level) * REACHED) {
        this.#drop(job, level);
        this.#put(job, level + 1);
      }
    }
    return this.#queues.flat();
  }

  finished(job: View): void {
    this.#drop(job, this.#level.get(job) ?? 0);
    this.#level.delete(job);
  }

  wakeAt(queued: readonly View[], now: number): number {
    const left = (job: View): number => Math.ceil(limitOf(this.#level.get(job) ?? 0) / job.gpus) - job.attained + now;
    return Math.min(...queued.filter((job) => job.running).map(left));
  }

  #put(job: View, level: number): void {
    this.#level.set(job, level);
    this.#queues[level]?.push(job);
  }

  #drop(job: View, level: number): void {
    this.#queues[level] = (this.#queues[level] ?? []).filter((other) => other !== job);
  }
}

/** Sums of fractions of seconds end a hair below a limit, from where no wake-up could lift them. */
const REACHED = 1 - 1e-9;

const limitOf = (level: number): number => Tiresias.LIMITS[level] ?? Number.POSITIVE_INFINITY;
