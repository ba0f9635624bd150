import { describe, expect, it } from 'vitest';
import { FakeClock } from './clock.ts';
import { MemoryMetrics } from './metrics.ts';
import { Workqueue } from './workqueue.ts';

function setup() {
  const clock = new FakeClock();
  const metrics = new MemoryMetrics();
  const queue = new Workqueue({ name: 'q', clock, metrics, baseDelayMs: 10, maxDelayMs: 100 });
  const take = async (): Promise<string | undefined> => (queue.depth() > 0 ? (await queue.get())?.key : undefined);
  return { clock, metrics, queue, take };
}

describe('Workqueue', () => {
  it('hands out equal keys once', async () => {
    const { queue, take } = setup();
    queue.add('a');
    queue.add('b');
    queue.add('a');
    expect(queue.depth()).toBe(2);
    expect([await take(), await take()]).toEqual(['a', 'b']);
    expect(queue.depth()).toBe(0);
  });

  it('keeps a key that is added while it is processed until it is done', async () => {
    const { queue, take } = setup();
    queue.add('a');
    await take();
    queue.add('a');
    queue.add('b');
    expect(await take()).toBe('b');
    queue.done('a');
    expect(await take()).toBe('a');
  });

  it('takes the highest priority first, first come first served among equals', async () => {
    const { queue, take } = setup();
    queue.add('a');
    queue.add('b', { priority: 5 });
    queue.add('c');
    queue.add('c', { priority: 5 });
    queue.add('c', { priority: 1 });
    expect([await take(), await take(), await take()]).toEqual(['b', 'c', 'a']);
  });

  it('lets the shorter delay win', async () => {
    const { queue, clock, take } = setup();
    queue.addAfter('a', 100);
    queue.addAfter('a', 50);
    queue.addAfter('a', 200);
    expect(queue.depth()).toBe(0);
    clock.tick(50);
    expect(await take()).toBe('a');
    queue.done('a');
    clock.tick(1000);
    expect(queue.depth()).toBe(0);
  });

  it('an add overtakes a delay and takes its priority along', async () => {
    const { queue, clock, take } = setup();
    queue.addAfter('a', 1000, { priority: 9 });
    queue.add('b', { priority: 5 });
    queue.add('a');
    expect([await take(), await take()]).toEqual(['a', 'b']);
    queue.done('a');
    clock.tick(2000);
    expect(queue.depth()).toBe(0);
  });

  it('a delay that ends while the key is processed waits for done', async () => {
    const { queue, clock, take } = setup();
    queue.add('a');
    await take();
    queue.addAfter('a', 10);
    clock.tick(20);
    const next = queue.get();
    queue.done('a');
    expect((await next)?.key).toBe('a');
  });

  it('rate limits each key by its own failures, until it is forgotten', async () => {
    const { queue, take, clock } = setup();
    expect([queue.addRateLimited('a'), queue.addRateLimited('a'), queue.addRateLimited('b')]).toEqual([10, 20, 10]);
    for (let i = 0; i < 60; i++) queue.addRateLimited('a');
    expect(queue.addRateLimited('a')).toBe(100);
    clock.tick(10);
    expect([await take(), await take()]).toEqual(['a', 'b']);
    queue.forget('a');
    expect(queue.retries('a')).toBe(0);
    expect(queue.addRateLimited('a')).toBe(10);
  });

  it('ends a waiting get at an abort without losing a key', async () => {
    const { queue } = setup();
    const abort = new AbortController();
    const waiting = queue.get(abort.signal);
    abort.abort();
    expect(await waiting).toBeUndefined();
    queue.add('a');
    expect((await queue.get())?.key).toBe('a');
  });

  it('stop ends all waiting and refuses more', async () => {
    const { queue, clock } = setup();
    queue.addAfter('x', 10);
    const waiting = queue.get();
    queue.stop();
    queue.add('a');
    expect(await waiting).toBeUndefined();
    expect(await queue.get()).toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });

  it('counts as the workqueue dashboards expect', async () => {
    const { queue, clock, metrics, take } = setup();
    const value = (name: string): number => metrics.value(name, { name: 'q' });
    queue.add('a');
    queue.add('a');
    queue.add('b');
    expect(value('workqueue_depth')).toBe(2);
    expect(value('workqueue_adds_total')).toBe(2);
    clock.tick(1000);
    await take();
    expect(value('workqueue_queue_duration_seconds_sum')).toBe(1);
    clock.tick(3000);
    expect(value('workqueue_unfinished_work_seconds')).toBe(3);
    expect(value('workqueue_longest_running_processor_seconds')).toBe(3);
    queue.done('a');
    expect(value('workqueue_work_duration_seconds_sum')).toBe(3);
    queue.addRateLimited('a');
    expect(value('workqueue_retries_total')).toBe(1);
  });
});
