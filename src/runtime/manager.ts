import { type Clock, systemClock } from './clock.ts';
import { errorMessage } from './errors.ts';
import type { Logger } from './logger.ts';

/** A long running part of the process. */
export interface Runnable {
  readonly name: string;
  /** Runs until the signal aborts. Ending earlier, or rejecting, is fatal to the process. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when the parts after this one may start (default: at once), e.g. when caches are filled. */
  ready?(signal: AbortSignal): Promise<void>;
  /** Started only once this process leads. */
  readonly leaderOnly?: boolean;
}

/** Leadership as the manager needs it; `LeaderElector` of the Kubernetes layer is one. */
export interface Leadership {
  readonly name: string;
  /** Competes until the signal aborts, then releases. Ending earlier means that leadership was lost. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves with the epoch when this process leads; never rejects, undefined when the signal aborts first. */
  acquired(signal: AbortSignal): Promise<number | undefined>;
}

export interface ManagerOptions {
  readonly runnables: readonly Runnable[];
  readonly leadership?: Leadership;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Called at most once, when a part ends that should not have; the process should exit. */
  readonly fatal: (error: Error) => void;
  /** Each part may take so many milliseconds to stop (default 25 000) before it is left behind. */
  readonly stopTimeoutMs?: number;
}

interface Started {
  readonly name: string;
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/**
 * Starts the parts in order (leader-only ones after leadership), stops them in reverse, and releases leadership
 * last, so that no other process leads while this one still writes.
 */
export class Manager {
  readonly #options: ManagerOptions;
  readonly #started: Started[] = [];
  #leadership: Started | undefined;
  #stopping = false;
  #failed = false;

  constructor(options: ManagerOptions) {
    this.#options = options;
  }

  /** True while nothing has ended that should not have. */
  get healthy(): boolean {
    return !this.#failed;
  }

  /** Runs until the signal aborts or a part fails, then stops everything. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const failure = new AbortController();
    const until = AbortSignal.any([signal, failure.signal]);
    try {
      await this.#startAll(until, failure);
      await aborted(until);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)), failure);
    } finally {
      await this.#stopAll();
    }
  }

  async #startAll(until: AbortSignal, failure: AbortController): Promise<void> {
    const { runnables, leadership } = this.#options;
    for (const runnable of runnables.filter((one) => !one.leaderOnly)) await this.#start(runnable, until, failure);
    if (leadership) {
      if (until.aborted) return;
      this.#leadership = this.#launch(leadership, failure);
      const epoch = await leadership.acquired(until);
      if (epoch === undefined) return;
      this.#options.logger.info('leading', { epoch });
    }
    for (const runnable of runnables.filter((one) => one.leaderOnly)) await this.#start(runnable, until, failure);
  }

  async #start(runnable: Runnable, until: AbortSignal, failure: AbortController): Promise<void> {
    if (until.aborted) return;
    this.#options.logger.debug('starting', { runnable: runnable.name });
    this.#started.push(this.#launch(runnable, failure));
    // A failure elsewhere must not leave us waiting for a part that will never be ready.
    if (runnable.ready) await Promise.race([runnable.ready(until), aborted(until)]);
  }

  #launch(runnable: Pick<Runnable, 'name' | 'run'>, failure: AbortController): Started {
    const abort = new AbortController();
    const ended = (async () => {
      let cause: unknown;
      try {
        await runnable.run(abort.signal);
      } catch (error) {
        cause = error;
      }
      if (abort.signal.aborted) {
        if (cause)
          this.#options.logger.warn('stopped with an error', { runnable: runnable.name, error: errorMessage(cause) });
        return;
      }
      const why = cause === undefined ? '' : `: ${errorMessage(cause)}`;
      this.#fail(new Error(`${runnable.name} ended unexpectedly${why}`, { cause }), failure);
    })();
    return { name: runnable.name, abort, ended };
  }

  #fail(error: Error, failure: AbortController): void {
    if (this.#failed || this.#stopping) return;
    this.#failed = true;
    this.#options.logger.error('fatal', { error: errorMessage(error) });
    this.#options.fatal(error);
    failure.abort(error);
  }

  async #stopAll(): Promise<void> {
    this.#stopping = true;
    for (const started of this.#started.reverse()) await this.#stop(started);
    if (this.#leadership) await this.#stop(this.#leadership);
  }

  async #stop(started: Started): Promise<void> {
    const { clock = systemClock, stopTimeoutMs = 25_000, logger } = this.#options;
    logger.debug('stopping', { runnable: started.name });
    started.abort.abort(new Error('stopping'));
    let cancel = (): void => {};
    const timeout = new Promise<boolean>((resolve) => {
      cancel = clock.setTimer(() => resolve(false), stopTimeoutMs);
    });
    const stopped = await Promise.race([started.ended.then(() => true), timeout]);
    cancel();
    if (!stopped) logger.error('did not stop in time', { runnable: started.name, stopTimeoutMs });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
