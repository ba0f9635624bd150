import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { secondsUntilStart } from './start-time.ts';

describe('secondsUntilStart', () => {
  it('is now where enough is free', () => {
    expect(secondsUntilStart(8, 64, [{ gpus: 56, seconds: 100 }], [])).toBe(0);
  });

  it('is when enough of what runs has ended', () => {
    const running = [
      { gpus: 32, seconds: 300 },
      { gpus: 32, seconds: 100 },
    ];
    expect(secondsUntilStart(32, 64, running, [])).toBe(100);
    expect(secondsUntilStart(33, 64, running, [])).toBe(300);
  });

  it('is after those that stand before it', () => {
    const running = [{ gpus: 64, seconds: 100 }];
    expect(secondsUntilStart(64, 64, running, [{ gpus: 64, seconds: 50 }])).toBe(150);
    expect(secondsUntilStart(32, 64, running, [{ gpus: 32, seconds: 50 }])).toBe(100);
  });

  it('is never where it is larger than all there is; such a one holds up nobody', () => {
    expect(secondsUntilStart(65, 64, [], [])).toBe(Number.POSITIVE_INFINITY);
    expect(secondsUntilStart(8, 64, [], [{ gpus: 65, seconds: 1 }])).toBe(0);
  });

  it('does not come earlier by one more before it', () => {
    const occupant = fc.record({ gpus: fc.integer({ min: 1, max: 8 }), seconds: fc.nat(1000) });
    fc.assert(
      fc.property(fc.array(occupant, { maxLength: 8 }), fc.array(occupant), occupant, (running, ahead, more) => {
        const without = secondsUntilStart(8, 64, running, ahead);
        expect(secondsUntilStart(8, 64, running, [...ahead, more])).toBeGreaterThanOrEqual(without);
      }),
    );
  });
});
