import { describe, expect, it } from 'vitest';
import { DemandByType } from './demand-by-type.ts';

const H100 = [{ type: 'H100', countPerNode: 1 }];

/** What is learned from these requests for CPU, each with one H100. */
function learnt(cpus: readonly number[]) {
  const demand = new DemandByType();
  for (const cpuMilli of cpus) demand.observe({ cpuMilli, accelerators: H100 });
  return demand.learned();
}
const times = (count: number, cpuMilli: number): number[] => new Array<number>(count).fill(cpuMilli);

describe('demand by type', () => {
  it('is known by name after 25 arrivals', () => {
    expect(learnt(times(24, 4000)).size).toBe(0);
    const table = learnt(times(25, 4000)).get('H100');
    // Forty arrivals of which each fills it: the whole board is worth all of it.
    expect(table?.waiting.at(-1)).toBeCloseTo(1000, 0);
  });

  it('takes odd requests for CPU as few classes, by the next quarter of a core', () => {
    const odd = Array.from({ length: 40 }, (_, i) => 7751 + i);
    expect(learnt(odd)).toEqual(learnt(times(40, 8000)));
    expect(learnt(times(40, 7750))).not.toEqual(learnt(times(40, 8000)));
    expect(learnt(times(40, 16_001))).toEqual(learnt(times(40, 17_000)));
  });

  it('counts who accepts several types once for each of them, and who needs none for no type', () => {
    const demand = new DemandByType();
    const accelerators = [...H100, { type: 'A100', countPerNode: 2 }, { type: 'A10', countPerNode: 1 }];
    for (let i = 0; i < 30; i += 1) demand.observe({ cpuMilli: 4000, accelerators });
    for (let i = 0; i < 30; i += 1) demand.observe({ cpuMilli: 4000, accelerators: [] });
    const value = (type: string) => demand.learned().get(type)?.waiting.at(-1);
    expect(value('H100')).toBeCloseTo(1000, 0);
    expect(value('A10')).toBe(value('H100'));
    // Only single boards are holes; two at a time are left to best fit.
    expect(value('A100')).toBe(0);
    expect(value('B200')).toBeUndefined();
  });

  it('changes with what is asked for: what came long ago counts less and less', () => {
    const demand = new DemandByType();
    for (let i = 0; i < 15_000; i += 1) demand.observe({ cpuMilli: 4000, accelerators: H100 });
    for (let i = 0; i < 60_000; i += 1) demand.observe({ cpuMilli: 32_000, accelerators: H100 });
    const late = demand.learned().get('H100')?.priced ?? [];
    const only = learnt(times(40, 32_000)).get('H100')?.priced ?? [];
    const never = learnt([...times(10, 4000), ...times(40, 32_000)]).get('H100')?.priced ?? [];
    const apart = (other: ArrayLike<number>) =>
      Array.from(only, (value, i) => Math.abs(value - (other[i] ?? 0))).reduce((sum, one) => sum + one, 0);
    expect(apart(late)).toBeLessThan(apart(never));
  });
});
