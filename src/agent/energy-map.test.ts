import { describe, expect, it } from 'vitest';
import { nodeEnergyData } from '../api/index.ts';
import type { Bucket } from './buckets.ts';
import { energyMapName, type NodeNow, nodeEnergyOf } from './energy-map.ts';
import type { LedgerState } from './ledger.ts';
import { type Entry, NOBODY } from './tally.ts';

const SERIES = '0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0';
const GPU = 'GPU-a';
const pod = (number: number) => ({ uid: `uid-${number}`, namespace: 'ns', name: `pod-${number}`, run: 'uid-w/3' });
const amounts = { joules: 1.23456789, gpuSeconds: 2, gapSeconds: 0.5 };

const NOW: NodeNow = { trouble: '', expected: 0, boards: [] };

function energy(entries: readonly Entry[], closed: readonly Bucket[], now = NOW) {
  const gpu = { uuid: GPU, ...amounts, last: { atMs: 0, watts: null }, shares: [], changes: [] };
  const buckets = { nextSequence: closed.length + 1, open: [], closed };
  const ledger: LedgerState = { gpus: [gpu], totals: entries, buckets, holders: [], holdersAtMs: null };
  return nodeEnergyOf({ node: 'gpu-1', series: SERIES, writtenAtMs: Date.UTC(2026, 0, 1), ledger, now });
}

describe('nodeEnergyOf', () => {
  it('says what the schema reads', () => {
    const entries = [
      { pod: pod(1), gpu: GPU, ...amounts },
      { pod: NOBODY, gpu: GPU, ...amounts },
    ];
    const closed = [{ sequence: 7, startMs: Date.UTC(2026, 0, 1), entries }];
    expect(nodeEnergyData.parse(energy(entries, closed))).toEqual({
      format: '1',
      node: 'gpu-1',
      series: SERIES,
      writtenAt: '2026-01-01T00:00:00.000Z',
      totals: {
        gpus: [[GPU, 1.234568, 2, 0.5]],
        pods: [['uid-1', 'ns', 'pod-1', 'uid-w/3']],
        use: [
          [0, 0, 1.234568, 2, 0.5],
          [-1, 0, 1.234568, 2, 0.5],
        ],
      },
      buckets: [
        {
          sequence: 7,
          start: '2026-01-01T00:00:00.000Z',
          use: [
            [0, 0, 1.234568, 2, 0.5],
            [-1, 0, 1.234568, 2, 0.5],
          ],
        },
      ],
      now: { trouble: '', expected: 0, boards: [] },
    });
  });

  it('says what is seen now, also of a pod that has used nothing yet', () => {
    const shares = [{ pod: pod(2), share: 0.5 }];
    const board = { uuid: GPU, health: 'lost' as const, watts: null, shares };
    const free = { uuid: 'GPU-b', health: 'healthy' as const, watts: 70.12345, shares: [] };
    const now = { trouble: 'x'.repeat(2000), expected: 3, boards: [board, free] };
    const data = nodeEnergyData.parse(energy([{ pod: pod(1), gpu: GPU, ...amounts }], [], now));
    expect(data.totals.pods.map(([uid]) => uid)).toEqual(['uid-1', 'uid-2']);
    expect(data.now).toEqual({
      trouble: 'x'.repeat(500),
      expected: 3,
      boards: [
        [GPU, 'lost', null, [[1, 0.5]]],
        ['GPU-b', 'healthy', 70.123, []],
      ],
    });
  });

  it('stays below what an object may have, and leaves out the oldest buckets', () => {
    const entries = Array.from({ length: 400 }, (_, number) => ({ pod: pod(number), gpu: GPU, ...amounts }));
    const closed = Array.from({ length: 192 }, (_, index) => ({
      sequence: index + 1,
      startMs: index * 900_000,
      entries,
    }));
    const data = energy(entries, closed);
    expect(Object.values(data).join('').length).toBeLessThan(1_000_000);
    const { buckets } = nodeEnergyData.parse(data);
    expect(buckets.length).toBeGreaterThan(50);
    expect(buckets.at(-1)?.sequence).toBe(192);
    expect(buckets[0]?.sequence).toBe(193 - buckets.length);
  });

  it('refuses what is damaged, without another error', () => {
    expect(nodeEnergyData.safeParse({ ...energy([], []), totals: '{' }).success).toBe(false);
  });
});

describe('energyMapName', () => {
  it('is the node’s, and never too long', () => {
    expect(energyMapName('gpu-1')).toBe('aidc-energy-gpu-1');
    const long = (end: string): string => energyMapName('n'.repeat(250) + end);
    expect(long('a').length).toBe(253);
    expect(long('a')).not.toBe(long('b'));
  });
});
