import { describe, expect, it } from 'vitest';
import { runCycle } from './cycle.ts';
import type { Workload } from './model.ts';
import { speedPermille, timeAt } from './speed.ts';
import { A100, cluster, flat, H100, NOON, snapshot, workload } from './testing/build.ts';

const accelerators = [
  { type: 'H100', countPerNode: 4 },
  { type: 'A100', countPerNode: 8 },
];
const asked = (over: Partial<Workload> = {}) => ({
  ...workload('w', { request: { accelerators, acceleratorPolicy: 'AnyOf' } }),
  ...over,
});

describe('the speed of a gang', () => {
  it.each([
    ['of the class', { LLM: 400, Other: 700 }, 'LLM', 400],
    ['of the others', { LLM: 400, Other: 700 }, 'Weather', 700],
    ['not known', { LLM: 400 }, 'Weather', undefined],
    ['not declared', undefined, 'LLM', undefined],
  ] as const)('is %s', (_what, throughputPermille, modelClass, speed) => {
    const declared = throughputPermille === undefined ? {} : { throughputPermille };
    expect(speedPermille(asked({ modelClass }), accelerators[0], declared)).toBe(speed);
  });

  it('grows with its units, measured by the first entry; CPU only has none', () => {
    const throughputPermille = { Other: 500 };
    expect(speedPermille(asked(), accelerators[1], { throughputPermille })).toBe(1000);
    expect(speedPermille(asked(), undefined, { throughputPermille })).toBeUndefined();
    expect([timeAt(500, 60), timeAt(3000, 100), timeAt(undefined, 60)]).toEqual([120, 34, 60]);
  });
});

describe('accelerators that compete', () => {
  const same = [
    { type: 'H100', countPerNode: 8 },
    { type: 'A100', countPerNode: 8 },
  ];
  const chosen = (quick: object | undefined, slow: object | undefined, policy: 'CheapestFirst' | 'LeastEnergy') => {
    const declared = (throughputPermille: object | undefined) => (throughputPermille ? { throughputPermille } : {});
    const state = snapshot({
      clusters: [
        cluster('guian', { accelerators: [{ ...H100, ...declared(quick) }], tariff: flat(0) }),
        cluster('zhongwei', { accelerators: [{ ...A100, ...declared(slow) }], tariff: flat(0) }),
      ],
    });
    const work = workload('w', {
      modelClass: 'LLM',
      request: { accelerators: same, acceleratorPolicy: 'AnyOf' },
      regions: { policy, weights: { wait: 0, fragmentation: 0 } },
    });
    return runCycle([work], state, NOON).admitted[0];
  };

  it('are compared for the same work: half the price is dearer where it takes three times as long', () => {
    expect(chosen(undefined, undefined, 'CheapestFirst')?.accelerator).toBe('A100');
    expect(chosen({ LLM: 1000 }, { LLM: 333 }, 'CheapestFirst')?.accelerator).toBe('H100');
    expect(chosen({ LLM: 1000 }, { LLM: 333 }, 'LeastEnergy')?.accelerator).toBe('H100');
    expect(chosen({ LLM: 1000 }, { LLM: 600 }, 'CheapestFirst')?.accelerator).toBe('A100');
    expect(chosen({ Weather: 1000, Other: 100 }, { Weather: 100, Other: 1000 }, 'CheapestFirst')?.accelerator).toBe(
      'A100',
    );
  });

  it('are compared by the hour where one of them is not known', () => {
    const unknown = chosen({ LLM: 1000 }, { Weather: 333 }, 'CheapestFirst');
    expect(unknown?.accelerator).toBe('A100');
    expect(unknown?.decision.candidates[0]).not.toHaveProperty('speedPermille');
  });

  it('are recorded with their speeds, and the reason says for what work', () => {
    const decision = chosen({ LLM: 1000 }, { LLM: 333 }, 'CheapestFirst')?.decision;
    expect(decision?.candidates.map((one) => [one.accelerator, one.speedPermille, one.costMicrosPerHour])).toEqual([
      ['H100', 1000, 160_000_000],
      ['A100', 333, 80_000_000],
    ]);
    expect(decision?.reason).toBe(
      'guian: score 100 of 100; cheapest of 2 that fit (160.00 CNY/h of work; next zhongwei 240.24); 8.52 kWh/h of work, 4.26 kg CO2/h of work.',
    );
  });
});
