import { describe, expect, it } from 'vitest';
import { anAdmission, aTraining } from '../../test/support/builders.ts';
import { nextDeadlineMs } from './lifecycle.ts';

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
