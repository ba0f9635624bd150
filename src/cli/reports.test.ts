import { describe, expect, it } from 'vitest';
import { aHeldReplica, anAdmission, aServing, aTraining } from '../../test/support/builders.ts';
import type { Usage } from '../api/common.ts';
import { type ComputeQueue, computeQueueSpec } from '../api/compute-queue.ts';
import type { ModelServing } from '../api/model-serving.ts';
import type { ModelTraining } from '../api/model-training.ts';
import { type RegionalCluster, regionalClusterSpec } from '../api/regional-cluster.ts';
import type { KubeObject } from '../kube/resource.ts';
import { accountsOf } from './accounts.ts';
import { billReport, billText } from './bill.ts';
import { queueRows, queuesText, queueText } from './queue.ts';
import { regionRows, regionsText } from './regions.ts';
import { plannedChange } from './suspend.ts';
import { plain } from './table.ts';
import { topReport, topText } from './top.ts';

type Training = ModelTraining & KubeObject;
type Serving = ModelServing & KubeObject;

const NOW = Date.parse('2026-01-01T01:00:00Z');

const usage = (over: Partial<Usage> = {}): Usage => ({
  gpuSeconds: 7200,
  facilityJoules: 3_600_000,
  costMicros: 5_000_000,
  carbonGrams: 500,
  currency: 'CNY',
  until: '2026-01-01T00:30:00Z',
  source: 'Estimate',
  ...over,
});

