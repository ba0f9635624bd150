import { describe, expect, it } from 'vitest';
import { FakeClock, systemClock } from './clock.ts';

describe('FakeClock', () => {
  it('fires timers in order of time, then of setting, and moves both clocks', async () => {
    const clock = new FakeClock(1000);
    const fired: string[] = [];
    clock.setTimer(() => fired.push(`b@${clock.monotonic()}`), 20);
    clock.setTimer(() => fired.push(`a@${clock.monotonic()}`), 10);
    clock.setTimer(() => fired.push(`c@${clock.monotonic()}`), 20);
    await clock.advance(15);
    expect(fired).toEqual(['a@10']);
    await clock.advance(5);
    expect(fired).toEqual(['a@10', 'b@20', 'c@20']);
    expect(clock.now()).toBe(1020);
  });

  it('fires timers that are set while time moves', async () => {
    const clock = new FakeClock();
    const fired: number[] = [];
    const again = (): void => {
      fired.push(clock.monotonic());
      if (fired.length < 3) clock.setTimer(again, 10);
    };
    clock.setTimer(again, 10);
    await clock.advance(100);
    expect(fired).toEqual([10, 20, 30]);
    expect(clock.monotonic()).toBe(100);
  });

  it('jumps wall time without moving durations', () => {
    const clock = new FakeClock(0);
    clock.jumpWall(3_600_000);
    expect([clock.now(), clock.monotonic()]).toEqual([3_600_000, 0]);
  });
});

describe('sleep', () => {
  it('ends at an abort without rejecting and leaves no timer behind', async () => {
    const clock = new FakeClock();
    const abort = new AbortController();
    const slept = clock.sleep(1000, abort.signal);
    abort.abort();
    await slept;
    expect(clock.pendingTimers).toBe(0);
    await clock.sleep(1000, abort.signal);
  });

  it('works on the real clock', async () => {
    const before = systemClock.monotonic();
    await systemClock.sleep(5);
    expect(systemClock.monotonic()).toBeGreaterThan(before);
  });
});
