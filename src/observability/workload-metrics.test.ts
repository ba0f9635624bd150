import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { anAdmission, aServing, aTraining } from '../../test/support/builders.ts';
import type { ModelServing, ModelTraining, Usage } from '../api/index.ts';
import { NO_USE, type WorkloadUse } from '../energy/index.ts';
import { Store } from '../kube/store.ts';
import type { MemberNode } from '../regions/index.ts';
import { aNode, aRegion } from '../regions/testing.ts';
import { WorkloadMetrics } from './workload-metrics.ts';

const at = (second: number) => ({ creationTimestamp: `2026-01-01T00:00:0${second}Z` });
const training = (name: string, second: number) => aTraining({ name, metadata: { uid: name, ...at(second) } });
const serving = (name: string, second: number): ModelServing => {
  const base = aServing({});
  return { ...base, metadata: { ...base.metadata, name, uid: name, ...at(second) } };
};

/** Names that have series, and how many have none. */
async function shown(max: number, trainings: ModelTraining[], servings: ModelServing[]) {
  const registry = new Registry();
  const hub = { trainings: { list: () => trainings }, servings: { list: () => servings } } as never;
  const ledger = { isLoaded: true, use: () => undefined, draw: () => undefined, unmetered: () => 0 };
  new WorkloadMetrics(registry, hub, { get: () => undefined }, ledger, () => 0, { max, labels: [] }).collect();
  const text = await registry.metrics();
  const named = (family: string) =>
    [...text.matchAll(new RegExp(`^${family}{.*workload="([^"]+)"`, 'gm'))].map(([, name]) => name);
  const everywhere = new Set(named('aidc_workload_\\w+'));
  expect(everywhere).toEqual(new Set(named('aidc_workload_info')));
  return { names: [...everywhere].sort(), omitted: /^aidc_metrics_omitted_workloads (\d+)$/m.exec(text)?.[1] };
}

it('has series of the oldest workloads of both kinds, and says how many have none', async () => {
  const trainings = [training('d', 4), training('a', 1), training('c', 2)];
  const servings = [serving('b', 2), serving('e', 5)];
  expect(await shown(5, trainings, servings)).toEqual({ names: ['a', 'b', 'c', 'd', 'e'], omitted: '0' });
  expect(await shown(2, trainings, servings)).toEqual({ names: ['a', 'b'], omitted: '3' });
  expect(await shown(2, trainings.toReversed(), servings.toReversed())).toEqual({ names: ['a', 'b'], omitted: '3' });
  expect(await shown(0, trainings, servings)).toEqual({ names: [], omitted: '5' });
});

it('has a series of money for each currency', async () => {
  const registry = new Registry();
  const sums = { gpuSeconds: 1, facilityJoules: 1, carbonGrams: 0, until: at(0).creationTimestamp };
  const otherCosts = [{ currency: 'USD', costMicros: 50_000_000, reckonedMicros: 30_000_000 }];
  const usage: Usage = { ...sums, costMicros: 1_000_000_000, currency: 'CNY', source: 'Estimate', otherCosts };
  const hub = { trainings: { list: () => [aTraining({ status: { usage } })] }, servings: { list: () => [] } } as never;
  const money = { measured: { CNY: 1_000_000, USD: 2_000_000 }, estimated: { USD: 9e6 }, final: { USD: 1_000_000 } };
  const costOf = async (use: WorkloadUse | undefined): Promise<string[]> => {
    registry.clear();
    const ledger = { isLoaded: true, use: () => use, draw: () => undefined, unmetered: () => 0 };
    new WorkloadMetrics(registry, hub, { get: () => undefined }, ledger, () => 0, { max: 9, labels: [] }).collect();
    const text = await registry.metrics();
    return [...text.matchAll(/^aidc_workload_energy_cost_total{.*currency="(\w+)".*} (.*)$/gm)]
      .map(([, currency, value]) => `${currency} ${value}`)
      .sort();
  };
  expect(await costOf(undefined)).toEqual(['CNY 1000', 'USD 50']);
  // What the ledger tells takes the place of what status says was measured.
  expect(await costOf({ ...NO_USE, costs: money })).toEqual(['CNY 1001', 'USD 33']);
});

