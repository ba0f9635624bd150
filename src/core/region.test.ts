import { describe, expect, it } from 'vitest';
import type { ClusterView, RegionPolicy } from './model.ts';
import { decisionOf, filterClusters, rank, weightsOf } from './region.ts';
import type { CandidateFacts } from './region-terms.ts';
import { cluster, policy } from './testing/build.ts';

const out = (over: Partial<RegionPolicy>, view: Partial<ClusterView> = {}) => {
  const { allowed, filtered } = filterClusters(policy(over), [cluster('guian', view)]);
  return filtered[0] === undefined
    ? `allowed ${allowed[0]?.latencyMs ?? ''}`.trim()
    : `${filtered[0].reason}: ${filtered[0].message}`;
};

describe('the filter', () => {
  it.each<[Partial<RegionPolicy>, Partial<ClusterView>, string]>([
    [{}, {}, 'allowed'],
    [{ cluster: 'other' }, {}, 'OtherClusterNamed: placement.cluster names other'],
    [{ denied: ['guian'] }, {}, 'RegionDenied: region guian is in placement.regions.denied'],
    [{ allowed: ['a', 'b'] }, {}, 'RegionNotAllowed: region guian is not in placement.regions.allowed (a, b)'],
    [{ allowed: ['guian'] }, {}, 'allowed'],
    [{ clusterLabels: { tier: 'gold' } }, {}, 'LabelsDiffer: it does not carry the label tier=gold'],
    [{ clusterLabels: { tier: 'gold' } }, { labels: { tier: 'gold' } }, 'allowed'],
    [{ jurisdictions: [['CN']] }, {}, 'allowed'],
    [{ jurisdictions: [['CN-GZ', 'SG']] }, {}, 'allowed'],
    [
      { jurisdictions: [['CN'], ['CN-NX', 'SG']] },
      {},
      'OutsideJurisdiction: it lies in CN-GZ; residency allows CN-NX, SG',
    ],
    [{ jurisdictions: [['CN-G']] }, {}, 'OutsideJurisdiction: it lies in CN-GZ; residency allows CN-G'],
    [
      { jurisdictions: [['CN-GZ']] },
      { jurisdiction: 'CN' },
      'OutsideJurisdiction: it lies in CN; residency allows CN-GZ',
    ],
    [{ dataRegions: ['guian'] }, {}, 'allowed'],
    [{ dataRegions: ['b', 'c'] }, {}, 'DataNotThere: region guian does not hold the data: it is in b, c'],
    [{ dataRegions: [] }, {}, 'DataNotThere: region guian does not hold the data: no region has all of it'],
    [
      { excluded: [{ cluster: 'guian', reason: 'NamespaceMissing', message: 'no namespace' }] },
      {},
      'NamespaceMissing: no namespace',
    ],
  ])('of %j on %j says %s', (over, view, said) => {
    expect(out(over, view)).toBe(said);
  });

  it('takes the mean latency by share; the own region counts 0 unless listed', () => {
    const clientRegions = [
      { region: 'guian', sharePercent: 25 },
      { region: 'shanghai', sharePercent: 75 },
    ];
    expect(out({ clientRegions }, { userLatency: { shanghai: 30 } })).toBe('allowed 23');
    expect(out({ clientRegions }, { userLatency: { shanghai: 30, guian: 2 } })).toBe('allowed 23');
    expect(out({ clientRegions, maxLatencyMs: 22 }, { userLatency: { shanghai: 30 } })).toBe(
      'LatencyTooHigh: mean latency from the users is 23 ms; placement.maxLatencyMs is 22 ms',
    );
    expect(out({ clientRegions, maxLatencyMs: 22 })).toBe(
      "LatencyUnknown: its spec.userLatency does not list the users' region shanghai",
    );
    // Without a bound it is only the score that asks.
    expect(out({ clientRegions })).toBe('allowed');
  });
});

const facts = (
  name: string,
  over: Partial<CandidateFacts> & { cost?: number; watts?: number; carbon?: number } = {},
): CandidateFacts => ({
  cluster: name,
  region: name,
  accelerator: 'H100',
  currency: 'CNY',
  rates: { costMicrosPerHour: over.cost ?? 100, watts: over.watts ?? 100, carbonGramsPerHour: over.carbon ?? 100 },
  speedPermille: undefined,
  waitMs: 0,
  strandedBoards: 0,
  latencyMs: undefined,
  ...over,
});
const winner = (over: Partial<RegionPolicy>, ...list: CandidateFacts[]) => rank(policy(over), list)[0]?.facts.cluster;

