import type { ComputeQuote } from '../api/index.ts';
import { declaredAccelerators, type HubStores, priorityOf, QUOTES, queueOf } from '../hub/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, isNotFound } from '../kube/errors.ts';
import type { StatusWriter } from '../kube/status-writer.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ReconcileResult } from '../runtime/controller.ts';
import type { Scheduler } from '../scheduling/index.ts';
import type { MemberNamespaces } from '../workloads/namespaces.ts';
import { Stopwatches } from '../workloads/watches.ts';
import { answer, answeredStatus, expiresAt, isAnswered, type QuoteContext } from './answer.ts';

export interface QuoteDeps {
  readonly hub: HubStores;
  readonly client: Pick<KubeClient, 'delete'>;
  readonly scheduler: Pick<Scheduler, 'snapshot'>;
  readonly namespaces: Pick<MemberNamespaces, 'excluded'>;
  readonly status: Pick<StatusWriter, 'writeObject'>;
  /** The hub is listed, and every member is listed or known not to answer: before that nothing is answered. */
  readonly ready: () => boolean;
  readonly clock: Clock;
}

/** How soon to look again while not ready, and at a quote that names what was not seen, in ms. */
const NOT_READY_MS = 200;
const UNSEEN_RETRY_MS = 250;
/** What a quote names may have been made a moment before it and be seen a moment after: so long is waited, in ms. */
const UNSEEN_GRACE_MS = 2_000;
/** Longest wait of a timer. */
const MAX_WAIT_MS = 2 ** 31 - 1;

/** Answers a ComputeQuote once, from the present state, and deletes it when its time is over. */
export class QuoteReconciler {
  readonly #deps: QuoteDeps;
  readonly #watches: Stopwatches;

  constructor(deps: QuoteDeps) {
    this.#deps = deps;
    this.#watches = new Stopwatches(deps.clock);
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const quote = this.#deps.hub.quotes.get(key);
    if (quote === undefined || quote.metadata.deletionTimestamp !== undefined) {
      this.#watches.elapsed(key, false);
      return undefined;
    }
    return isAnswered(quote) ? this.#expire(quote) : this.#answer(key, quote);
  }

  async #answer(key: string, quote: ComputeQuote): Promise<ReconcileResult> {
    const { ready, clock, hub, status } = this.#deps;
    if (!ready()) return { requeueAfterMs: NOT_READY_MS };
    const nowMs = clock.now();
    const given = answer(quote, this.#context(quote, nowMs));
    if (given.missing && this.#watches.elapsed(key, true) < UNSEEN_GRACE_MS) return { requeueAfterMs: UNSEEN_RETRY_MS };
    this.#watches.elapsed(key, false);
    const next = answeredStatus(quote, given, nowMs);
    const { outcome } = await status.writeObject(QUOTES, quote, next, hub.quotes);
    if (outcome === 'conflict') return { requeueAfterMs: 20 };
    if (outcome === 'gone') return undefined;
    return this.#wait({ ...quote, status: next });
  }

  #context(quote: ComputeQuote, nowMs: number): QuoteContext {
    const { hub, namespaces, scheduler } = this.#deps;
    const namespace = quote.metadata.namespace ?? '';
    return {
      queue: queueOf(hub, namespace, quote.spec.queue),
      priority: priorityOf(hub, quote.spec.priorityClassName),
      dataset: (name) => hub.datasets.get(`${namespace}/${name}`),
      declared: declaredAccelerators(hub),
      excluded: namespaces.excluded(namespace),
      snapshot: scheduler.snapshot(),
      nowMs,
    };
  }

  #wait(quote: ComputeQuote): ReconcileResult {
    const left = expiresAt(quote) - this.#deps.clock.now();
    return Number.isFinite(left) ? { requeueAfterMs: Math.min(Math.max(left, 0) + 50, MAX_WAIT_MS) } : undefined;
  }

  async #expire(quote: ComputeQuote): Promise<ReconcileResult> {
    if (!(expiresAt(quote) <= this.#deps.clock.now())) return this.#wait(quote);
    const { name, namespace = '', uid = '' } = quote.metadata;
    try {
      await this.#deps.client.delete(QUOTES, { namespace, name, uid });
    } catch (error) {
      // Gone, or another one under the same name: the watch tells.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    return undefined;
  }
}
