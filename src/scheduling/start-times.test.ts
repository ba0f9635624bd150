import { describe, expect, it } from 'vitest';
import { StartTimes } from './start-times.ts';

const told = (...list: (readonly [key: string, cluster: string, seconds: number, attempt?: number])[]): StartTimes => {
  const times = new StartTimes();
  for (const [key, cluster, seconds, attempt = 1] of list) times.observe(key, { cluster, attempt, seconds });
  return times;
};

describe('StartTimes', () => {
  it('knows nothing before the first start', () => {
    expect(new StartTimes().seconds('guian')).toBe(0);
  });

  it('takes the median, which one slow start does not move', () => {
    const times = told(['a', 'guian', 10], ['b', 'guian', 12], ['c', 'guian', 900]);
    expect(times.seconds('guian')).toBe(12);
  });

  it('takes that of all clusters for one where nothing has started yet', () => {
    const times = told(['a', 'guian', 10], ['b', 'lingang', 20], ['c', 'lingang', 30]);
    expect(times.seconds('zhongwei')).toBe(20);
  });

  it('counts an attempt once, and the next one again', () => {
    const times = told(['a', 'guian', 10], ['a', 'guian', 700], ['a', 'guian', 30, 2], ['b', 'guian', 40]);
    expect(times.seconds('guian')).toBe(30);
  });

  it('goes by the latest', () => {
    const times = new StartTimes();
    for (let i = 0; i < 100; i += 1) times.observe(`w${i}`, { cluster: 'guian', attempt: 1, seconds: i < 60 ? 5 : 60 });
    expect(times.seconds('guian')).toBe(60);
  });
});
