import { describe, expect, it } from 'vitest';
import type { Story } from './story.ts';
import { storyText } from './story-text.ts';
import { plain } from './table.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');

const waiting: Story = {
  kind: 'ModelTraining',
  namespace: 'team',
  name: 'run',
  phase: 'Queued',
  since: '2026-01-01T00:57:00Z',
  reason: 'Backoff',
  message: 'attempt 2 not before 2026-01-01T01:00:30Z',
  help: 'Wait.',
  queue: { name: 'default', position: 2, pending: 5 },
  holds: false,
  placement: {
    ...{ region: 'guian', cluster: 'guian-1', accelerator: 'H100', gpus: 96, nodeCount: 12 },
    ...{ nodes: ['gpu-1', 'gpu-2'], decidedAt: '2026-01-01T00:00:00Z' },
  },
  decision: {
    ...{ policy: 'CheapestFirst', reason: 'guian-1: the cheapest.', currency: 'CNY' },
    candidates: [
      {
        ...{ cluster: 'guian-1', region: 'guian', accelerator: 'H100', scorePermille: 900, watts: 9230 },
        ...{ costMicrosPerHour: 67_692_000, carbonGramsPerHour: 3729 },
      },
    ],
    filtered: [{ cluster: 'far', reason: 'Unreachable', message: 'it does not answer' }],
  },
  avoid: [{ cluster: 'guian-1', node: 'gpu-1', reason: 'NodeLost' }],
  restarts: '1 of 20 for lost nodes or pods',
  nextAttemptTime: '2026-01-01T01:00:30Z',
  attempts: [
    {
      ...{ attempt: 1, region: 'guian', cluster: 'guian-1', endTime: '2026-01-01T00:57:00Z', endReason: 'NodeLost' },
      ...{ message: 'gpu-1 is lost', runningSeconds: 3000, gpuSeconds: 288_000 },
    },
  ],
  usage: {
    ...{ gpuSeconds: 288_000, facilityJoules: 398_736_000_000, costMicros: 677_000_000, carbonGrams: 44_747 },
    ...{ currency: 'CNY', until: '2026-01-01T00:57:00Z', source: 'Estimate' },
  },
  events: [{ time: '2026-01-01T00:57:00Z', type: 'Warning', reason: 'Recovering', note: 'gpu-1 is lost', count: 3 }],
};

describe('a story as text', () => {
  it('says when one that waits for nodes is expected to start', () => {
    const queue = { name: 'default', position: 2, pending: 5, expectedStartTime: '2026-01-01T04:00:00Z' };
    const now = Date.parse('2026-01-01T02:00:00Z');
    const text = storyText({ ...waiting, queue }, now, plain);
    expect(text).toContain('default, position 2 of 5, expected to start in 2h (2026-01-01T04:00:00Z)');
    expect(storyText({ ...waiting, queue }, now + 9_000_000, plain)).toContain('expected to start soon');
  });

  it('says how far it is, by what its program told', () => {
    const lastUpdatedTime = '2026-01-01T00:55:00Z';
    const of = (progress: object): string =>
      storyText({ ...waiting, progress: { lastUpdatedTime, ...progress } }, NOW, plain);
    const both = { progressPercentage: 37, estimatedRemainingSeconds: 7200 };
    expect(of(both)).toContain('Progress    37 %, about 2h to run (told 5m ago)');
    expect(of({ progressPercentage: 0 })).toContain('Progress    0 % (told 5m ago)');
    expect(of({ estimatedRemainingSeconds: 60 })).toContain('Progress    about 60s to run (told 5m ago)');
    expect(storyText(waiting, NOW, plain)).not.toContain('Progress');
  });

  it('says first what matters, then what was', () => {
    expect(storyText(waiting, NOW, plain)).toBe(
      [
        'ModelTraining team/run',
        'State       Queued for 3m',
        'Why         Backoff: attempt 2 not before 2026-01-01T01:00:30Z',
        'What helps  Wait.',
        'Queue       default, position 2 of 5',
        'Last place  guian (cluster guian-1): 96 H100 on 12 nodes (gpu-1, gpu-2, ...)',
        'Restarts    1 of 20 for lost nodes or pods',
        'Avoids      gpu-1 in guian-1 (NodeLost)',
        'Next try    not before 2026-01-01T01:00:30Z',
        'Used        80.00 GPU-hours, ~110760.000 kWh, ~677.00 CNY, ~44.747 kg CO2; until 2026-01-01T00:57:00Z',
        '',
        'Decision (CheapestFirst), of the last attempt',
        '  guian-1: the cheapest.',
        '  CLUSTER   GPU    SCORE   COST/H       POWER      CO2/H       LATENCY',
        '  guian-1   H100   900     ~67.69 CNY   ~9.23 kW   ~3.729 kg   -',
        '  OUT   REASON        MESSAGE',
        '  far   Unreachable   it does not answer',
        '',
        'Attempts',
        '  ATTEMPT   REGION   ENDED    BY         RAN   MESSAGE',
        '  1         guian    3m ago   NodeLost   50m   gpu-1 is lost',
        '',
        'Events',
        '  AGO   REASON          NOTE',
        '  3m    Recovering x3   gpu-1 is lost',
      ].join('\n'),
    );
  });

  it('has the replicas of a serving and the offers of a quote', () => {
    const { attempts: _a, ...rest } = waiting;
    const replica = { region: 'guian', cluster: 'guian-1', nodes: ['gpu-3'] };
    const text = storyText(
      {
        ...rest,
        holds: true,
        replicas: [
          { ...replica, replica: 0, state: 'ready' },
          { ...replica, replica: 1, state: 'not ready', message: 'image cannot be pulled' },
        ],
        offers: [
          {
            ...{
              rank: 1,
              cluster: 'guian-1',
              region: 'guian',
              accelerator: 'H100',
              nodes: 1,
              gpus: 8,
              currency: 'CNY',
            },
            ...{ startTime: '2026-01-01T01:00:00Z', finishTime: '2026-01-01T02:00:00Z' },
            ...{ scorePermille: 1000, costMicros: 5_000_000, wattHours: 9230, carbonGrams: 3729 },
          },
        ],
        shortfalls: [{ cluster: 'far', reason: 'InsufficientGPU', message: '0 of 1 pods fit now' }],
      },
      NOW,
      plain,
    );
    expect(text).toMatch(/^Place +guian/m);
    expect(text).toContain('Decision (CheapestFirst), of the replica admitted last');
    expect(text).toMatch(/^ {2}1 +not ready +guian +gpu-3 +image cannot be pulled$/m);
    expect(text).toMatch(/^ {2}1 +guian +guian-1 +2026-01-01T01:00:00Z +8 H100 +1 +~5\.00 CNY +~9\.230 +~3\.729 kg$/m);
    expect(text).toMatch(/^ {2}far +InsufficientGPU +0 of 1 pods fit now$/m);
  });
});