describe('the choice', () => {
  it('goes by the wait in full only when that is long', () => {
    const near = facts('near', { waitMs: 5_000, cost: 110 });
    const far = facts('far', { waitMs: 35_000 });
    const early: Partial<RegionPolicy> = { policy: 'EarliestStart' };
    expect(winner({}, near, far)).toBe('far');
    expect(winner(early, { ...near, rates: far.rates }, far)).toBe('near');
    expect(winner(early, near, { ...far, waitMs: 900_000 })).toBe('near');
    expect(winner({ ...early, weights: { wait: 0 } }, near, { ...far, waitMs: 900_000 })).toBe('far');
    const [first, second] = rank(policy(early), [near, { ...far, waitMs: 305_000 }]);
    expect(first?.parts.wait).toBeCloseTo((100 * 70) / 85);
    expect(second?.parts.wait).toBeCloseTo((50 * 70) / 85);
  });

  it('weighs by preset, with latency where users are named, and explicit weights replace', () => {
    expect(weightsOf(policy())).toEqual({ cost: 25, energy: 15, carbon: 10, wait: 25, latency: 0, fragmentation: 10 });
    const clientRegions = [{ region: 'a', sharePercent: 100 }];
    expect(weightsOf(policy({ clientRegions })).latency).toBe(30);
    expect(weightsOf(policy({ clientRegions, weights: { latency: 0, cost: 1 } }))).toMatchObject({
      latency: 0,
      cost: 1,
    });
  });

  it('follows the policy', () => {
    const cheap = facts('cheap', { cost: 50, watts: 120, carbon: 110 });
    const green = facts('green', { cost: 100, watts: 110, carbon: 10 });
    const lean = facts('lean', { cost: 100, watts: 40, carbon: 90 });
    const near = facts('near', { cost: 120, latencyMs: 2 });
    expect(winner({ policy: 'CheapestFirst' }, cheap, green, lean)).toBe('cheap');
    expect(winner({ policy: 'GreenestFirst' }, cheap, green, lean)).toBe('green');
    expect(winner({ policy: 'LeastEnergy' }, cheap, green, lean)).toBe('lean');
    expect(winner({ policy: 'EarliestStart' }, facts('a', { waitMs: 60_000, cost: 1 }), facts('b'))).toBe('b');
    expect(
      winner(
        { clientRegions: [{ region: 'u', sharePercent: 100 }], weights: { cost: 10 } },
        facts('far', { latencyMs: 90 }),
        near,
      ),
    ).toBe('near');
    expect(winner({}, facts('torn', { strandedBoards: 7 }), facts('whole'))).toBe('whole');
  });

  it('breaks ties by preference, then by name', () => {
    const list = [facts('c'), facts('b'), facts('a')];
    expect(winner({}, ...list)).toBe('a');
    expect(winner({ preferred: ['x', 'c', 'b'] }, ...list)).toBe('c');
    expect(
      winner(
        { weights: { cost: 0, energy: 0, carbon: 0, wait: 0, fragmentation: 0 } },
        facts('b', { cost: 1 }),
        facts('a'),
      ),
    ).toBe('a');
  });

  it('does not compare money of different currencies', () => {
    expect(winner({ policy: 'CheapestFirst' }, facts('b', { cost: 1, currency: 'USD' }), facts('a', { cost: 7 }))).toBe(
      'a',
    );
  });

  it('is told in a sentence with the term that decided', () => {
    const said = (over: Partial<RegionPolicy>, ...list: CandidateFacts[]) =>
      decisionOf(policy(over), rank(policy(over), list), []).reason;
    const guian = facts('guian', { cost: 412_500_000, watts: 12_300, carbon: 4100 });
    const zhongwei = facts('zhongwei', { cost: 530_100_000, watts: 12_300, carbon: 4100 });
    const shanghai = facts('shanghai', { cost: 900_000_000, watts: 14_000, carbon: 9000 });
    expect(said({}, guian)).toBe('guian: the only place that fits now (412.50 CNY/h, 12.30 kW, 4.10 kg CO2/h).');
    expect(said({}, guian, zhongwei, shanghai)).toBe(
      'guian: score 100 of 100; cheapest of 3 that fit (412.50 CNY/h; next zhongwei 530.10); 12.30 kW, 4.10 kg CO2/h.',
    );
    const clean = facts('clean', { cost: 950_000_000, watts: 12_000, carbon: 9000 });
    expect(said({ policy: 'CheapestFirst' }, zhongwei, clean)).toContain('zhongwei: score ');
    expect(said({}, guian, { ...guian, cluster: 'b', region: 'b' })).toBe(
      'b: score 100 of 100, as guian; first by name; 412.50 CNY/h, 12.30 kW, 4.10 kg CO2/h.',
    );
    expect(said({}, guian, { ...guian, accelerator: 'A100', rates: { ...guian.rates, watts: 1 } })).toContain(
      'guian (A100): score 100 of 100; least power of 2 that fit (0.00 kW; next guian (H100) 12.30)',
    );
  });

  it('is recorded with at most eight candidates and eight filtered', () => {
    const many = Array.from({ length: 12 }, (_, i) => facts(`c${i}`));
    const filtered = many.map(({ cluster: name }) => ({ cluster: name, reason: 'R', message: 'm' }));
    const record = decisionOf(policy(), rank(policy(), many), filtered);
    expect([record.candidates.length, record.filtered.length, record.currency]).toEqual([8, 8, 'CNY']);
  });
});