/** 4 nodes of 8 boards; a node in full use draws (8 x 700 + 1500) x 1.3 = 9230 W. */
const cluster = (name: string, over: Partial<RegionalCluster['status']> = {}): RegionalCluster => ({
  metadata: { name },
  spec: regionalClusterSpec.parse({
    region: name,
    kubeconfigSecretRef: { name: 'k' },
    location: { zone: 'West', jurisdiction: 'CN-GZ' },
    accelerators: [{ type: 'H100', resourceName: 'nvidia.com/gpu', boardWatts: 700, gpuHourMicros: 8_000_000 }],
    electricity: { tariff: [{ pricePerKWhMicros: 400_000 }] },
    carbon: { gramsPerKWh: 404 },
  }),
  status: {
    inventory: [
      {
        ...{ type: 'H100', nodes: 4, total: 32, allocatable: 32, reserved: 16, usedByOthers: 0, free: 16 },
        largestFreeGang: 2,
      },
    ],
    conditions: [
      {
        ...{ type: 'Ready', status: 'True', reason: 'Ready', message: 'It can be given work.' },
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
    lastSyncTime: '2026-01-01T00:59:30Z',
    display: { gpus: '16/32', price: '0.400 CNY/kWh', pue: '1.30', co2: '404 g/kWh' },
    ...over,
  },
});

const run = (over: Parameters<typeof aTraining>[0] = {}): Training =>
  ({ ...aTraining(over), kind: 'ModelTraining' }) as Training;
const serve = (over: Parameters<typeof aServing>[0] = {}): Serving =>
  ({ ...aServing(over), kind: 'ModelServing' }) as Serving;

const running = run({
  status: { phase: 'Running', tenant: 'art', queue: 'default', admission: anAdmission(), usage: usage() },
});
const done = run({ name: 'done', status: { phase: 'Succeeded', tenant: 'art', usage: usage({ currency: 'SGD' }) } });
const spread = serve({
  status: {
    phase: 'Ready',
    tenant: 'web',
    admissions: [aHeldReplica(0), aHeldReplica(1, { cluster: 'lingang' })],
    usage: usage({ source: 'Counter' }),
  },
});
const clusters = [cluster('guian'), cluster('lingang')];

describe('top', () => {
  const report = topReport(accountsOf([running, done, run({ name: 'waits' })], [spread], clusters, NOW), clusters);

  it('shows what holds nodes now, with power, and energy up to now', () => {
    // 2 nodes for the 30 minutes since the last booking, and what was booked.
    const joules = 2 * 9230 * 1800 + 3_600_000;
    expect(report.workloads.map(({ name }) => name)).toEqual(['run', 'chat']);
    expect(report.workloads[0]).toMatchObject({ gpus: 16, watts: 18_460, facilityJoules: joules, regions: ['guian'] });
    expect(report.tenants).toMatchObject([
      { tenant: 'art', gpus: 16, workloads: 1 },
      { tenant: 'web', gpus: 16, workloads: 1 },
    ]);
  });

  it('gives accelerators and power to their regions, and energy that status cannot split to none of them', () => {
    expect(report.regions).toMatchObject([
      { region: 'guian', gpus: 24, watts: 27_690, free: 16, usable: 32 },
      { region: 'lingang', gpus: 8, watts: 9230, facilityJoules: 0 },
      { region: 'several', gpus: 0, isEstimate: true },
    ]);
    const sum = (rows: readonly { facilityJoules: number }[]) => rows.reduce((all, row) => all + row.facilityJoules, 0);
    expect(sum(report.regions)).toBe(sum(report.workloads));
  });

  it('adds no estimate to what agents measure, which would be taken back', () => {
    const measured = run({
      status: { phase: 'Running', admission: anAdmission(), usage: usage({ source: 'Integrated', measured: usage() }) },
    });
    const [account] = accountsOf([measured], [], clusters, NOW);
    // Accelerators cost money all the same: 16 boards for half an hour.
    const live = { gpuSeconds: 36_000, facilityJoules: 3_600_000, costMicros: 69_000_000, carbonGrams: 500 };
    expect(account).toMatchObject({ live, isEstimate: false });
    const metered = { type: 'Metered', status: 'True', reason: 'AllReport', message: '' } as const;
    const conditions = [{ ...metered, lastTransitionTime: '2026-01-01T00:00:00Z' }];
    const [fresh] = accountsOf([running], [], [cluster('guian', { conditions })], NOW);
    expect(fresh?.live).toEqual(live);
  });

  it('invents no power where the cluster may not be read', () => {
    const blind = topReport(accountsOf([running], [], [], NOW), []);
    expect(blind.workloads).toMatchObject([{ gpus: 16, facilityJoules: 3_600_000 }]);
    expect(blind.workloads[0]).not.toHaveProperty('watts');
    expect(topText(blind, plain)).toMatch(/^team +run +ModelTraining +Running +guian +H100 +16 +- +~1\.000$/m);
  });

  it('shows power as it was measured, of a region with all of its boards, and marks none of it', () => {
    const told = usage({ drawWatts: 12_345 });
    const measured = run({ status: { phase: 'Running', tenant: 'art', admission: anAdmission(), usage: told } });
    const condition = { type: 'Metered', status: 'True', reason: 'AllReport', message: '' } as const;
    const conditions = [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }];
    const metered = [cluster('guian', { conditions, powerDrawWatts: 30_000 }), cluster('lingang', { conditions })];
    const text = topText(topReport(accountsOf([measured], [spread], metered, NOW), metered), plain);
    expect(text).toMatch(/^guian +24 +30\.00 kW/m);
    // Nobody says what this one draws.
    expect(text).toMatch(/^lingang +8 +~9\.23 kW/m);
    expect(text).toMatch(/^art +16 +12\.35 kW/m);
    expect(text).toMatch(/^team +run +ModelTraining +Running +guian +H100 +16 +12\.35 kW/m);
    expect(text).toMatch(/^web +16 +~18\.46 kW/m);
  });

  it('says that nothing runs', () => {
    expect(topText(topReport([], clusters), plain)).toContain('No workload here holds nodes now');
  });
});

describe('bill', () => {
  const accounts = accountsOf([running, done, run({ name: 'waits' })], [spread], [], NOW);

  it('adds what status has booked and what is held since, each currency by itself', () => {
    const report = billReport(accountsOf([running, done, run({ name: 'waits' })], [], clusters, NOW), 'tenant');
    expect(report.rows.map(({ key, currency, workloads }) => [key, currency, workloads])).toEqual([
      ['art', 'CNY', 1],
      ['art', 'SGD', 1],
    ]);
    // 16 boards for half an hour more, and 9.23 kWh.
    expect(report.totals).toMatchObject([
      { key: 'total', currency: 'CNY', gpuSeconds: 36_000, costMicros: 5_000_000 + 64_000_000 + 3_692_000 },
      { key: 'total', currency: 'SGD', gpuSeconds: 7200, costMicros: 5_000_000 },
    ]);
  });

  it('adds no sums of different currencies of one workload', () => {
    const otherCosts = [{ currency: 'USD', costMicros: 7_000_000, reckonedMicros: 0 }];
    const abroad = cluster('lingang');
    abroad.spec.electricity.currency = 'USD';
    const both = serve({
      status: {
        ...{ phase: 'Ready', tenant: 'web', usage: usage({ otherCosts }) },
        admissions: [aHeldReplica(0), aHeldReplica(1, { cluster: 'lingang' })],
      },
    });
    const report = billReport(accountsOf([], [both], [cluster('guian'), abroad], NOW), 'tenant');
    // Each replica has 8 boards for half an hour more, and half of 9.23 kWh.
    const more = 32_000_000 + 1_846_000;
    expect(report.rows).toMatchObject([
      { currency: 'CNY', workloads: 1, gpuSeconds: 7200 + 28_800, costMicros: 5_000_000 + more },
      { currency: 'USD', workloads: 1, gpuSeconds: 0, costMicros: 7_000_000 + more },
    ]);
  });

  it('takes what is held into account though nothing is booked yet', () => {
    const fresh = run({ status: { phase: 'Running', admission: anAdmission() } });
    expect(billReport(accountsOf([fresh], [], clusters, NOW), 'tenant').rows).toMatchObject([{ currency: 'CNY' }]);
    expect(billReport(accountsOf([fresh], [], [], NOW), 'tenant').rows).toEqual([]);
  });

  it('marks estimates, and only them; without the clusters it has what is booked', () => {
    const text = billText(billReport(accounts, 'workload'), plain);
    expect(text).toMatch(/^team\/run \(ModelTraining\) +1 +2\.00 +~1\.000 +~5\.00 CNY +~0\.500 kg$/m);
    expect(text).toMatch(/^team\/chat \(ModelServing\) +1 +2\.00 +1\.000 +5\.00 CNY +0\.500 kg$/m);
    expect(billText(billReport([], 'tenant'), plain)).toContain('Nothing has been used here yet');
  });
});

describe('queue', () => {
  const aQueue = (name: string, parent?: string): ComputeQueue => ({
    metadata: { name },
    spec: computeQueueSpec.parse(parent === undefined ? {} : { parent }),
  });

  it('shows each queue below its parent, and none twice', () => {
    const queues = [aQueue('b', 'root'), aQueue('root'), aQueue('a', 'root'), aQueue('aa', 'a'), aQueue('x', 'gone')];
    const circle = [aQueue('m', 'n'), aQueue('n', 'm')];
    expect(queueRows([...queues, ...circle]).map(({ name, depth }) => [name, depth])).toEqual([
      ...[
        ['root', 0],
        ['a', 1],
        ['aa', 2],
        ['b', 1],
        ['x', 0],
      ],
      ...[
        ['m', 0],
        ['n', 1],
      ],
    ]);
  });

  it('shows quota by key, and reasons', () => {
    const row = { accelerator: 'H100', region: '*', nominal: 64, usedMilliGpus: 24_500, borrowedMilliGpus: 0 };
    const status = {
      ...{ admitted: 3, pending: 2, pendingByReason: [{ reason: 'QuotaExceeded', count: 2 }] },
      usage: [row, { ...row, region: 'guian' }],
    };
    const text = queuesText(queueRows([{ ...aQueue('root'), status }]), plain);
    expect(text).toMatch(/^root +Unknown +None +3 +2 +H100 24\.5\/64, H100@guian 24\.5\/64 +2 QuotaExceeded$/m);
    expect(queuesText([], plain)).toBe('There is no ComputeQueue.');
  });

  it('of one queue shows its budgets', () => {
    const times = {
      periodStart: 'S',
      periodEnd: '2026-01-31T16:00:00Z',
      countedFrom: 'S',
      until: '2026-01-15T04:00:00Z',
    };
    const budget = { period: 'Month' as const, measure: 'gpuHours' as const, state: 'NearlyUsed' as const, ...times };
    const status = { budgets: [{ ...budget, used: 3_240_000, limit: 3_600_000, exhaustion: '2026-01-20T00:00:00Z' }] };
    const [row] = queueRows([{ ...aQueue('root'), status }]);
    expect(row && queueText(row, plain)).toMatch(
      /^Month +900\.0 of 1,000\.0 GPU-hours +NearlyUsed +2026-01-15T04:00:00Z +2026-01-20T00:00:00Z +2026-01-31T16:00:00Z$/m,
    );
  });
});

it('regions shows inventory, prices, and what is wrong', () => {
  const lost = { type: 'Ready', status: 'False' as const, reason: 'Unreachable', message: 'it does not answer.' };
  const conditions = [{ ...lost, lastTransitionTime: '2026-01-01T00:00:00Z' }];
  const boards = { ...lost, type: 'AcceleratorsHealthy', reason: 'BoardsLost', message: '1 lost (GPU-1 on a)' };
  const bad = { conditions: [...(cluster('x').status?.conditions ?? []), { ...boards, lastTransitionTime: '' }] };
  const display = { ...cluster('x').status?.display, power: '9.2 kW' };
  const hub = [cluster('lingang', { conditions }), cluster('guian', { ...bad, display })];
  const rows = regionRows([...hub, { ...cluster('new'), status: {} }]);
  const text = regionsText(rows, NOW, plain);
  expect(text).toMatch(
    /^guian +guian +True +H100 +16 +16 +0 +32 +32 +2 +9\.2 kW +0\.400 CNY\/kWh +404 g\/kWh +1\.30 +30s$/m,
  );
  expect(text).toMatch(/^new +new +Unknown( +-)+$/m);
  expect(text).toContain('\nlingang: Unreachable: it does not answer.\n');
  expect(text).toContain('\nguian: boards: BoardsLost: 1 lost (GPU-1 on a)');
});

describe('suspend', () => {
  it.each([
    ['what runs', running, true, true, /^training team\/run suspended: /],
    ['what is suspended', run({ spec: { suspend: true } }), true, false, /is suspended already/],
    ['what has finished', done, true, false, /has finished \(Succeeded\)/],
    ['what is suspended, back', run({ spec: { suspend: true } }), false, true, /resumed: it is queued again/],
    ['what runs, back', running, false, false, /is not suspended/],
  ])('changes %s only where there is something to change', (_what, object, wanted, changed, message) => {
    const change = plannedChange('training', object, wanted);
    expect(change).toMatchObject({ changed, kind: 'ModelTraining' });
    expect(change.message).toMatch(message);
  });
});
