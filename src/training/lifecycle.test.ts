import { describe, expect, it } from 'vitest';
import { anAdmission, aTraining } from '../../test/support/builders.ts';
import type { AttemptRecord } from '../api/training-status.ts';
import { afterEnd, appendAttempt, nextDeadlineMs } from './lifecycle.ts';

const record = (attempt: number, endReason: string, over: Partial<AttemptRecord> = {}): AttemptRecord => ({
  ...{ attempt, region: 'r', cluster: 'r', endTime: '2026-01-01T00:00:00Z', endReason, runningSeconds: 0 },
  ...{ gpuSeconds: 0, ...over },
});

const CREATED = Date.parse('2026-01-01T00:00:00Z');

describe('nextDeadlineMs', () => {
  it('is the time until the next thing a clock decides', () => {
    const training = aTraining({ spec: { preRunningDeadlineSeconds: 60 } });
    expect(nextDeadlineMs(training, CREATED + 20_000)).toBe(40_050);
  });

  it('does not look again and again at what is past', () => {
    const queued = aTraining({ status: { nextAttemptTime: '2026-01-01T00:00:10Z' } });
    expect(nextDeadlineMs(queued, CREATED + 20_000)).toBeUndefined();
    const late = aTraining({ spec: { preRunningDeadlineSeconds: 10 } });
    expect(nextDeadlineMs(late, CREATED + 20_000)).toBeUndefined();
    const silent = aTraining({
      spec: { activeDeadlineSeconds: 10 },
      status: {
        phase: 'Running',
        startTime: '2026-01-01T00:00:00Z',
        stateSince: '2026-01-01T00:00:00Z',
        admission: anAdmission(),
      },
    });
    expect(nextDeadlineMs(silent, CREATED + 20_000)).toBeUndefined();
  });
});

describe('the wait before the next attempt', () => {
  const waits = (reason: 'BindConflict' | 'DispatchRefused', before: readonly string[]): number => {
    const attempts = before.map((end, index) => record(index + 1, end));
    const { spec } = aTraining({ spec: { failurePolicy: { backoff: { initialSeconds: 10, maxSeconds: 60 } } } });
    const after = afterEnd(spec, { attempts }, reason);
    expect(after.outcome).toBe('retry');
    return after.waitSeconds;
  };

  it('grows while a region refuses', () => {
    expect(waits('DispatchRefused', [])).toBe(10);
    expect(waits('DispatchRefused', ['DispatchRefused', 'DispatchRefused'])).toBe(40);
    expect(waits('DispatchRefused', Array(9).fill('DispatchRefused'))).toBe(60);
    expect(waits('DispatchRefused', ['DispatchRefused', 'NodeLost'])).toBe(10);
  });

  it('is none for conflicts, but for many in a row', () => {
    expect(waits('BindConflict', [])).toBe(0);
    expect(waits('BindConflict', ['BindConflict', 'BindConflict'])).toBe(0);
    expect(waits('BindConflict', ['BindConflict', 'BindConflict', 'BindConflict'])).toBe(10);
    expect(waits('BindConflict', ['BindConflict', 'BindConflict', 'BindConflict', 'NodeLost'])).toBe(0);
  });
});

describe('the records of attempts', () => {
  it('are the newest, and the one that the next attempt resumes from', () => {
    const ran = record(1, 'NodeLost', { startTime: '2026-01-01T00:00:00Z' });
    let attempts = [ran];
    for (let attempt = 2; attempt <= 14; attempt += 1) {
      attempts = appendAttempt({ attempts }, record(attempt, 'BindConflict'));
    }
    expect(attempts).toHaveLength(10);
    expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  });
});