it('joins by labels that were asked for, and by no others', async () => {
  const registry = new Registry();
  const labelled = (name: string, labels: Record<string, string>) =>
    aTraining({ name, metadata: { uid: name, labels, ...at(1) } });
  const objects = [labelled('a', { 'example.com/team': 'vision', secret: 'x' }), labelled('b', { other: 'y' })];
  const hub = { trainings: { list: () => objects }, servings: { list: () => [] } } as never;
  const ledger = { isLoaded: true, use: () => undefined, draw: () => undefined, unmetered: () => 0 };
  const labels = [{ key: 'example.com/team', name: 'label_example_com_team' }];
  const metrics = new WorkloadMetrics(registry, hub, { get: () => undefined }, ledger, () => 0, { max: 9, labels });
  metrics.collect();
  const [first] = objects;
  if (first !== undefined) objects[0] = labelled('a', { 'example.com/team': 'speech' });
  metrics.collect();
  const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith('aidc_workload_info{'));
  // One series a workload, also after its label has changed.
  expect(lines.map((line) => /workload="(\w)".*label_example_com_team="(\w*)"/.exec(line)?.slice(1))).toEqual([
    ['a', 'speech'],
    ['b', ''],
  ]);
  expect(lines.join()).not.toMatch(/secret|other/);
});

it('tells progress where a program told of it, and of no other', async () => {
  const registry = new Registry();
  const lastUpdatedTime = at(1).creationTimestamp;
  const told = (name: string, progressPercentage?: number) => {
    const trainerStatus = { lastUpdatedTime, ...(progressPercentage === undefined ? {} : { progressPercentage }) };
    return aTraining({ name, metadata: { uid: name }, status: { trainerStatus } });
  };
  const objects = [told('a', 37), told('begun', 0), told('rest-only'), training('silent', 1)];
  const hub = { trainings: { list: () => objects }, servings: { list: () => [serving('chat', 1)] } } as never;
  const ledger = { isLoaded: true, use: () => undefined, draw: () => undefined, unmetered: () => 0 };
  const metrics = new WorkloadMetrics(registry, hub, { get: () => undefined }, ledger, () => 0, { max: 9, labels: [] });
  const values = async (): Promise<(string | undefined)[][]> => {
    metrics.collect();
    const text = await registry.metrics();
    return [...text.matchAll(/^aidc_workload_progress_ratio{.*workload="([^"]+)".*} (.*)$/gm)].map(([, ...of]) => of);
  };
  expect(await values()).toEqual([
    ['a', '0.37'],
    ['begun', '0'],
  ]);
  // Another attempt begins anew.
  objects[0] = training('a', 1);
  expect(await values()).toEqual([['begun', '0']]);
});

it('never takes back what it told, when what was an estimate turns out to be measured, nor counts it twice', async () => {
  const registry = new Registry();
  const admission = anAdmission({ admittedAt: '2026-01-01T00:00:00Z' });
  const held = aTraining({ metadata: { uid: 'w', ...at(0) }, status: { phase: 'Running', admission } });
  const hub = { trainings: { list: () => [held] }, servings: { list: () => [] } } as never;
  const nodes = new Store<MemberNode>();
  for (const name of ['gpu-1', 'gpu-2']) nodes.apply(aNode(name));
  const members = { get: () => ({ object: aRegion('guian'), nodes }) } as never;
  let nowMs = Date.parse('2026-01-01T00:01:00Z');
  let unmetered = 1;
  let joules = 0;
  const use = (): WorkloadUse | undefined => {
    const facility = { facilityJoules: joules, itJoules: joules, gpuJoules: joules, carbonGrams: joules / 1e5 };
    const costs = { ...NO_USE.costs, measured: { CNY: joules } };
    return joules === 0 ? undefined : { ...NO_USE, measured: { ...NO_USE.measured, ...facility }, costs };
  };
  const ledger = { isLoaded: true, use, draw: () => undefined, unmetered: () => unmetered };
  const metrics = new WorkloadMetrics(registry, hub, members, ledger, () => nowMs, { max: 9, labels: [] });
  const before = new Map<string, number>();
  const scrape = async (): Promise<number> => {
    metrics.collect();
    let facility = 0;
    for (const [, series = '', value] of (await registry.metrics()).matchAll(
      /^(aidc_workload_\w+_total{.*}) (\S+)$/gm,
    )) {
      expect(Number(value), series).toBeGreaterThanOrEqual(before.get(series) ?? 0);
      before.set(series, Number(value));
      if (series.includes('energy_joules') && series.includes('"facility"')) facility += Number(value);
    }
    return facility;
  };
  const estimated = await scrape();
  expect(estimated).toBeGreaterThan(0);
  // The agents were there for half of that time, and only now it is known; what they measured is booked with it.
  unmetered = 0.5;
  joules = Math.round(estimated / 2);
  expect(await scrape()).toBeCloseTo(estimated, 0);
  nowMs += 60_000;
  // Of two minutes half a one is not metered.
  unmetered = 0.25;
  joules = Math.round(estimated * 1.5);
  expect(await scrape()).toBeCloseTo(estimated * 2, 0);
});
