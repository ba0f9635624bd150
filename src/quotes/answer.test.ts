import { describe, expect, it } from 'vitest';
import { computeQuoteStatus } from '../api/index.ts';
import { runCycle } from '../core/cycle.ts';
import type { Snapshot } from '../core/model.ts';
import { cluster, flat, H100, manyNodes, NOON, queue, snapshot, workload } from '../core/testing/build.ts';
import { answer, answeredStatus, expiresAt, isAnswered, type QuoteContext } from './answer.ts';
import { metSentence, unmetSentence } from './sentence.ts';
import { aDataset, aQuote } from './testing.ts';

const world = snapshot({
  clusters: [
    cluster('guian'),
    cluster('lingang', { jurisdiction: 'CN-SH', tariff: flat(800_000) }),
    cluster('busy', { nodes: manyNodes(4, { gpusFree: 2 }) }),
  ],
});

const ask = (spec: object = {}, over: Partial<QuoteContext> = {}) =>
  answer(aQuote(spec), {
    queue: 'q',
    priority: 0,
    dataset: () => undefined,
    declared: [{ type: 'H100', resourceName: 'nvidia.com/gpu' }],
    excluded: [],
    snapshot: world,
    nowMs: NOON,
    ...over,
  });

const regionsOf = (given: ReturnType<typeof ask>): string[] => given.offers.map((offer) => offer.region);

