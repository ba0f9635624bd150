import { describe, expect, it } from 'vitest';
import { runCycle } from './cycle.ts';
import type { Running } from './model.ts';
import { quote } from './planner.ts';
import { A100, cluster, flat, H100, manyNodes, NOON, queue, snapshot, workload } from './testing/build.ts';

const world = snapshot({
  clusters: [
    cluster('guian'),
    cluster('zhongwei', { tariff: flat(300_000) }),
    cluster('busy', { nodes: manyNodes(4, { gpusFree: 2 }) }),
    cluster('far', { jurisdiction: 'SG' }),
    cluster('old', { accelerators: [A100] }),
  ],
});
const ask = { runtimeSeconds: 7200, limits: {} };
const asked = workload('w', {
  request: { pods: 2 },
  regions: { jurisdictions: [['CN']] },
});

describe('a quote', () => {
  it('offers every place where it fits, best first, with money, energy and CO2 for the run time', () => {
    const { offers, shortfalls } = quote(asked, ask, world, NOON);
    // (16 x 700 W + 2 x 1500 W) x 1.2 = 17.04 kW for 2 h; 16 x 20 CNY an hour and 0.3 or 0.4 a kWh
    expect(offers).toEqual([
      {
        rank: 1,
        cluster: 'zhongwei',
        region: 'zhongwei',
        accelerator: 'H100',
        nodes: 2,
        gpus: 16,
        scorePermille: 1000,
        startTime: '2026-01-15T04:00:00Z',
        finishTime: '2026-01-15T06:00:00Z',
        runtimeSeconds: 7200,
        costMicros: 650_224_000,
        currency: 'CNY',
        wattHours: 34_080,
        carbonGrams: 17_040,
      },
      expect.objectContaining({ rank: 2, cluster: 'guian', costMicros: 653_632_000 }),
    ]);
    expect(shortfalls).toEqual([
      { cluster: 'busy', reason: 'InsufficientGPU', message: '0 of 2 pods fit now' },
      { cluster: 'old', reason: 'NoSuchAccelerator', message: 'it has no H100; its accelerators: A100' },
      { cluster: 'far', reason: 'OutsideJurisdiction', message: 'it lies in SG; residency allows CN' },
    ]);
  });

  it('is for as long as it runs there, by the throughput that the cluster declares for its class of models', () => {
    const of = (name: string, throughputPermille?: object) =>
      cluster(name, { accelerators: [{ ...H100, ...(throughputPermille && { throughputPermille }) }] });
    const state = snapshot({
      clusters: [of('twice', { LLM: 2000 }), of('third', { LLM: 333, Other: 4000 }), of('silent')],
    });
    const seconds = (modelClass?: 'LLM') => {
      const { offers } = quote({ ...asked, ...(modelClass && { modelClass }) }, ask, state, NOON);
      return Object.fromEntries(offers.map((offer) => [offer.cluster, [offer.runtimeSeconds, offer.wattHours]]));
    };
    expect(seconds('LLM')).toEqual({ twice: [3600, 17_040], third: [21_622, 102_344], silent: [7200, 34_080] });
    expect(seconds()).toEqual({ twice: [7200, 34_080], third: [1800, 8520], silent: [7200, 34_080] });
  });

  it('is for ten years at most', () => {
    const slow = { ...H100, throughputPermille: { Other: 1 } };
    const state = snapshot({ clusters: [cluster('guian', { accelerators: [slow] })] });
    const { offers } = quote(asked, { ...ask, runtimeSeconds: 3_153_600 }, state, NOON);
    expect(offers[0]).toMatchObject({ runtimeSeconds: 315_360_000, wattHours: 17_040 * 87_600 });
  });

  it('prices each tariff band for as long as it holds', () => {
    const tariff = [{ months: [], hours: [13], pricePerKWhMicros: 1_000_000 }, ...flat(0)];
    const { offers } = quote(asked, ask, snapshot({ clusters: [cluster('guian', { tariff })] }), NOON);
    expect(offers[0]?.costMicros).toBe(657_040_000);
  });

  it('offers places that become free later after those that are free, priced for then', () => {
    const running: Running[] = ['gpu-0001', 'gpu-0002'].map((node, i) => ({
      ...workload(`r${i}`),
      ...{ cluster: 'busy', accelerator: 'H100', preemptible: false, ending: false, charges: [], nodes: [node] },
      ...{ admittedAt: NOON, lossSince: NOON, endsAt: NOON + (i + 1) * 3_600_000 },
      perPod: { gpuMilli: 6000, cpuMilli: 0, memoryMi: 0 },
    }));
    const tariff = [{ months: [], hours: [14, 15], pricePerKWhMicros: 1_000_000 }, ...flat(0)];
    const busy = cluster('busy', { tariff, nodes: manyNodes(2, { gpusFree: 2 }) });
    const later = snapshot({ clusters: [cluster('guian'), busy], running: () => running });
    const { offers, atOnce, shortfalls } = quote(asked, ask, later, NOON);
    expect(offers.map(({ cluster: name, startTime }) => [name, startTime])).toEqual([
      ['guian', '2026-01-15T04:00:00Z'],
      ['busy', '2026-01-15T06:00:00Z'],
    ]);
    // From 14:00 to 16:00 in Shanghai: 17.04 kW for 2 h at 1 CNY, and 16 boards at 20 CNY an hour.
    expect(offers[1]).toMatchObject({ finishTime: '2026-01-15T08:00:00Z', costMicros: 674_080_000 });
    expect(atOnce).toBe(1);
    expect(shortfalls).toMatchObject([{ cluster: 'busy', reason: 'InsufficientGPU' }]);
    const only = { ...later, clusters: [busy], turnAt: () => NOON + 4 * 3_600_000 };
    expect(quote(asked, ask, only, NOON)).toMatchObject({ atOnce: 0, offers: [{ startTime: '2026-01-15T08:00:00Z' }] });
    const bound = { ...ask, finishBy: NOON + 3 * 3_600_000 };
    expect(quote(asked, bound, later, NOON).shortfalls).toContainEqual({
      cluster: 'busy',
      reason: 'BeyondLimits',
      message: '16 x H100: ends at 2026-01-15T08:00:00Z, it is to end by 2026-01-15T07:00:00Z',
    });
  });

  it('offers places for when quota is given back, wherever what holds it runs', () => {
    const held = [{ accelerator: 'H100', region: '*', milliGpus: 16_000 }];
    const elsewhere: Running = {
      ...workload('r'),
      ...{ cluster: 'busy', accelerator: 'H100', preemptible: false, ending: false, charges: held },
      ...{ admittedAt: NOON, lossSince: NOON, endsAt: NOON + 3_600_000, nodes: ['gpu-0001', 'gpu-0002'] },
      perPod: { gpuMilli: 8000, cpuMilli: 0, memoryMi: 0 },
    };
    const taken = snapshot({
      clusters: [cluster('guian'), cluster('busy', { nodes: manyNodes(2, { gpusFree: 0 }) })],
      queues: [queue('q', { quota: [{ accelerator: 'H100', region: '*', nominal: 16_000 }] })],
      quotaUse: [{ queue: 'q', charges: held }],
      running: () => [elsewhere],
    });
    const { offers, atOnce } = quote(asked, ask, taken, NOON);
    expect(atOnce).toBe(0);
    expect(offers.map(({ cluster: name, startTime }) => [name, startTime]).sort()).toEqual([
      ['busy', '2026-01-15T05:00:00Z'],
      ['guian', '2026-01-15T05:00:00Z'],
    ]);
    const huge = workload('w', { request: { pods: 3 } });
    expect(quote(huge, ask, taken, NOON).offers).toEqual([]);
  });

  it('turns offers beyond the limits into shortfalls with the numbers', () => {
    const limits = { maxCostMicros: 652_000_000, maxWattHours: 34_000, maxCarbonGrams: 17_000 };
    const costly = quote(asked, { ...ask, limits: { maxCostMicros: 652_000_000 } }, world, NOON);
    expect(costly.offers.map((offer) => [offer.rank, offer.cluster])).toEqual([[1, 'zhongwei']]);
    expect(costly.shortfalls[0]).toEqual({
      cluster: 'guian',
      reason: 'BeyondLimits',
      message: '16 x H100: costs 653.63 CNY, the limit is 652.00',
    });
    const green = cluster('green', { gramsPerKWh: 1, tariff: flat(900_000) });
    const first = workload('w', {
      request: { pods: 2 },
      regions: { policy: 'GreenestFirst', jurisdictions: [['CN']] },
    });
    const greener = { ...world, clusters: [...world.clusters, green] };
    expect(quote(first, ask, greener, NOON).offers[0]?.cluster).toBe('green');
    const left = quote(first, { ...ask, limits: { maxCostMicros: 652_000_000 } }, greener, NOON).offers;
    expect(left.map((offer) => [offer.rank, offer.cluster])).toEqual([[1, 'zhongwei']]);
    const none = quote(asked, { ...ask, limits }, world, NOON);
    expect(none.offers).toEqual([]);
    expect(none.shortfalls[0]?.message).toBe(
      '16 x H100: needs 34080 Wh, the limit is 34000 Wh; emits 17040 g CO2, the limit is 17000 g',
    );
  });

  it('chooses by the CO2 of now, and counts that of the hours it runs in', () => {
    const hourlyGramsPerKWh = Array.from({ length: 24 }, (_, hour) => (hour === 12 ? 1 : 2000));
    const sunny = cluster('sunny', { hourlyGramsPerKWh });
    const first = workload('w', {
      request: { pods: 2 },
      regions: { policy: 'GreenestFirst', jurisdictions: [['CN']] },
    });
    const there = { ...world, clusters: [...world.clusters, sunny] };
    const [offer] = quote(first, ask, there, NOON).offers;
    // 17.04 kW for two hours from noon.
    expect(offer).toMatchObject({ cluster: 'sunny', wattHours: 34_080, carbonGrams: Math.round(17.04 * 2001) });
    expect(quote(first, ask, there, NOON + 3_600_000).offers[0]?.cluster).not.toBe('sunny');
  });

  it('answers for all regions when the queue itself is in the way, and for each when quota is', () => {
    expect(quote(workload('w', { queue: 'x' }), ask, world, NOON)).toEqual({
      offers: [],
      atOnce: 0,
      shortfalls: [
        { cluster: '*', reason: 'QueueNotFound', message: 'queue x does not exist: create it or set spec.queue.' },
      ],
    });
    const queues = [queue('q', { quota: [{ accelerator: 'H100', region: 'guian', nominal: 8000 }] })];
    const { shortfalls } = quote(asked, ask, { ...world, queues }, NOON);
    expect(shortfalls.map(({ cluster: name, reason }) => `${name} ${reason}`)).toEqual([
      'busy NoQuotaForAccelerator',
      'guian ExceedsMaxQuota',
      'old NoSuchAccelerator',
      'zhongwei NoQuotaForAccelerator',
      'far OutsideJurisdiction',
    ]);
  });

  it('keeps the user’s order of accelerators and agrees with what the cycle would do', () => {
    const accelerators = [
      { type: 'A100', countPerNode: 8 },
      { type: 'H100', countPerNode: 8 },
    ];
    const either = workload('w', { request: { pods: 2, accelerators } });
    const mixed = snapshot({
      clusters: [cluster('guian', { accelerators: [H100] }), cluster('old', { accelerators: [A100] })],
    });
    const { offers } = quote(either, ask, mixed, NOON);
    expect(offers.map((offer) => `${offer.rank} ${offer.cluster} ${offer.accelerator}`)).toEqual([
      '1 old A100',
      '2 guian H100',
    ]);
    expect(runCycle([either], mixed, NOON).admitted[0]).toMatchObject({ cluster: 'old', accelerator: 'A100' });
  });
});
