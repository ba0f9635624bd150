import type { MemberJob } from '../regions/index.ts';
import type { Clock } from '../runtime/clock.ts';
import { iso } from './times.ts';

/**
 * The new `activeDeadlineSeconds` of a Job that is to live `seconds` more from now, or undefined while it need not be
 * renewed yet. A Job's deadline counts from its start by the member's clock, so `memberNowMs` is a time of that clock.
 */
export function renewedDeadline(job: MemberJob, seconds: number, memberNowMs: number): number | undefined {
  if (job.complete || job.failure !== undefined || job.startTime === undefined) return undefined;
  const ranSeconds = Math.max(0, (memberNowMs - Date.parse(job.startTime)) / 1000);
  const left = (job.activeDeadlineSeconds ?? 0) - ranSeconds;
  // A third of it may pass between two renewals: the next ones have the rest to get through.
  return left > (2 / 3) * seconds ? undefined : Math.ceil(ranSeconds) + seconds;
}

/** How often a run with such a deadline is looked at, in ms. */
export const renewalLookMs = (seconds: number): number => Math.max(1000, (seconds * 1000) / 6);

export interface Silence {
  /** The run is over by now, whatever became of its region. */
  readonly over: boolean;
  readonly leftMs: number;
  /** When it is over, ISO 8601. */
  readonly until: string;
}

/**
 * Dead-man switches of runs: a member ends a Job that the hub has not renewed for a while, so that the hub knows when
 * nothing of it runs any more in a region that it cannot ask. Times are of our own clocks only. What a former
 * process renewed came before our first look, so that a restart errs on the side of waiting.
 */
export class DeadManSwitches {
  readonly #clock: Clock;
  readonly #sent = new Map<string, { readonly monotonic: number; readonly wall: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be called before each request that makes the run live longer. */
  renewing(run: string): void {
    this.#sent.set(run, { monotonic: this.#clock.monotonic(), wall: this.#clock.now() });
  }

  /** What follows from silence: the run is over `spanMs` after the last renewal was sent. */
  silence(run: string, spanMs: number): Silence {
    if (!this.#sent.has(run)) this.renewing(run);
    const { monotonic, wall } = this.#sent.get(run) ?? { monotonic: 0, wall: 0 };
    const leftMs = monotonic + spanMs - this.#clock.monotonic();
    return { over: leftMs <= 0, leftMs: Math.max(0, leftMs), until: iso(wall + spanMs) };
  }

  /** Forgets all runs with this prefix. */
  forget(prefix: string): void {
    for (const run of this.#sent.keys()) if (run.startsWith(prefix)) this.#sent.delete(run);
  }
}