describe('the answer to a quote', () => {
  it('ranks where it fits now, with numbers, and says in a sentence what the best is', () => {
    const given = ask();
    expect(regionsOf(given)).toEqual(['guian', 'lingang']);
    // (16 x 700 W + 2 x 1500 W) x 1.2 = 17.04 kW for 2 h; 16 x 20 CNY an hour and 0.40 CNY a kWh
    expect(given.offers[0]).toMatchObject({ rank: 1, gpus: 16, nodes: 2, costMicros: 653_632_000, wattHours: 34_080 });
    expect(given.message).toBe(
      'can be met now in 2 of 3 regions; best guian: 16 H100 on 2 nodes, 653.63 CNY, 34.08 kWh, 17.04 kg CO2 for 2 h',
    );
    expect(given.shortfalls).toEqual([{ cluster: 'busy', reason: 'InsufficientGPU', message: '0 of 2 pods fit now' }]);
  });

  it('reckons with the throughput for its class of models, and says for how long that is', () => {
    const quick = { ...H100, throughputPermille: { LLM: 4000 } };
    const given = ask(
      { modelClass: 'LLM' },
      { snapshot: snapshot({ clusters: [cluster('guian', { accelerators: [quick] })] }) },
    );
    expect(given.offers[0]).toMatchObject({ runtimeSeconds: 1800, wattHours: 8520, costMicros: 163_408_000 });
    expect(given.message).toMatch(/8\.520 kWh, 4\.260 kg CO2 for 30 min$/);
    expect(computeQuoteStatus.safeParse(answeredStatus(aQuote(), given, NOON)).success).toBe(true);
  });

  it('says what is short by how much, with the very sentence a training would wait with', () => {
    const given = ask({ numNodes: 6 });
    expect(given.offers).toEqual([]);
    const waits = runCycle([workload('w', { request: { pods: 6 } })], world, NOON).pending[0];
    expect(given.message).toBe(`cannot be met now: ${waits?.message}`);
    expect(given.message).toMatch(/needs 6 nodes x 8 H100 = 48; .* 2 nodes \(16 H100\) short/);
    expect(given.shortfalls.map((entry) => entry.cluster).sort()).toEqual(['busy', 'guian', 'lingang']);
  });

  it('decides as a training of the same demand would be decided', () => {
    for (const pods of [1, 2, 4, 5]) {
      const plan = runCycle([workload('w', { request: { pods } })], world, NOON);
      expect(ask({ numNodes: pods }).offers[0]?.cluster).toBe(plan.admitted[0]?.cluster);
    }
  });

  it('takes nothing', () => {
    const before = JSON.stringify(world, (_, value) => (ArrayBuffer.isView(value) ? [...(value as never)] : value));
    ask();
    ask({ numNodes: 6 });
    expect(JSON.stringify(world, (_, value) => (ArrayBuffer.isView(value) ? [...(value as never)] : value))).toBe(
      before,
    );
  });

  it('stays where its data is and where law allows the data', () => {
    const elsewhere = aDataset(['lingang', 'busy']);
    expect(regionsOf(ask({ datasets: [{ name: 'corpus' }] }, { dataset: () => elsewhere }))).toEqual(['lingang']);
    const lawful = aDataset(['guian', 'lingang'], ['CN-GZ']);
    expect(regionsOf(ask({ datasets: [{ name: 'corpus' }] }, { dataset: () => lawful }))).toEqual(['guian']);
    const both = { a: aDataset(['guian', 'lingang']), b: aDataset(['guian']) } as Record<string, typeof lawful>;
    const datasets = [{ name: 'a' }, { name: 'b' }];
    expect(regionsOf(ask({ datasets }, { dataset: (name) => both[name] }))).toEqual(['guian']);
  });

  it('honours its own placement', () => {
    expect(regionsOf(ask({ placement: { residency: { jurisdictions: ['CN-SH'] } } }))).toEqual(['lingang']);
    const denied = ask({ placement: { regions: { denied: ['guian', 'lingang', 'busy'] } } });
    expect(denied.message).toContain('cannot be met now: no region is allowed');
  });

  it('names an unreachable region among the shortfalls', () => {
    const unusable = { reason: 'Unreachable', message: 'no answer since 12:00' };
    const down: Snapshot = { ...world, clusters: [cluster('guian'), cluster('lingang', { unusable })] };
    const given = ask({}, { snapshot: down });
    expect(given.shortfalls).toEqual([{ cluster: 'lingang', ...unusable }]);
    expect(given.message).toContain('in 1 of 2 regions');
  });

  it('is bound by the quota of its queue', () => {
    const small = { ...world, queues: [queue('q', { quota: [{ accelerator: 'H100', region: '*', nominal: 8_000 }] })] };
    const given = ask({}, { snapshot: small });
    expect(given.offers).toEqual([]);
    expect(given.message).toContain('more than the 8 that queue q can ever have');
  });

  it('tells what fits but costs too much', () => {
    const given = ask({ limits: { maxCostMicros: 1_000_000 } });
    expect(given.offers).toEqual([]);
    expect(given.message).toMatch(/^cannot be met within spec.limits: guian: 16 x H100: costs 653.63 CNY/);
    expect(given.missing).toBe(false);
  });

  it('names what it refers to and is not there, which may just not be seen yet', () => {
    const dataset = ask({ datasets: [{ name: 'corpus' }] });
    expect(dataset.shortfalls).toEqual([
      {
        cluster: '*',
        reason: 'DatasetNotFound',
        message: 'Dataset corpus does not exist in namespace ns; create it.',
      },
    ]);
    const priority = ask({}, { priority: { missing: 'PriorityClass p does not exist' } });
    expect(priority.shortfalls[0]?.reason).toBe('PriorityClassNotFound');
    const absent = ask({}, { queue: 'nowhere' });
    expect(absent.message).toContain('queue nowhere does not exist');
    for (const given of [dataset, priority, absent]) expect(given).toMatchObject({ offers: [], missing: true });
  });

  it('refuses an amount that is none, and a device that no region declares', () => {
    const bad = ask({ resourcesPerNode: { limits: { cpu: 'eight' } } });
    expect(bad.shortfalls[0]).toMatchObject({ cluster: '*', reason: 'SpecNotHonoured' });
    expect(bad.message).toContain('spec.resourcesPerNode');
    const limits = { 'huawei.com/Ascend910': 8 };
    const unknown = ask({ accelerators: [], resourcesPerNode: { limits } });
    expect(unknown.shortfalls[0]?.reason).toBe('NoSuchAccelerator');
    const named = ask({ accelerators: [], resourcesPerNode: { limits: { cpu: 8, 'nvidia.com/gpu': 8 } } });
    expect(regionsOf(named)).toEqual(['guian', 'lingang']);
  });
});

