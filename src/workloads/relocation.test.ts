import { describe, expect, it } from 'vitest';
import type { MemberJob } from '../regions/index.ts';
import { FakeClock } from '../runtime/clock.ts';
import { DeadManSwitches, renewedDeadline } from './relocation.ts';

const START = '2026-01-01T00:00:00Z';
const at = (seconds: number): number => Date.parse(START) + seconds * 1000;
const job = (over: Partial<MemberJob> = {}): MemberJob => ({
  metadata: { name: 'run-1', namespace: 'team', uid: 'j', resourceVersion: '1', labels: {}, annotations: {} },
  active: 1,
  ready: 1,
  succeeded: 0,
  failed: 0,
  complete: false,
  startTime: START,
  activeDeadlineSeconds: 900,
  ...over,
});

describe('renewedDeadline', () => {
  it('is not due before a third of the time has passed, and then gives the whole of it again', () => {
    expect(renewedDeadline(job(), 900, at(0))).toBeUndefined();
    expect(renewedDeadline(job(), 900, at(299))).toBeUndefined();
    expect(renewedDeadline(job(), 900, at(300))).toBe(1200);
    expect(renewedDeadline(job({ activeDeadlineSeconds: 1200 }), 900, at(301))).toBeUndefined();
  });

  it('is rounded up: never less than was promised', () => {
    expect(renewedDeadline(job(), 900, at(450.2))).toBe(1351);
  });

  it('is not due before the member has started the Job, nor after its end', () => {
    const { startTime: _none, ...unseen } = job();
    expect(renewedDeadline(unseen, 900, at(800))).toBeUndefined();
    expect(renewedDeadline(job({ complete: true }), 900, at(800))).toBeUndefined();
    expect(
      renewedDeadline(job({ failure: { reason: 'BackoffLimitExceeded', message: '' } }), 900, at(800)),
    ).toBeUndefined();
  });

  it('is due for a Job whose deadline was taken away', () => {
    const { activeDeadlineSeconds: _none, ...without } = job();
    expect(renewedDeadline(without, 900, at(10))).toBe(910);
  });

  it('takes a start ahead of our idea of the member’s clock for now', () => {
    expect(renewedDeadline(job({ activeDeadlineSeconds: 30 }), 900, at(-5))).toBe(900);
  });
});

describe('DeadManSwitches', () => {
  it('count from the last renewal that was sent', async () => {
    const clock = new FakeClock();
    const switches = new DeadManSwitches(clock);
    switches.renewing('u/1');
    await clock.advance(600_000);
    switches.renewing('u/1');
    await clock.advance(899_000);
    expect(switches.silence('u/1', 900_000)).toMatchObject({ over: false, leftMs: 1000 });
    await clock.advance(1000);
    expect(switches.silence('u/1', 900_000).over).toBe(true);
  });

  it('after a restart count from the first look: a former process may have renewed just before', async () => {
    const clock = new FakeClock();
    const switches = new DeadManSwitches(clock);
    expect(switches.silence('u/1', 900_000).leftMs).toBe(900_000);
    await clock.advance(900_000);
    expect(switches.silence('u/1', 900_000).over).toBe(true);
    switches.forget('u/');
    expect(switches.silence('u/1', 900_000).over).toBe(false);
  });
});
