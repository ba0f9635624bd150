import { describe, expect, it } from 'vitest';
import { FakeClock } from '../runtime/clock.ts';
import { Recent } from './recent.ts';

describe('Recent', () => {
  it('forgets after its time, which begins anew when a value is set again', async () => {
    const clock = new FakeClock();
    const recent = new Recent<number>(clock, 1000, 10);
    recent.set('a', 1);
    await clock.advance(999);
    expect(recent.get('a')).toBe(1);
    recent.set('a', 2);
    await clock.advance(999);
    expect(recent.get('a')).toBe(2);
    await clock.advance(1);
    expect(recent.get('a')).toBeUndefined();
    expect(recent.size).toBe(0);
  });

  it('is bounded: the one that was set longest ago goes first', () => {
    const recent = new Recent<number>(new FakeClock(), 1000, 2);
    recent.set('a', 1);
    recent.set('b', 2);
    recent.set('a', 3);
    recent.set('c', 4);
    expect(['a', 'b', 'c'].map((key) => recent.get(key))).toEqual([3, undefined, 4]);
    expect(recent.size).toBe(2);
  });
});
