import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkElectorConfig, type ElectorConfig, electorStep, type LeaseRecord } from './elector.ts';

const config: ElectorConfig = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2000 };
const held = (holder: string, transitions = 4): LeaseRecord => ({ holder, leaseDurationMs: 15_000, transitions });

describe('electorStep', () => {
  it('creates what is not there', () => {
    expect(electorStep(undefined, 0, 0, 'me', config)).toEqual({ action: 'create', transitions: 0 });
  });

  it('renews what it holds, in the same epoch', () => {
    expect(electorStep(held('me'), 0, 1e9, 'me', config, true)).toEqual({ action: 'renew', transitions: 4 });
  });

  it('takes what an earlier life of its own name held, in a new epoch', () => {
    expect(electorStep(held('me'), 0, 0, 'me', config)).toEqual({ action: 'acquire', transitions: 5 });
  });

  it('takes what was released at once', () => {
    expect(electorStep(held(''), 0, 0, 'me', config)).toEqual({ action: 'acquire', transitions: 5 });
  });

  it('waits until the record was seen unchanged for the whole lease duration', () => {
    expect(electorStep(held('you'), 1000, 2000, 'me', config)).toEqual({ action: 'wait', waitMs: 2000 });
    expect(electorStep(held('you'), 1000, 15_500, 'me', config)).toEqual({ action: 'wait', waitMs: 501 });
    expect(electorStep(held('you'), 1000, 16_001, 'me', config)).toEqual({ action: 'acquire', transitions: 5 });
  });

  it('respects a holder with a longer lease than its own', () => {
    const record = { ...held('you'), leaseDurationMs: 60_000 };
    expect(electorStep(record, 0, 59_000, 'me', config).action).toBe('wait');
  });

  it('never takes from a live holder before its local deadline has passed', () => {
    // The holder's deadline runs from before it sent its renewal; the candidate's from after it saw it.
    fc.assert(
      fc.property(fc.nat(5000), fc.nat(20_000), (delay, waited) => {
        const sentAt = 0;
        const observedAt = sentAt + delay;
        const now = observedAt + waited;
        const step = electorStep(held('you'), observedAt, now, 'me', config);
        return step.action === 'wait' || now > sentAt + config.renewDeadlineMs;
      }),
    );
  });
});

it('refuses times under which two could lead', () => {
  expect(() => checkElectorConfig({ ...config, renewDeadlineMs: 15_000 })).toThrow(/lease duration \(15000 ms\)/);
  expect(() => checkElectorConfig({ ...config, retryPeriodMs: 9000 })).toThrow(/renew deadline/);
  expect(() => checkElectorConfig({ ...config, retryPeriodMs: 0 })).toThrow(/retry period/);
  checkElectorConfig(config);
});
