import type { QueueView, Workload } from '../core/model.ts';
import { ServiceHistory } from '../core/ordering/history.ts';
import { costOf } from '../core/ordering/shortest-remaining.ts';
import type { Service } from './types.ts';

/** Completions of a queue that say something of the next one. */
const FEW = 5;

/** The chance that is meant by an expected end. */
const LIKELY = 0.5;

const sinceMs = ({ runningAtMs }: Service, nowMs: number): number => Math.max(0, nowMs - (runningAtMs ?? nowMs));

/** What its deadline leaves it. */
const limitMs = (service: Service, nowMs: number): number => {
  const { limitSeconds = Number.POSITIVE_INFINITY, attainedSeconds } = service;
  return Math.max(0, 1000 * (limitSeconds - attainedSeconds) - sinceMs(service, nowMs));
};

/** What each queue has learned of how long its workloads run, and what follows for those that wait. */
export class Estimates {
  readonly #histories = new Map<string, ServiceHistory>();
  readonly #latest = new Map<string, Service>();
  /** Seen before the first look: they are told in the order of their submission, which the estimates go by. */
  #early: Map<string, Service> | undefined = new Map();

  observe(key: string, service: Service): void {
    if (this.#early !== undefined) this.#early.set(key, service);
    else this.#tell(key, service);
  }

  /** Its object is gone. */
  forget(key: string): void {
    this.#early?.delete(key);
    const last = this.#latest.get(key);
    if (last !== undefined && last.end === undefined) this.#historyOf(last.queue).withdrawn(key);
    this.#latest.delete(key);
  }

  /** Costs in accelerator-seconds of those that wait in queues that go by it. */
  costs(waiting: Iterable<Workload>, queues: readonly QueueView[], nowMs: number): Map<string, number> {
    this.#catchUp();
    const byCost = new Map(queues.filter(({ ordering }) => ordering === 'ShortestRemaining').map((q) => [q.name, q]));
    const costs = new Map<string, number>();
    if (byCost.size === 0) return costs;
    for (const { key, queue, queuedAt, request } of waiting) {
      const view = byCost.get(queue);
      if (view === undefined) continue;
      const { attainedSeconds: attained = 0, declaredSeconds } = this.#latest.get(key) ?? {};
      const gpus = Math.max(1, (request.accelerators[0]?.countPerNode ?? 0) * request.pods);
      const waited = Math.max(0, (nowMs - queuedAt) / 1000);
      const remaining = declaredSeconds === undefined ? {} : { remaining: Math.max(0, declaredSeconds) };
      const job = { key, gpus, attained, waited, isRunning: false, ...remaining };
      const { agingSeconds } = view;
      costs.set(key, costOf(job, this.#historyOf(queue), agingSeconds === undefined ? {} : { agingSeconds }));
    }
    return costs;
  }

  /**
   * Milliseconds within which it is as likely as not to end, once it runs: as its program says, else as was learned. One
   * that is late by its own words is taken to need as long again as it is late, unless more is known.
   */
  expectedMs(key: string, nowMs: number): number {
    const learned = this.remainingMs(key, LIKELY, nowMs);
    const service = this.#latest.get(key);
    if (service?.declaredSeconds === undefined) return learned;
    const left = 1000 * service.declaredSeconds - sinceMs(service, nowMs);
    return left < 0 ? Math.min(-left, learned) : Math.min(left, limitMs(service, nowMs));
  }

  /** Milliseconds within which it ends with the chance `p`, by what was learned; infinite for what nobody can tell of. */
  remainingMs(key: string, p: number, nowMs: number): number {
    this.#catchUp();
    const service = this.#latest.get(key);
    if (service === undefined) return Number.POSITIVE_INFINITY;
    const attained = service.attainedSeconds + sinceMs(service, nowMs) / 1000;
    const history = this.#historyOf(service.queue);
    // Of one that has not run, in a queue where hardly any has ended, nothing is known.
    const isKnown = attained > 0 || history.completions >= FEW;
    const learned = isKnown ? history.remaining(key, attained, p) : Number.POSITIVE_INFINITY;
    return Math.min(1000 * learned, limitMs(service, nowMs));
  }

  #catchUp(): void {
    if (this.#early === undefined) return;
    const early = [...this.#early].sort(([a, x], [b, y]) => x.submittedAtMs - y.submittedAtMs || (a < b ? -1 : 1));
    this.#early = undefined;
    for (const [key, service] of early) this.#tell(key, service);
  }

  #tell(key: string, service: Service): void {
    const before = this.#latest.get(key);
    const moved = before !== undefined && before.queue !== service.queue;
    if (moved) this.#historyOf(before.queue).withdrawn(key);
    const history = this.#historyOf(service.queue);
    if (before === undefined || moved) {
      const { group, gpus, submittedAtMs } = service;
      history.submitted({ key, group, gpus, submittedAt: submittedAtMs / 1000 });
    }
    this.#latest.set(key, service);
    if (before?.end !== undefined && !moved) return;
    const { attainedSeconds, declaredSeconds } = service;
    if (attainedSeconds > 0) history.ran(key, attainedSeconds, declaredSeconds && Math.max(0, declaredSeconds));
    if (service.end === 'Ended') history.ended(key, service.attainedSeconds);
    else if (service.end === 'Withdrawn') history.withdrawn(key);
  }

  #historyOf(queue: string): ServiceHistory {
    let history = this.#histories.get(queue);
    if (history === undefined) {
      history = new ServiceHistory();
      this.#histories.set(queue, history);
    }
    return history;
  }
}
