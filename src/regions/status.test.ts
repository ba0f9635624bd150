import { describe, expect, it } from 'vitest';
import type { Inventory, RegionalCluster } from '../api/index.ts';
import { deriveStatus, type Observed, skewSeconds } from './status.ts';
import { aRegion } from './testing.ts';

const NOW = Date.parse('2026-03-01T10:00:00Z');
const line: Inventory = {
  type: 'H100',
  nodes: 72,
  total: 584,
  allocatable: 576,
  reserved: 64,
  usedByOthers: 0,
  free: 512,
  largestFreeGang: 64,
};
const seen: Observed = {
  nowMs: NOW,
  reachable: { status: 'True', reason: 'Answering', message: 'It answers.' },
  problem: undefined,
  clusterUID: 'uid-1',
  version: 'v1.36.3',
  inventory: [line],
  skewMs: -3200,
  lastAnswerMs: NOW,
  pricePerKWhMicros: 335_000,
};
const withStatus = (cluster: RegionalCluster, observed: Observed): RegionalCluster => ({
  ...cluster,
  status: deriveStatus(cluster, observed),
});

describe('deriveStatus', () => {
  it('shows the CO2 of the hour', () => {
    const region = aRegion('guian');
    const hourly = Array.from({ length: 24 }, (_, hour) => hour);
    const { electricity } = region.spec;
    const spec = { ...region.spec, carbon: { ...region.spec.carbon, hourly } };
    const local = { ...spec, electricity: { ...electricity, timezone: 'Asia/Shanghai' } };
    expect(deriveStatus({ ...region, spec: local }, seen).display?.co2).toBe('18 g/kWh');
  });

  it('of a member that is well', () => {
    expect(deriveStatus(aRegion('guian'), seen)).toEqual({
      observedGeneration: 1,
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'Ready',
          message: 'It can be given work.',
          lastTransitionTime: '2026-03-01T10:00:00Z',
          observedGeneration: 1,
        },
        {
          type: 'Reachable',
          status: 'True',
          reason: 'Answering',
          message: 'It answers.',
          lastTransitionTime: '2026-03-01T10:00:00Z',
          observedGeneration: 1,
        },
      ],
      clusterUID: 'uid-1',
      version: 'v1.36.3',
      inventory: [line],
      lastSyncTime: '2026-03-01T10:00:00Z',
      clockSkewSeconds: 0,
      display: { gpus: '512/576', price: '0.335 CNY/kWh', pue: '1.20', co2: '404 g/kWh' },
    });
  });

  it('says nothing new when nothing new is seen', () => {
    const before = withStatus(aRegion('guian'), seen);
    const later = { ...seen, nowMs: NOW + 59_000, lastAnswerMs: NOW + 59_000, skewMs: 4700 };
    expect(deriveStatus(before, later)).toEqual(before.status);
    expect(deriveStatus(before, { ...later, lastAnswerMs: NOW + 60_000 }).lastSyncTime).toBe('2026-03-01T10:01:00Z');
  });

  it('tells power with the time of contact, whether boards are well, and nothing of it when nobody measures', () => {
    const boards = { status: 'False', reason: 'BoardsLost', message: 'of 8 boards ...' } as const;
    const before = withStatus(aRegion('guian'), { ...seen, powerDrawWatts: 431_960.4, boards });
    expect(before.status).toMatchObject({ powerDrawWatts: 431_960, display: { power: '432.0 kW' } });
    expect(before.status?.conditions?.find(({ type }) => type === 'AcceleratorsHealthy')).toMatchObject(boards);
    const soon = { ...seen, boards, powerDrawWatts: 9, nowMs: NOW + 59_000, lastAnswerMs: NOW + 59_000 };
    expect(deriveStatus(before, soon)).toEqual(before.status);
    expect(deriveStatus(before, { ...soon, lastAnswerMs: NOW + 60_000 }).powerDrawWatts).toBe(9);
    const { powerDrawWatts: _, ...nobody } = soon;
    expect(deriveStatus(before, nobody)).not.toHaveProperty('powerDrawWatts');
    expect(deriveStatus(before, nobody).display).not.toHaveProperty('power');
  });

  it('keeps what was seen while the member does not answer, and moves the time of what changed only', () => {
    const before = withStatus(aRegion('guian'), seen);
    const lost: Observed = {
      nowMs: NOW + 5000,
      reachable: { status: 'False', reason: 'Unreachable', message: 'gone' },
      problem: { reason: 'Unreachable', message: 'gone' },
    };
    const status = deriveStatus(before, lost);
    expect(status).toMatchObject({ clusterUID: 'uid-1', inventory: [line], lastSyncTime: '2026-03-01T10:00:00Z' });
    expect(status.conditions?.map((one) => [one.type, one.status, one.reason, one.lastTransitionTime])).toEqual([
      ['Ready', 'False', 'Unreachable', '2026-03-01T10:00:05Z'],
      ['Reachable', 'False', 'Unreachable', '2026-03-01T10:00:05Z'],
    ]);
    const other = deriveStatus(
      { ...before, status },
      { ...lost, nowMs: NOW + 9000, problem: { reason: 'BadKubeconfig', message: 'x' } },
    );
    expect(other.conditions?.[0]).toMatchObject({
      reason: 'BadKubeconfig',
      lastTransitionTime: '2026-03-01T10:00:05Z',
    });
  });

  it('keeps the first report of an outage, also over a restart, but not for another server or reason', () => {
    const at = (
      server: string,
      since: string,
      reason: 'Unreachable' | 'CredentialsRefused' = 'Unreachable',
    ): Observed => {
      const message = `${server} has not answered since ${since}`;
      return { nowMs: NOW, reachable: { status: 'False', reason, message }, problem: { reason, message } };
    };
    const lost = withStatus(aRegion('guian'), at('https://a', '10:00'));
    const readyAfter = (observed: Observed) => deriveStatus(lost, observed).conditions?.[0]?.message;
    expect(readyAfter(at('https://a', '11:00'))).toBe('https://a has not answered since 10:00');
    expect(readyAfter(at('https://b', '11:00'))).toBe('https://b has not answered since 11:00');
    expect(readyAfter(at('https://a', '11:00', 'CredentialsRefused'))).toContain('11:00');
  });

  it('never rewrites the identity of a cluster', () => {
    const before = withStatus(aRegion('guian'), seen);
    expect(deriveStatus(before, { ...seen, clusterUID: 'uid-2' }).clusterUID).toBe('uid-1');
  });

  it('appends a note to a member that is ready, and keeps conditions of others', () => {
    const condition = { type: 'Drained', status: 'False', reason: 'x', message: '', lastTransitionTime: 't' } as const;
    const cluster = { ...aRegion('guian'), status: { conditions: [condition] } };
    const status = deriveStatus(cluster, { ...seen, note: 'The PriorityClass cannot be read.' });
    expect(status.conditions?.[0]).toEqual(condition);
    expect(status.conditions?.[1]?.message).toBe('It can be given work. The PriorityClass cannot be read.');
  });
});

describe('clock skew', () => {
  it.each([
    [undefined, 4900, 0],
    [undefined, -5100, -10],
    [0, 7900, 0],
    [0, 8100, 10],
    [10, 2100, 10],
    [10, 1900, 0],
    [20, undefined, 20],
  ])('after %s s, %s ms are %s s', (old, skew, expected) => {
    expect(skewSeconds(old, skew)).toBe(expected);
  });
});