describe('the status of a quote', () => {
  it('is what the API takes, with an offer or without', () => {
    for (const spec of [{}, { numNodes: 6 }, { resourcesPerNode: { limits: { cpu: 'eight' } } }]) {
      const quote = aQuote(spec);
      const status = answeredStatus(quote, ask(spec), NOON);
      expect(computeQuoteStatus.parse(status)).toEqual(status);
      expect(isAnswered({ ...quote, status })).toBe(true);
    }
  });

  it('stays within the API’s numbers, however much is asked for', () => {
    const dear = snapshot({
      clusters: [
        cluster('guian', {
          nodes: manyNodes(2000),
          accelerators: [
            { type: 'H100', resourceName: 'r', nodeSelector: {}, boardWatts: 700, gpuHourMicros: 900_000_000 },
          ],
        }),
      ],
    });
    const spec = { numNodes: 2000, runtimeSeconds: 315_360_000 };
    const status = answeredStatus(aQuote(spec), ask(spec, { snapshot: dear }), NOON);
    expect(status.offers?.[0]?.costMicros).toBe(Number.MAX_SAFE_INTEGER);
    expect(computeQuoteStatus.parse(status)).toEqual(status);
  });

  it('shows the best offer in its columns', () => {
    const status = answeredStatus(aQuote(), ask(), NOON);
    expect(status).toMatchObject({
      answeredAt: '2026-01-15T04:00:00Z',
      conditions: [{ type: 'Answered', status: 'True', reason: 'Offers' }],
      display: { best: 'guian', cost: '653.63 CNY', kWh: '~34.080', co2: '17.040 kg' },
    });
    const none = answeredStatus(aQuote({ numNodes: 6 }), ask({ numNodes: 6 }), NOON);
    expect(none).toMatchObject({ conditions: [{ status: 'True', reason: 'NoOffer' }], display: {} });
  });

  it('lives for its whole time to live after the answer, though the answer’s time is cut to seconds', () => {
    const quote = aQuote({ ttlSeconds: 60 });
    for (const at of [NOON, NOON + 1, NOON + 999]) {
      const expires = expiresAt({ ...quote, status: answeredStatus(quote, ask(), at) });
      expect(expires).toBeGreaterThanOrEqual(at + 60_000);
      expect(expires).toBeLessThan(at + 61_000);
    }
    expect(expiresAt(quote)).toBeNaN();
  });
});

describe('the sentence of an answer', () => {
  const offer = {
    rank: 1,
    cluster: 'guian',
    region: 'guian',
    accelerator: 'H100',
    nodes: 64,
    gpus: 512,
    scorePermille: 900,
    costMicros: 41_200_000_000,
    currency: 'CNY',
    wattHours: 12_345_000,
    carbonGrams: 4_990_000,
    startTime: '2026-01-15T06:00:00Z',
    finishTime: '2026-01-16T06:00:00Z',
  };

  it('says from when on, where it is not now, and how many are now, where some are', () => {
    expect(metSentence([offer, { ...offer, region: 'far' }], 3, 86_400, 0)).toMatch(
      /^cannot be met now; expected from 2026-01-15T06:00:00Z on, in 2 of 3 regions; best guian: /,
    );
    expect(metSentence([offer, { ...offer, region: 'far' }], 3, 86_400, 1)).toMatch(
      /^can be met now in 1 of 3 regions/,
    );
  });

  it('groups the digits and says the run time exactly', () => {
    expect(metSentence([offer], 3, 86_400)).toBe(
      'can be met now in 1 of 3 regions; best guian: 512 H100 on 64 nodes, 41,200.00 CNY, 12,345 kWh, 4,990 kg CO2 for 24 h',
    );
    expect(metSentence([offer], 3, 5400)).toContain('for 90 min');
    expect(metSentence([offer], 3, 61)).toContain('for 61 s');
  });

  it('names the cluster where it is not called as its region, and no device where none is asked for', () => {
    const other = { ...offer, cluster: 'guian-2', accelerator: '', gpus: 0, nodes: 1, wattHours: 84, carbonGrams: 4 };
    expect(metSentence([other], 1, 3600)).toContain(
      'in 1 of 1 region; best guian (cluster guian-2): 1 node, 41,200.00 CNY, 0.084 kWh, 0.004 kg CO2',
    );
  });

  it('names the first few of many places beyond the limits', () => {
    const many = Array.from({ length: 8 }, (_, i) => ({ cluster: `c${i}`, reason: 'BeyondLimits', message: 'dear' }));
    expect(unmetSentence(undefined, many)).toMatch(/c5: dear; and 2 more\.$/);
  });
});
