import { PENDING_REASON } from '../api/index.ts';
import type { ClusterView, QueueView, Reservation, Running, Workload } from '../core/model.ts';
import { Estimates } from './estimates.ts';
import { startForecast } from './start-forecast.ts';
import { StartTimes } from './start-times.ts';
import type { Observation } from './types.ts';

/** The chance with which an end is foreseen of what may go before. */
const SURELY = 0.9;

/** What the forecast of starts goes by, beside what was learned. */
export interface PresentSight {
  readonly clusters: readonly ClusterView[];
  readonly running: () => readonly Running[];
  readonly pending: Iterable<Workload>;
  /** Why it waits, one word. */
  readonly reason: (key: string) => string | undefined;
}

/** What is learned of run times and starts, and what follows for those that wait. */
export class Foresight {
  readonly #estimates = new Estimates();
  readonly #startTimes = new StartTimes();
  /** Nodes that the last cycle kept for whom. */
  reservations: readonly Reservation[] = [];

  observe({ key, service, started }: Observation): void {
    if (service !== undefined) this.#estimates.observe(key, service);
    if (started !== undefined) this.#startTimes.observe(key, started);
  }

  /** The object is gone. */
  forget(key: string): void {
    this.#estimates.forget(key);
    this.#startTimes.forget(key);
  }

  /** From an admission to running pods, in a cluster. */
  startSeconds(cluster: string): number {
    return this.#startTimes.seconds(cluster);
  }

  /** When one that runs is expected to end, in ms. */
  endsAt(key: string, nowMs: number): number {
    return nowMs + this.expectedMs(key, nowMs);
  }

  /** How long one is expected to run yet, in ms. */
  expectedMs(key: string, nowMs: number): number {
    return this.#estimates.expectedMs(key, nowMs);
  }

  /** How long one is sure to run at most, in ms. */
  longestMs(key: string, nowMs: number): number {
    return this.#estimates.remainingMs(key, SURELY, nowMs);
  }

  /** Estimated costs of completions, of those that wait in queues that go by them. */
  costs(waiting: Iterable<Workload>, queues: readonly QueueView[], nowMs: number): ReadonlyMap<string, number> {
    return this.#estimates.costs(waiting, queues, nowMs);
  }

  /**
   * When those that wait for nodes are expected to start, in ms by Workload.key.
   * @param asking such as only ask when they could start
   */
  starts(sight: PresentSight, asking: readonly Workload[], nowMs: number): ReadonlyMap<string, number> {
    const asks = new Set(asking.map(({ key }) => key));
    return startForecast(
      {
        clusters: sight.clusters,
        running: sight.running,
        pending: [...sight.pending, ...asking],
        reservations: this.reservations,
        reason: ({ key }) => (asks.has(key) ? PENDING_REASON.InsufficientGPU : sight.reason(key)),
        seconds: ({ key }) => this.expectedMs(key, nowMs) / 1000,
      },
      nowMs,
    );
  }
}
