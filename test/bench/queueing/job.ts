/** What a job of a replay is, to the engine and to the policies. Times and durations in seconds. */

/** One line of a trace. */
export interface Job {
  /** Place in the order of submission. */
  readonly index: number;
  readonly id: string;
  readonly gpus: number;
  /** Who or what queue submitted it; jobs of one submitter resemble each other. */
  readonly submitter: string;
  readonly submittedAt: number;
  readonly steps: number;
  readonly secondsPerStep: number;
  /** Lost at every event while it runs: a quirk of the published engine. */
  readonly overhead: number;
  /** Cluster that it must run in. */
  readonly pool: string;
}

/** Step k of N, and how long a step takes while steps are being made. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly secondsPerStep: number;
}

/** What a scheduler can see of a job before it ends. */
export interface Visible {
  readonly index: number;
  readonly gpus: number;
  readonly submitter: string;
  readonly submittedAt: number;
  /** Seconds that it has run, over all its runs. */
  readonly attained: number;
  readonly running: boolean;
  /** As training code reports it while it runs; undefined: no step is done yet. */
  readonly progress: Progress | undefined;
}

/** A job in the queue: everything about it, also what only an oracle knows. */
export class QueuedJob implements Visible {
  readonly job: Job;
  remainingSteps: number;
  attained = 0;
  running = false;
  preemptions = 0;
  checkedAt: number;

  constructor(job: Job) {
    this.job = job;
    this.remainingSteps = job.steps;
    this.checkedAt = job.submittedAt;
  }

  get index(): number {
    return this.job.index;
  }

  get gpus(): number {
    return this.job.gpus;
  }

  get submitter(): string {
    return this.job.submitter;
  }

  get submittedAt(): number {
    return this.job.submittedAt;
  }

  /** Seconds of work left. */
  get remaining(): number {
    return this.remainingSteps * this.job.secondsPerStep;
  }

  get progress(): Progress | undefined {
    const { steps: total, secondsPerStep } = this.job;
    const done = total - this.remainingSteps;
    return done > 0 ? { done, total, secondsPerStep } : undefined;
  }

  /** Lets it run until `now`, less the overhead of an event. */
  advance(now: number): void {
    const elapsed = now - this.checkedAt;
    this.checkedAt = now;
    if (!this.running) return;
    this.attained += elapsed;
    this.remainingSteps -= Math.max(elapsed - this.job.overhead, 0) / this.job.secondsPerStep;
  }
}
