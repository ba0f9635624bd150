import { describe, expect, it } from 'vitest';
import { drawOf, effectAt, type Frontier, meanByModel, readFrontiers } from './frontier.ts';

const CSV = `dataset,network,batch_size,power_limit,time_per_epoch,average_power
d,a,8,300,10,250
d,a,8,200,12,190
d,a,16,300,10,100
d,a,16,200,10,100
d,b,8,200,20,180
d,b,8,300,10,280
d,only-capped,8,200,20,180
d,only-uncapped,8,300,20,180
`;
const frontiers = readFrontiers(CSV);
const first = frontiers[0] as Frontier;

describe('frontiers', () => {
  it('are read by workload, limits ascending, without those that have nothing to compare', () => {
    expect(frontiers.map(({ model }) => model)).toEqual(['d/a', 'd/a', 'd/b']);
    expect(first.points.map(({ limitWatts }) => limitWatts)).toEqual([200, 300]);
    expect(frontiers.map(drawOf)).toEqual([250, 100, 280]);
  });

  it('tell time and energy against the default limit, on a line between what was measured', () => {
    expect(effectAt(first, 300)).toEqual({ slowdown: 0, saved: 0 });
    const capped = effectAt(first, 200);
    expect(capped.slowdown).toBeCloseTo(0.2);
    expect(capped.saved).toBeCloseTo(1 - (12 * 190) / (10 * 250));
    expect(effectAt(first, 250).slowdown).toBeCloseTo(0.1);
    expect(effectAt(first, 100)).toEqual(capped);
    expect(effectAt(first, 1000)).toEqual({ slowdown: 0, saved: 0 });
  });

  it('count each model once', () => {
    expect(meanByModel(frontiers, (one) => effectAt(one, 200)).slowdown).toBeCloseTo((0.1 + 1) / 2);
  });

  it.each([
    ['no column', 'power_limit,time_per_epoch\n100,1', /line 1 names no column average_power/],
    ['a word', CSV.replace('250', 'much'), /line 2 has 'much'/],
    ['a zero', CSV.replace('200,12', '200,0'), /line 3 has '0'/],
    ['a line cut short', `${CSV}d,c,8`, /line 10 has ''/],
    ['nothing', '', /line 1 names no column/],
    ['no workload at two limits', `${CSV.split('\n')[0]}\nd,a,8,300,10,250`, /no workload was measured/],
  ])('refuse %s', (_, csv, message) => {
    expect(() => readFrontiers(csv)).toThrow(message);
  });
});
