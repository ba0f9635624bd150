import { describe, expect, it } from 'vitest';
import { checkpointOf } from './run.ts';

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
