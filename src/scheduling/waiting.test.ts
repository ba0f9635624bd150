import { describe, expect, it } from 'vitest';
import type { PendingReason } from '../api/index.ts';
import type { NotAdmitted, Workload } from '../core/model.ts';
import { workload } from '../core/testing/build.ts';
import { type Marks, Waiting } from './waiting.ts';

/** Counters that a test turns up. */
function counters() {
  const count = { settings: 0, quota: {} as Record<string, number>, room: {} as Record<string, number> };
  const marks = (): Marks => {
    const now = structuredClone(count);
    return { settings: now.settings, quota: (queue) => now.quota[queue] ?? 0, room: (type) => now.room[type] ?? 0 };
  };
  return { count, marks };
}

const a100 = { accelerators: [{ type: 'A100', countPerNode: 8 }] };
const short = (one: Workload, reason: PendingReason = 'InsufficientGPU'): NotAdmitted => ({
  workload: one,
  reason,
  message: 'short',
  filtered: [],
});
const keys = (workloads: readonly Workload[]): string[] => workloads.map(({ key }) => key);
const nobody = (): boolean => false;

function setUp(...workloads: Workload[]) {
  const waiting = new Waiting();
  for (const one of workloads) waiting.set(one);
  return { waiting, ...counters() };
}

describe('who waits', () => {
  it('is tried until it was found not to fit, and then only when something that could help it has changed', () => {
    const [h, a] = [workload('h'), workload('a', { request: a100, queue: 'r' })];
    const { waiting, count, marks } = setUp(h, a);
    expect(keys(waiting.awake(marks()))).toEqual(['h', 'a']);
    waiting.park([short(h), short(a)], marks(), nobody);
    expect(waiting.awake(marks())).toEqual([]);
    count.room.A100 = 1;
    expect(keys(waiting.awake(marks()))).toEqual(['a']);
    waiting.park([short(a)], marks(), nobody);
    count.quota.q = 1;
    expect(keys(waiting.awake(marks()))).toEqual(['h']);
    waiting.park([short(h)], marks(), nobody);
    count.settings = 1;
    expect(keys(waiting.awake(marks()))).toEqual(['h', 'a']);
  });

  it('is tried again when room grew anywhere, where power is short: whatever drew it gives it back', () => {
    const h = workload('h');
    const { waiting, count, marks } = setUp(h);
    waiting.park([short(h, 'InsufficientPower')], marks(), nobody);
    expect(waiting.awake(marks())).toEqual([]);
    count.room[''] = 1;
    expect(keys(waiting.awake(marks()))).toEqual(['h']);
  });

  it('is tried again when room grew while the cycle ran', () => {
    const h = workload('h');
    const { waiting, count, marks } = setUp(h);
    const before = marks();
    waiting.awake(before);
    count.room.H100 = 1;
    waiting.park([short(h)], before, nobody);
    expect(keys(waiting.awake(marks()))).toEqual(['h']);
  });

  it('is told the answer of its class at once, without a try, when that is parked', () => {
    const first = workload('first');
    const { waiting, marks } = setUp(first);
    waiting.awake(marks());
    waiting.park([short(first)], marks(), nobody);
    const second = workload('second');
    expect(second.classKey).toBe(first.classKey);
    expect(waiting.set(second)).toBe(true);
    expect(waiting.awake(marks())).toEqual([]);
    expect(waiting.unanswered()).toEqual([short(second)]);
    expect(waiting.unanswered()).toEqual([]);
    expect(waiting.set(workload('second'))).toBe(false);
  });

  it('stays awake where time alone may end the wait, where the order is strict, and while it has nodes kept', () => {
    const reasons = ['BehindHead', 'BehindReservation', 'Preempting', 'WaitingForCleanup'] as const;
    const list = reasons.map((reason, i) => short(workload(reason, { priority: i }), reason));
    const { waiting, marks } = setUp(...list.map((one) => one.workload));
    waiting.park(list, marks(), nobody);
    expect(keys(waiting.awake(marks()))).toEqual([...reasons]);
    const head = workload('head', { priority: 9 });
    waiting.set(head);
    waiting.park([short(head)], marks(), ({ key }) => key === 'head');
    expect(keys(waiting.awake(marks()))).toContain('head');
  });

  it('is tried when it is asked for by name, though its class is parked', () => {
    const [one, two] = [workload('one'), workload('two')];
    const { waiting, marks } = setUp(one, two);
    expect(keys(waiting.awake(marks(), ['two']))).toEqual(['one', 'two']);
    waiting.park([short(one)], marks(), nobody);
    expect(keys(waiting.awake(marks(), ['two', 'gone', 'two']))).toEqual(['two']);
  });

  it('leaves its class when it asks for something else, or goes', () => {
    const [one, other] = [workload('one'), workload('other')];
    const { waiting, marks } = setUp(one, other);
    waiting.park([short(one)], marks(), nobody);
    const changed = workload('one', { request: a100 });
    expect(waiting.set(changed)).toBe(true);
    expect(keys(waiting.awake(marks()))).toEqual(['one']);
    waiting.delete('one');
    waiting.delete('other');
    expect([waiting.size, waiting.awake(marks())]).toEqual([0, []]);
    waiting.set(workload('other'));
    expect(keys(waiting.awake(marks()))).toEqual(['other']);
  });

  it('is not parked by an answer that was for a former version of it', () => {
    const one = workload('one');
    const { waiting, marks } = setUp(one);
    waiting.set(workload('one', { queuedAt: 5 }));
    waiting.park([short(one)], marks(), nobody);
    expect(keys(waiting.awake(marks()))).toEqual(['one']);
  });

  it('of CPU only is woken by room on any node', () => {
    const cpu = workload('cpu', { request: { accelerators: [] } });
    const { waiting, count, marks } = setUp(cpu);
    waiting.park([short(cpu)], marks(), nobody);
    count.room[''] = 1;
    expect(keys(waiting.awake(marks()))).toEqual(['cpu']);
  });
});
