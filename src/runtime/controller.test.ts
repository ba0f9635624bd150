import { describe, expect, it } from 'vitest';
import { FakeClock } from './clock.ts';
import { Controller, type ControllerOptions, type Reconcile } from './controller.ts';
import { TerminalError } from './errors.ts';
import { MemoryLogger } from './logger.ts';
import { MemoryMetrics } from './metrics.ts';

function setup(reconcile: Reconcile, options: Partial<ControllerOptions> = {}) {
  const clock = new FakeClock();
  const metrics = new MemoryMetrics();
  const logger = new MemoryLogger();
  const controller = new Controller({ name: 'c', reconcile, concurrency: 2, logger, clock, metrics, ...options });
  const stop = new AbortController();
  const running = controller.run(stop.signal);
  const total = (result: string): number =>
    metrics.value('controller_runtime_reconcile_total', { controller: 'c', result });
  return { clock, metrics, logger, controller, stop, running, total };
}

/** A reconciler that blocks until it is released, key by key. */
function gate() {
  const started: string[] = [];
  const release = new Map<string, () => void>();
  const reconcile: Reconcile = (key, signal) => {
    started.push(key);
    return new Promise((resolve, reject) => {
      release.set(key, resolve);
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  };
  return { started, release, reconcile };
}

describe('Controller', () => {
  it('runs different keys at once, up to its concurrency, and equal keys never', async () => {
    const { started, release, reconcile } = gate();
    const { controller, clock } = setup(reconcile);
    for (const key of ['a', 'b', 'c']) controller.enqueue(key);
    await clock.advance(0);
    expect(started).toEqual(['a', 'b']);
    controller.enqueue('a');
    release.get('b')?.();
    await clock.advance(0);
    expect(started).toEqual(['a', 'b', 'c']);
    release.get('c')?.();
    await clock.advance(0);
    expect(started).toEqual(['a', 'b', 'c']);
    release.get('a')?.();
    await clock.advance(0);
    expect(started).toEqual(['a', 'b', 'c', 'a']);
  });

  it('repeats what throws, further and further apart, until it succeeds', async () => {
    const at: number[] = [];
    const { controller, clock, total, metrics } = setup(async () => {
      at.push(clock.monotonic());
      if (at.length < 4) throw new Error('not yet');
    });
    controller.enqueue('a');
    await clock.advance(60_000);
    expect(at).toEqual([0, 5, 15, 35]);
    expect([total('error'), total('success')]).toEqual([3, 1]);
    expect(controller.queue.retries('a')).toBe(0);
    expect(metrics.value('controller_runtime_reconcile_panics_total', { controller: 'c' })).toBe(0);
    expect(metrics.value('controller_runtime_reconcile_errors_total', { controller: 'c' })).toBe(3);
  });

  it('does not repeat a TerminalError', async () => {
    let calls = 0;
    const { controller, clock, total, metrics } = setup(async () => {
      calls += 1;
      throw new TerminalError('bad spec');
    });
    controller.enqueue('a');
    await clock.advance(600_000);
    expect([calls, total('terminal')]).toEqual([1, 1]);
    for (const family of ['reconcile_errors', 'terminal_reconcile_errors']) {
      expect(metrics.value(`controller_runtime_${family}_total`, { controller: 'c' }), family).toBe(1);
    }
  });

  it('counts programming errors, synchronous ones too, and goes on', async () => {
    const { controller, clock, metrics, logger } = setup((key) => {
      if (key === 'a') return (undefined as unknown as { f(): Promise<void> }).f();
      return Promise.resolve();
    });
    controller.enqueue('a');
    controller.enqueue('b');
    await clock.advance(1);
    expect(metrics.value('controller_runtime_reconcile_panics_total', { controller: 'c' })).toBe(1);
    expect(logger.lines.some((line) => line.level === 'error' && 'stack' in line.fields)).toBe(true);
  });

  it('comes back after requeueAfterMs', async () => {
    const at: number[] = [];
    const { controller, clock } = setup(async () => {
      at.push(clock.monotonic());
      return { requeueAfterMs: 1000 };
    });
    controller.enqueueAfter('a', 500);
    await clock.advance(3000);
    expect(at).toEqual([500, 1500, 2500]);
  });

  it('aborts the signal at the timeout and repeats the key', async () => {
    const { started, reconcile } = gate();
    const { controller, clock, metrics } = setup(reconcile, { timeoutMs: 100 });
    controller.enqueue('a');
    await clock.advance(99);
    expect(started).toEqual(['a']);
    await clock.advance(10);
    expect(started).toEqual(['a', 'a']);
    expect(metrics.value('controller_runtime_reconcile_timeouts_total', { controller: 'c' })).toBe(1);
  });

  it('finishes work in flight at stop and starts no more', async () => {
    const { started, release, reconcile } = gate();
    const { controller, clock, stop, running } = setup(reconcile);
    for (const key of ['a', 'b', 'c']) controller.enqueue(key);
    await clock.advance(0);
    let ended = false;
    void running.then(() => {
      ended = true;
    });
    stop.abort();
    release.get('a')?.();
    await clock.advance(0);
    expect([ended, started]).toEqual([false, ['a', 'b']]);
    release.get('b')?.();
    await running;
    expect(started).toEqual(['a', 'b']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('aborts work in flight that does not finish in time', async () => {
    const { reconcile } = gate();
    const { controller, clock, stop, running } = setup(reconcile, { drainMs: 1000 });
    controller.enqueue('a');
    await clock.advance(0);
    stop.abort();
    await clock.advance(1001);
    await running;
  });
});
