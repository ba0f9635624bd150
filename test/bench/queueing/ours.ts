/** The operator's own ordering, ShortestRemaining, in the replay: it is told what a scheduler can see and no more. */
import { ServiceHistory } from '../../../src/core/ordering/history.ts';
import type { OrderingOptions } from '../../../src/core/ordering/shortest-remaining.ts';
import { costOf } from '../../../src/core/ordering/shortest-remaining.ts';
import type { Policy } from './engine.ts';
import type { Visible } from './job.ts';

export class Ours<View extends Visible> implements Policy<View> {
  readonly #history = new ServiceHistory();
  readonly #seesProgress: boolean;
  readonly #options: OrderingOptions;
  #submitted = 0;

  /** @param seesProgress jobs that run report step k of N */
  constructor(seesProgress: boolean, options: OrderingOptions = {}) {
    this.#seesProgress = seesProgress;
    this.#options = options;
  }

  order(queued: readonly View[], now: number): readonly View[] {
    for (const job of queued) {
      if (job.index >= this.#submitted) this.#history.submitted(submissionOf(job));
      else if (job.running) this.#history.ran(keyOf(job), job.attained, this.#remaining(job));
    }
    this.#submitted = (queued.at(-1)?.index ?? -1) + 1;
    return queued
      .map((job) => ({ job, cost: this.#cost(job, now) }))
      .sort((a, b) => a.cost - b.cost || a.job.index - b.job.index)
      .map(({ job }) => job);
  }

  finished(job: Visible): void {
    this.#history.ended(keyOf(job), job.attained);
  }

  #cost(job: Visible, now: number): number {
    const { gpus, attained, running } = job;
    const remaining = this.#remaining(job);
    const waited = now - job.submittedAt - attained;
    const candidate = { key: keyOf(job), gpus, attained, waited, isRunning: running };
    return costOf(remaining === undefined ? candidate : { ...candidate, remaining }, this.#history, this.#options);
  }

  #remaining({ progress }: Visible): number | undefined {
    if (!this.#seesProgress || progress === undefined) return undefined;
    return (progress.total - progress.done) * progress.secondsPerStep;
  }
}

const keyOf = (job: Visible): string => String(job.index);
const submissionOf = (job: Visible) => ({
  key: keyOf(job),
  group: job.submitter,
  gpus: job.gpus,
  submittedAt: job.submittedAt,
});
