import { describe, expect, it } from 'vitest';
import { reportOf } from './powercap/report.ts';

/** Three models that draw 280, 200 and 120 W of 300; a cap at seven eighths of the draw costs each 2 % of time. */
function csv(): string {
  const lines = ['dataset,network,batch_size,power_limit,time_per_epoch,average_power'];
  for (const [network, draw] of [
    ['a', 280],
    ['b', 240],
    ['c', 120],
  ] as const) {
    for (let limit = 100; limit <= 300; limit += 5) {
      const lack = Math.max(0, 1 - limit / draw);
      lines.push(`d,${network},8,${limit},${100 * (1 + 0.16 * lack)},${Math.min(limit, draw)}`);
    }
  }
  return lines.join('\n');
}

describe('the report of power caps', () => {
  it('is what the rule does to workloads that are known to the watt', () => {
    const { default: rule, workloads, models, defaultWatts } = reportOf(csv());
    expect({ workloads, models, defaultWatts }).toEqual({ workloads: 3, models: 3, defaultWatts: 300 });
    expect(rule.byModel['d/a']).toMatchObject({ meanCapWatts: 245 });
    expect(rule.byModel['d/a']?.slowdown).toBeCloseTo(0.02);
    expect(rule.byModel['d/a']?.saved).toBeCloseTo(1 - 0.875 * 1.02);
    // Its draw is below the floor: nothing holds it back.
    expect(rule.byModel['d/c']).toEqual({ meanCapWatts: 180, slowdown: 0, saved: 0 });
    expect(rule.slowdown).toBeCloseTo(0.04 / 3);
    expect(rule.byWorkload.saved).toBeCloseTo(rule.saved);
  });

  it('learns for a model from the others only', () => {
    const steep = csv().replaceAll(
      /d,a,8,(\d+),[\d.]+,/g,
      (_, limit) => `d,a,8,${limit},${limit === '300' ? 100 : 400},`,
    );
    // What others show allows more for `a` than `a` itself would; what `a` shows allows them nothing.
    expect(reportOf(steep).learned.byModel['d/a']?.meanCapWatts).toBeLessThan(245);
    expect(reportOf(steep).learned.byModel['d/b']?.slowdown).toBe(0);
  });
});
