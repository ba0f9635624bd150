import { describe, expect, it } from 'vitest';
import { checkpointOf, progressOf } from './run.ts';

const AT = '2026-07-01T08:15:30Z';
const of = (time?: string, seconds?: string) =>
  checkpointOf({
    ...(time === undefined ? {} : { 'aidc.dev/last-checkpoint-time': time }),
    ...(seconds === undefined ? {} : { 'aidc.dev/last-checkpoint-seconds': seconds }),
  });

describe('checkpointOf', () => {
  it('reads when a checkpoint was complete and how long it took', () => {
    expect(of(AT, '42.5')).toEqual({ atMs: Date.parse(AT), tookMs: 42_500 });
    expect(of(AT)).toEqual({ atMs: Date.parse(AT), tookMs: 0 });
  });

  it.each(['-1', '42s', '', 'NaN', 'Infinity', '1e99', ' 5'])('takes %j for no length', (seconds) => {
    expect(of(AT, seconds)?.tookMs).toBe(0);
  });

  it('knows nothing without a time that can be read', () => {
    expect(of(undefined, '5')).toBeUndefined();
    expect(of('yesterday', '5')).toBeUndefined();
  });
});

describe('progressOf', () => {
  const told = (progress?: string, remaining?: string) =>
    progressOf({
      ...(progress === undefined ? {} : { 'aidc.dev/progress': progress }),
      ...(remaining === undefined ? {} : { 'aidc.dev/remaining-seconds': remaining }),
    });

  it('reads percent and seconds, each where it is said', () => {
    expect(told('37', '7200')).toEqual({ percent: 37, remainingSeconds: 7200 });
    expect(told('37.5')).toEqual({ percent: 37.5 });
    expect(told(undefined, '0.2')).toEqual({ remainingSeconds: 1 });
    expect([told('0'), told('100'), told('100.0')].map((one) => one?.percent)).toEqual([0, 100, 100]);
  });

  it.each(['', '-1', '101', '100.5', '37%', ' 37', '1e1', 'NaN', '3/4', '037', '0x10', '1.'])(
    'takes %j for nothing',
    (text) => {
      expect(told(text)).toBeUndefined();
      expect(told(text, '60')).toEqual({ remainingSeconds: 60 });
    },
  );

  it.each(['', '-1', '1h', 'NaN', 'Infinity', '1e9', '12345678901'])('takes %j for no time', (text) => {
    expect(told('50', text)).toEqual({ percent: 50 });
  });
});
