import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anAdmission } from '../../test/support/builders.ts';
import type { AttemptRecord, ModelTrainingStatus, Progress } from '../api/index.ts';
import { leftSeconds, progressDueMs, withProgress } from './progress.ts';

const T0 = Date.parse('2026-01-01T00:00:00Z');
const at = (seconds: number): string => new Date(T0 + seconds * 1000).toISOString().replace('.000', '');
const running = (over: Partial<ModelTrainingStatus> = {}): ModelTrainingStatus => ({
  phase: 'Running',
  stateSince: at(0),
  admission: anAdmission(),
  ...over,
});
/** One look at `seconds`; nothing else has changed unless `isTransition`. */
const look = (status: ModelTrainingStatus, told: Progress | undefined, seconds: number, isTransition = false) =>
  withProgress(status, status, { told, nowMs: T0 + seconds * 1000, isTransition });
const record = (over: Partial<AttemptRecord> = {}): AttemptRecord => ({
  ...{ attempt: 1, region: 'r', cluster: 'c', startTime: at(0), endTime: at(200), endReason: 'PodLost' },
  ...{ runningSeconds: 200, gpuSeconds: 3200, ...over },
});

describe('what a program tells', () => {
  it('is kept as whole percent, with the time at which it was taken', () => {
    expect(look(running(), { percent: 37.9, remainingSeconds: 7200 }, 100).trainerStatus).toEqual({
      progressPercentage: 37,
      estimatedRemainingSeconds: 7200,
      lastUpdatedTime: at(100),
    });
    expect(look(running(), undefined, 100)).not.toHaveProperty('trainerStatus');
  });

  it('lets the rest be reckoned from the time it ran, over all its attempts, where it does not tell it', () => {
    const times = { queuedSeconds: 0, startingSeconds: 0, runningSeconds: 200, suspendedSeconds: 0 };
    const status = running({ times });
    expect(look(status, { percent: 25 }, 100).trainerStatus?.estimatedRemainingSeconds).toBe(900);
    expect(look(status, { percent: 0.2 }, 100).trainerStatus).not.toHaveProperty('estimatedRemainingSeconds');
    const starting: ModelTrainingStatus = { ...running(), phase: 'Starting' };
    expect(look(starting, { percent: 50 }, 100).trainerStatus).not.toHaveProperty('estimatedRemainingSeconds');
  });

  it('is written once a minute at most, and then', () => {
    const first = look(running(), { percent: 10 }, 100);
    expect(look(first, { percent: 12 }, 159)).toEqual(first);
    expect(progressDueMs(first, { percent: 12 }, T0 + 159_000)).toBe(1000);
    expect(progressDueMs(first, { percent: 12 }, T0 + 120_000)).toBe(40_000);
    const second = look(first, { percent: 12 }, 160);
    expect(second.trainerStatus).toMatchObject({ progressPercentage: 12, lastUpdatedTime: at(160) });
    expect(progressDueMs(second, { percent: 12 }, T0 + 160_000)).toBeUndefined();
  });

  it('goes along where something else is written', () => {
    const first = look(running(), { percent: 10 }, 100);
    expect(look(first, { percent: 12 }, 101, true).trainerStatus?.progressPercentage).toBe(12);
  });

  it('is no news within a percent, nor while its words do not change', () => {
    const first = look(running(), { percent: 10.1, remainingSeconds: 3600 }, 0);
    expect(look(first, { percent: 10.9, remainingSeconds: 3600 }, 3000)).toEqual(first);
    // On its way as it said.
    expect(look(first, { percent: 10.9, remainingSeconds: 3300 }, 300)).toEqual(first);
    expect(look(first, { percent: 10.9, remainingSeconds: 7200 }, 300).trainerStatus).toMatchObject({
      estimatedRemainingSeconds: 7200,
    });
  });

  it('may go back', () => {
    const first = look(running(), { percent: 50 }, 100);
    expect(look(first, { percent: 40 }, 200).trainerStatus?.progressPercentage).toBe(40);
  });

  it('costs at most one write a minute, whatever it tells', () => {
    const words = fc.record(
      { percent: fc.double({ min: 0, max: 100, noNaN: true }), remainingSeconds: fc.nat(1e6) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), words)), (looks) => {
        let [status, now, last] = [running(), 0, Number.NEGATIVE_INFINITY];
        for (const [seconds, told] of looks) {
          now += seconds;
          const next = look(status, told, now);
          if (next.trainerStatus !== status.trainerStatus) {
            expect(now - last).toBeGreaterThanOrEqual(60);
            last = now;
          }
          status = next;
        }
      }),
    );
  });
});

describe('what was told, after an attempt', () => {
  const told = look(running(), { percent: 50, remainingSeconds: 200 }, 200);
  const { admission: _released, ...free } = told;
  const ended = (over: Partial<ModelTrainingStatus>) =>
    withProgress(told, { ...free, ...over }, { told: undefined, nowMs: T0 + 300_000, isTransition: true });

  it('is over where no checkpoint was told of: the next begins anew', () => {
    expect(ended({ phase: 'Queued', attempts: [record()] })).not.toHaveProperty('trainerStatus');
  });

  it('stands where one was, and until the next attempt tells its own', () => {
    const waiting = ended({ phase: 'Queued', attempts: [record({ checkpointTime: at(190) })] });
    expect(waiting.trainerStatus).toEqual(told.trainerStatus);
    const again = { ...waiting, ...running({ stateSince: at(400) }) };
    expect(look(again, undefined, 500).trainerStatus).toEqual(told.trainerStatus);
    expect(look(again, { percent: 48 }, 500).trainerStatus).toMatchObject({ progressPercentage: 48 });
  });

  it('of one that finished is its last word, without a rest; 100 only where it said so', () => {
    const done = ended({ phase: 'Succeeded', completionTime: at(300), attempts: [record()] });
    expect(done.trainerStatus).toEqual({ progressPercentage: 50, lastUpdatedTime: at(200) });
    expect(leftSeconds(done, T0 + 400_000)).toBeUndefined();
    const said = withProgress(
      told,
      { ...free, phase: 'Succeeded', completionTime: at(201) },
      { told: { percent: 100, remainingSeconds: 0 }, nowMs: T0 + 201_000, isTransition: true },
    );
    expect(said.trainerStatus).toEqual({ progressPercentage: 100, lastUpdatedTime: at(201) });
  });
});

describe('leftSeconds', () => {
  const trainerStatus = { estimatedRemainingSeconds: 600, lastUpdatedTime: at(100) };

  it('runs down while it runs, from when it was told', () => {
    expect(leftSeconds(running({ trainerStatus }), T0 + 400_000)).toBe(300);
    expect(leftSeconds(running({ trainerStatus }), T0 + 800_000)).toBe(-100);
  });

  it('stands still while it waits, and goes on with the next run', () => {
    expect(leftSeconds({ phase: 'Queued', stateSince: at(200), trainerStatus }, T0 + 900_000)).toBe(600);
    expect(leftSeconds(running({ trainerStatus, stateSince: at(1000) }), T0 + 1_010_000)).toBe(590);
  });

  it('is not known where nothing was told', () => {
    expect(leftSeconds(running(), T0)).toBeUndefined();
    expect(
      leftSeconds(running({ trainerStatus: { progressPercentage: 5, lastUpdatedTime: at(1) } }), T0),
    ).toBeUndefined();
  });
});
