import { describe, expect, it } from 'vitest';
import type { Running, Workload } from '../core/model.ts';
import { A100, cluster, H100, manyNodes, NOON, nodes, workload } from '../core/testing/build.ts';
import { type ForecastSight, startForecast } from './start-forecast.ts';

const MINUTE = 60_000;
const holds = (cluster: string, minutes: number | undefined, pods = 1): Running => ({
  ...workload(`r-${cluster}-${minutes}`),
  ...{
    cluster,
    accelerator: 'H100',
    preemptible: false,
    ending: false,
    admittedAt: NOON,
    lossSince: NOON,
    charges: [],
  },
  ...(minutes === undefined ? {} : { endsAt: NOON + minutes * MINUTE }),
  nodes: Array.from({ length: pods }, (_, i) => `n${i}`),
  perPod: { gpuMilli: 8000, cpuMilli: 0, memoryMi: 0 },
});
const full = (name: string, count = 2) => cluster(name, { nodes: manyNodes(count, { gpusFree: 0 }) });
const waits = (key: string, over: Parameters<typeof workload>[1] = {}): Workload => workload(key, over);

function minutes(over: Partial<ForecastSight>): Record<string, number> {
  const sight: ForecastSight = {
    clusters: [full('guian')],
    running: () => [holds('guian', 10), holds('guian', 30)],
    pending: [],
    reservations: [],
    reason: () => 'InsufficientGPU',
    seconds: () => 3600,
    ...over,
  };
  return Object.fromEntries([...startForecast(sight, NOON)].map(([key, at]) => [key, (at - NOON) / MINUTE]));
}

describe('the forecast of starts', () => {
  it('goes by who waits before, what runs and for how long', () => {
    const pending = [waits('c', { queuedAt: 3 }), waits('a', { queuedAt: 1 }), waits('b', { queuedAt: 2 })];
    expect(minutes({ pending })).toEqual({ a: 10, b: 30, c: 70 });
    expect(minutes({ pending: [...pending, waits('urgent', { priority: 1 })] })).toEqual({
      urgent: 10,
      a: 30,
      b: 70,
      c: 90,
    });
  });

  it('is not made for what never ends, nor for who waits for something else than nodes', () => {
    expect(minutes({ pending: [waits('a')], running: () => [holds('guian', undefined)] })).toEqual({});
    expect(minutes({ pending: [waits('a')], reason: () => 'QuotaExceeded' })).toEqual({});
    expect(minutes({ pending: [waits('a')], reason: () => undefined })).toEqual({});
    expect(minutes({ pending: [waits('cpu', { request: { accelerators: [] } })] })).toEqual({});
  });

  it('is not made where by boards alone it would run already', () => {
    expect(minutes({ clusters: [cluster('guian')], running: () => [], pending: [waits('a')] })).toEqual({});
  });

  it('counts only clusters that the workload may use, that answer, and that have the type', () => {
    const down = { reason: 'Unreachable', message: 'gone' };
    const clusters = [
      full('guian'),
      cluster('east'),
      cluster('down', { unusable: down }),
      cluster('other', { accelerators: [A100] }),
    ];
    const bound = waits('a', { regions: { denied: ['east'] } });
    expect(minutes({ clusters, pending: [bound] })).toEqual({ a: 10 });
  });

  it('leaves out nodes that are out of service and boards of another type', () => {
    const mixed = cluster('guian', {
      accelerators: [H100, A100],
      nodes: nodes([
        { name: 'n0', gpusFree: 0 },
        { name: 'n1', usable: false },
        { name: 'n2', accelerator: 1 },
      ]),
    });
    expect(minutes({ clusters: [mixed], running: () => [holds('guian', 20)], pending: [waits('a')] })).toEqual({
      a: 20,
    });
  });

  it('takes the time of a reservation for whom nodes are kept', () => {
    const one = waits('a');
    const kept = { workload: one, cluster: 'guian', accelerator: 'H100', nodes: ['n0'], startsAt: NOON + 15 * MINUTE };
    expect(minutes({ pending: [one], reservations: [kept] })).toEqual({ a: 15 });
  });
});
