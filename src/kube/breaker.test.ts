import { describe, expect, it } from 'vitest';
import { FakeClock } from '../runtime/clock.ts';
import { CircuitBreaker } from './breaker.ts';
import { TokenBucket } from './rate-limit.ts';
import { Slots } from './slots.ts';

function setup() {
  const clock = new FakeClock();
  const changes: boolean[] = [];
  const breaker = new CircuitBreaker({
    clock,
    random: () => 1,
    threshold: 3,
    baseOpenMs: 1000,
    maxOpenMs: 4000,
    onChange: (open) => changes.push(open),
  });
  const fail = (times: number): void => {
    for (let i = 0; i < times; i++) breaker.failure(false, 'refused');
  };
  return { clock, breaker, changes, fail };
}

describe('CircuitBreaker', () => {
  it('opens after failures in a row, not after scattered ones', () => {
    const { breaker, fail } = setup();
    fail(2);
    breaker.success();
    fail(2);
    expect(breaker.open).toBe(false);
    fail(1);
    expect(breaker.admit()).toEqual({ admitted: false, retryInMs: 1000, cause: 'refused' });
  });

  it('admits one probe after the pause and closes when it succeeds', () => {
    const { breaker, fail, clock, changes } = setup();
    fail(3);
    clock.tick(1000);
    expect(breaker.admit()).toEqual({ admitted: true, probe: true });
    expect(breaker.admit().admitted).toBe(false);
    breaker.success();
    expect(breaker.admit()).toEqual({ admitted: true, probe: false });
    expect(changes).toEqual([true, false]);
  });

  it('pauses longer after each failed probe, up to a bound', () => {
    const { breaker, fail, clock } = setup();
    fail(3);
    const pauses: number[] = [];
    for (let i = 0; i < 4; i++) {
      const refusal = breaker.refusal();
      pauses.push(refusal?.retryInMs ?? -1);
      clock.tick(refusal?.retryInMs ?? 0);
      breaker.admit();
      breaker.failure(true, 'still refused');
    }
    expect(pauses).toEqual([1000, 2000, 4000, 4000]);
    expect(breaker.refusal()?.cause).toBe('still refused');
  });

  it('probes again at once when the probe was given up by its caller', () => {
    const { breaker, fail, clock } = setup();
    fail(3);
    clock.tick(1000);
    breaker.admit();
    breaker.cancelled(true);
    expect(breaker.admit()).toEqual({ admitted: true, probe: true });
  });

  it('late failures of requests sent before it opened do not prolong the pause', () => {
    const { breaker, fail, clock } = setup();
    fail(3);
    clock.tick(900);
    fail(10);
    expect(breaker.refusal()?.retryInMs).toBe(250);
    clock.tick(100);
    expect(breaker.admit().admitted).toBe(true);
  });
});

it('TokenBucket lets a burst through, then one each interval, in order', () => {
  const clock = new FakeClock();
  const bucket = new TokenBucket(clock, 10, 2);
  expect([bucket.reserve(), bucket.reserve(), bucket.reserve(), bucket.reserve()]).toEqual([0, 0, 100, 200]);
  clock.tick(1000);
  expect([bucket.reserve(), bucket.reserve(), bucket.reserve()]).toEqual([0, 0, 100]);
});

it('Slots serve in order and forget those who gave up', async () => {
  const slots = new Slots(1);
  expect([slots.tryTake(), slots.tryTake()]).toEqual([true, false]);
  const abort = new AbortController();
  const given = slots.take(abort.signal);
  const kept = slots.take();
  abort.abort();
  expect(await given).toBe(false);
  slots.release();
  expect(await kept).toBe(true);
  slots.release();
  expect([slots.tryTake(), slots.waiting]).toEqual([true, 0]);
});
