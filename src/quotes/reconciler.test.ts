import { describe, expect, it } from 'vitest';
import { CONDITION, type ComputeQuote } from '../api/index.ts';
import { NOON, queue, snapshot } from '../core/testing/build.ts';
import type { HubStores } from '../hub/index.ts';
import { KubeError } from '../kube/errors.ts';
import type { WriteOutcome } from '../kube/status-writer.ts';
import { Store } from '../kube/store.ts';
import { FakeClock } from '../runtime/clock.ts';
import { isTrue } from '../workloads/conditions.ts';
import { QuoteReconciler } from './reconciler.ts';
import { aQuote } from './testing.ts';

const KEY = 'ns/ask';

function setUp(over: { ready?: boolean; queues?: ReturnType<typeof queue>[]; outcome?: WriteOutcome } = {}) {
  const clock = new FakeClock(NOON);
  const quotes = new Store<ComputeQuote>();
  const named = <T>() => new Store<T & { metadata: { name: string } }>();
  const hub = {
    quotes,
    namespaces: named(),
    priorityClasses: named(),
    datasets: named(),
    clusters: named(),
  } as unknown as HubStores;
  const state = { ready: over.ready ?? true, queues: over.queues ?? [queue('default')] };
  const calls: string[] = [];
  let version = 10;
  const reconciler = new QuoteReconciler({
    hub,
    client: {
      delete: async (_resource, { uid }) => {
        calls.push(`delete ${uid}`);
        throw new KubeError('gone', { status: 404, reason: 'NotFound' });
      },
    },
    scheduler: { snapshot: () => snapshot({ queues: state.queues }) },
    namespaces: { excluded: () => [] },
    status: {
      writeObject: async (_resource, object, status, store) => {
        calls.push('write');
        const outcome = over.outcome ?? 'written';
        version += 1;
        const metadata = { ...object.metadata, resourceVersion: String(version) };
        if (outcome !== 'written') return { outcome };
        const stored = { ...object, metadata, status };
        store?.applyIfCurrent(stored, object.metadata.resourceVersion);
        return { outcome, object: stored };
      },
    },
    ready: () => state.ready,
    clock,
  });
  return { clock, quotes, state, calls, reconcile: () => reconciler.reconcile(KEY) };
}

describe('the quote reconciler', () => {
  it('answers once, and deletes the quote when its time is over', async () => {
    const { clock, quotes, calls, reconcile } = setUp();
    quotes.apply(aQuote({ ttlSeconds: 60 }));
    expect(await reconcile()).toEqual({ requeueAfterMs: 61_049 });
    expect(isTrue(quotes.get(KEY)?.status?.conditions, CONDITION.Answered)).toBe(true);
    await clock.advance(30_000);
    expect(await reconcile()).toEqual({ requeueAfterMs: 31_049 });
    await clock.advance(31_049);
    await reconcile();
    expect(calls).toEqual(['write', 'delete uid-ask']);
  });

  it('waits until every region is listed or known not to answer', async () => {
    const { quotes, state, calls, reconcile } = setUp({ ready: false });
    quotes.apply(aQuote());
    expect(await reconcile()).toEqual({ requeueAfterMs: 200 });
    expect(calls).toEqual([]);
    state.ready = true;
    await reconcile();
    expect(calls).toEqual(['write']);
  });

  it('gives what was made beside it a moment to be seen', async () => {
    const { clock, quotes, state, calls, reconcile } = setUp({ queues: [] });
    quotes.apply(aQuote());
    expect(await reconcile()).toEqual({ requeueAfterMs: 250 });
    await clock.advance(1000);
    state.queues = [queue('default')];
    await reconcile();
    expect(calls).toEqual(['write']);
    expect(quotes.get(KEY)?.status?.conditions?.[0]?.reason).toBe('Offers');
  });

  it('says what is missing when it does not come', async () => {
    const { clock, quotes, reconcile } = setUp({ queues: [] });
    quotes.apply(aQuote());
    await reconcile();
    await clock.advance(2_000);
    await reconcile();
    expect(quotes.get(KEY)?.status?.conditions?.[0]?.message).toContain('queue default does not exist');
  });

  it('derives the answer again when the quote changed meanwhile', async () => {
    const { quotes, reconcile } = setUp({ outcome: 'conflict' });
    quotes.apply(aQuote());
    expect(await reconcile()).toEqual({ requeueAfterMs: 20 });
  });

  it('leaves alone what is gone or being deleted', async () => {
    const { quotes, calls, reconcile } = setUp();
    expect(await reconcile()).toBeUndefined();
    quotes.apply(aQuote({}, { metadata: { name: 'ask', deletionTimestamp: '2026-01-15T04:00:00Z' } }));
    expect(await reconcile()).toBeUndefined();
    expect(calls).toEqual([]);
  });

  it('sets no timer longer than timers can be', async () => {
    const { quotes, reconcile } = setUp();
    quotes.apply(aQuote({ ttlSeconds: 2_592_000 }));
    expect(await reconcile()).toEqual({ requeueAfterMs: 2 ** 31 - 1 });
  });
});
