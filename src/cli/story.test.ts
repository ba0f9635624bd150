import { describe, expect, it } from 'vitest';
import { aHeldReplica, anAdmission, aServing, aTraining } from '../../test/support/builders.ts';
import type { Condition } from '../api/common.ts';
import { type ComputeQueue, computeQueueSpec } from '../api/compute-queue.ts';
import { type ComputeQuote, computeQuoteSpec } from '../api/compute-quote.ts';
import { PENDING_REASON } from '../api/conditions.ts';
import type { ModelServing, ModelServingStatus } from '../api/model-serving.ts';
import type { ModelTraining } from '../api/model-training.ts';
import type { ModelTrainingStatus } from '../api/training-status.ts';
import type { KubeObject } from '../kube/resource.ts';
import { PENDING_ADVICE } from './advice.ts';
import { eventsOf, type Surroundings } from './story.ts';
import { quoteStory } from './story-quote.ts';
import { servingStory } from './story-serving.ts';
import { trainingStory } from './story-training.ts';

const nothing: Surroundings = { queue: undefined, events: [] };

const condition = (
  type: string,
  status: Condition['status'],
  reason: string,
  message = `${reason} it is`,
): Condition => ({
  ...{ type, status, reason, message },
  lastTransitionTime: '2026-01-01T00:01:00Z',
});

const aQueue = (names: readonly string[], pending = names.length, kind = 'ModelTraining'): ComputeQueue => ({
  metadata: { name: 'default' },
  spec: computeQueueSpec.parse({}),
  status: {
    pending,
    head: names.map((name, i) => ({ position: i + 1, namespace: 'team', name, kind, priority: 0 })),
  },
});

const told = (status: ModelTrainingStatus | undefined, spec: object = {}, metadata: object = {}) =>
  trainingStory(
    aTraining({ spec, metadata, ...(status === undefined ? {} : { status }) }) as ModelTraining & KubeObject,
    nothing,
  );

const admission = anAdmission();
const admitted = condition('Admitted', 'True', 'Admitted');

describe('the story of a training', () => {
  it('has what its program told of its progress', () => {
    const trainerStatus = { progressPercentage: 37, lastUpdatedTime: '2026-01-01T00:00:00Z' };
    expect(told({ trainerStatus }).progress).toEqual(trainerStatus);
    expect(told({})).not.toHaveProperty('progress');
  });

  it.each(Object.values(PENDING_REASON))('that waits for %s says it and what would help', (reason) => {
    const story = told({ phase: 'Queued', conditions: [condition('Admitted', 'False', reason)] });
    expect(story).toMatchObject({ reason, message: `${reason} it is`, help: PENDING_ADVICE[reason] });
  });

  const states: [what: string, status: ModelTrainingStatus | undefined, expected: object, spec?: object][] = [
    ['not looked at', undefined, { phase: 'Pending', reason: 'NotSeen', help: expect.stringContaining('operator') }],
    [
      'binding',
      { phase: 'Binding', admission, conditions: [admitted, condition('Placed', 'False', 'Dispatching')] },
      { phase: 'Binding', reason: 'Dispatching', help: expect.any(String) },
    ],
    [
      'starting',
      {
        phase: 'Starting',
        admission,
        conditions: [admitted, condition('Placed', 'True', 'Created'), condition('PodsReady', 'False', 'Starting')],
      },
      { reason: 'Starting', help: expect.stringContaining('images') },
    ],
    [
      'running',
      { phase: 'Running', admission, conditions: [admitted, condition('PodsReady', 'True', 'AllReady')] },
      { phase: 'Running', reason: 'AllReady', message: 'AllReady it is' },
    ],
    [
      'running in a region that does not answer',
      { phase: 'Running', admission, conditions: [admitted, condition('PodsReady', 'Unknown', 'ClusterUnreachable')] },
      { phase: 'Running', reason: 'ClusterUnreachable', help: expect.stringContaining('goes on meanwhile') },
    ],
    [
      'recovering',
      {
        phase: 'Recovering',
        admission,
        ending: { reason: 'NodeLost', message: 'node gpu-1 is lost', time: '2026-01-01T00:00:00Z' },
        restarts: { infra: 1, application: 0, free: 2 },
        conditions: [admitted],
      },
      {
        reason: 'NodeLost',
        message: 'node gpu-1 is lost; the pods of this attempt are being removed',
        help: expect.stringContaining('booted anew'),
        restarts: '1 of 20 for lost nodes or pods, 0 of 3 for failures of the program, 2 free of charge',
      },
    ],
    [
      'in backoff',
      {
        phase: 'Queued',
        nextAttemptTime: '2026-01-01T00:10:00Z',
        conditions: [condition('Admitted', 'False', 'Backoff')],
      },
      { reason: 'Backoff', nextAttemptTime: '2026-01-01T00:10:00Z' },
    ],
    [
      'suspending',
      {
        phase: 'Suspending',
        admission,
        ending: { reason: 'Suspended', message: 'spec.suspend is true', time: '2026-01-01T00:00:00Z' },
        conditions: [admitted],
      },
      { reason: 'Suspended', help: 'Wait: its pods are being removed.' },
      { suspend: true },
    ],
    [
      'failed',
      {
        phase: 'Failed',
        completionTime: '2026-01-01T01:00:00Z',
        conditions: [condition('Failed', 'True', 'ReachedMaxRestarts'), condition('Admitted', 'False', 'Finished')],
      },
      { phase: 'Failed', reason: 'ReachedMaxRestarts', help: expect.stringContaining('failurePolicy') },
    ],
    [
      'done',
      {
        phase: 'Succeeded',
        completionTime: '2026-01-01T01:00:00Z',
        conditions: [condition('Complete', 'True', 'Succeeded'), condition('Admitted', 'False', 'Finished')],
      },
      { phase: 'Succeeded', reason: 'Succeeded' },
    ],
  ];
  it.each(states)('that is %s', (_what, status, expected, spec) => {
    const story = told(status, spec);
    expect(story).toMatchObject(expected);
    if (!('help' in expected) && story.reason !== 'Backoff') expect(story.help).toBeUndefined();
  });

  it('that is being deleted', () => {
    const story = told({ conditions: [admitted] }, {}, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    expect(story).toMatchObject({ reason: 'Deleting' });
  });

  it('has the place and the record of its choice', () => {
    const place = { region: 'guian', cluster: 'guian', accelerator: 'H100', gpus: 16, nodeCount: 2, nodes: ['a', 'b'] };
    const decision = { policy: 'Balanced' as const, reason: 'cheapest', candidates: [], filtered: [] };
    const placement = { ...place, decidedAt: '2026-01-01T00:00:00Z', decision };
    expect(told({ admission, placement, conditions: [admitted] })).toMatchObject({ placement: place, decision });
  });
});

describe('the place in the queue', () => {
  const waiting: ModelTrainingStatus = {
    phase: 'Queued',
    queue: 'default',
    conditions: [condition('Admitted', 'False', 'QuotaExceeded')],
  };
  const placeIn = (queue: Surroundings['queue'], status = waiting) =>
    trainingStory({ ...aTraining({ status }), kind: 'ModelTraining' } as ModelTraining & KubeObject, {
      ...nothing,
      queue,
    }).queue;

  it('comes from the list of the queue', () => {
    expect(placeIn(aQueue(['other', 'run']))).toEqual({ name: 'default', position: 2, pending: 2 });
  });

  it('is not known beyond the end of the list, without the queue, and without the right to read it', () => {
    expect(placeIn(aQueue(['other'], 7))).toMatchObject({ pending: 7, note: expect.stringContaining('the first 1') });
    expect(placeIn(aQueue(['other']))).toMatchObject({ note: expect.stringContaining('not ready to be scheduled') });
    expect(placeIn(aQueue(['run'], 1, 'ModelServing'))?.position).toBeUndefined();
    expect(placeIn(undefined)).toMatchObject({ note: 'there is no such queue' });
    expect(placeIn(null)).toMatchObject({ note: expect.stringContaining('may not read') });
  });

  it('is only the name for what does not wait', () => {
    expect(placeIn(aQueue(['run']), { ...waiting, admission })).toEqual({ name: 'default' });
  });
});

describe('the story of a serving', () => {
  const serve = (status: ModelServingStatus, spec: object = {}) =>
    servingStory({ ...aServing({ spec, status }), kind: 'ModelServing' } as ModelServing & KubeObject, {
      queue: aQueue(['chat'], 1, 'ModelServing'),
      events: [],
    });
  const replica = (ordinal: number, ready: boolean, message?: string) => ({
    ...{ replica: ordinal, region: 'guian', cluster: 'guian', ready, revision: 'r', nodes: [`gpu-${ordinal}`] },
    ...(message === undefined ? {} : { message }),
  });

  it('that has one of its two replicas says why the other waits, and where it stands', () => {
    const message = '1 of 2 replicas hold nodes; the next: needs 8 H100';
    const story = serve({
      phase: 'Degraded',
      queue: 'default',
      admissions: [aHeldReplica(0)],
      replicaStatuses: [replica(0, true)],
      conditions: [
        condition('Admitted', 'False', 'InsufficientGPU', message),
        condition('Ready', 'False', 'NotAllReady'),
      ],
    });
    expect(story).toMatchObject({ phase: 'Degraded', reason: 'InsufficientGPU', message });
    expect(story.queue).toEqual({ name: 'default', position: 1, pending: 1 });
    expect(story.replicas).toEqual([
      { replica: 0, region: 'guian', cluster: 'guian', nodes: ['gpu-0'], state: 'ready' },
    ]);
    expect(story.since).toBe('2026-01-01T00:01:00Z');
  });

  it('that loads, rolls, or gives a replica back', () => {
    const ending = { reason: 'RolledOut', message: 'rolled', time: '2026-01-01T00:00:00Z' };
    const story = serve({
      phase: 'Updating',
      queue: 'default',
      admissions: [aHeldReplica(0, { ending }), aHeldReplica(1)],
      replicaStatuses: [replica(0, false, 'rolled'), replica(1, false)],
      conditions: [condition('Admitted', 'True', 'Admitted'), condition('Ready', 'False', 'Updating')],
    });
    expect(story).toMatchObject({ reason: 'Updating', help: expect.stringContaining('one by one') });
    expect(story.replicas?.map(({ state }) => state)).toEqual(['ending', 'not ready']);
  });

  it('that is ready needs no help', () => {
    const story = serve({
      phase: 'Ready',
      admissions: [aHeldReplica(0), aHeldReplica(1)],
      conditions: [condition('Admitted', 'True', 'Admitted'), condition('Ready', 'True', 'AllReady')],
    });
    expect(story.help).toBeUndefined();
  });
});

it('the story of a quote has its offers and what is short', () => {
  const shortfalls = [{ cluster: 'guian', reason: 'InsufficientGPU', message: 'short' }];
  const quote = (status?: ComputeQuote['status']): ComputeQuote & KubeObject => ({
    kind: 'ComputeQuote',
    metadata: { name: 'ask', namespace: 'team' },
    spec: computeQuoteSpec.parse({}),
    ...(status === undefined ? {} : { status }),
  });
  expect(quoteStory(quote(), nothing)).toMatchObject({ phase: 'Pending', reason: 'NotSeen' });
  const status = { conditions: [condition('Answered', 'True', 'NoOffer')], offers: [], shortfalls };
  expect(quoteStory(quote(status), nothing)).toMatchObject({
    ...{ phase: 'Answered', reason: 'NoOffer', shortfalls },
    help: expect.stringContaining('shortfalls'),
  });
});

it('events are told in order of time, the newest of them, with their number', () => {
  const event = (minute: number, count?: number) => ({
    metadata: { name: `e${minute}` },
    reason: `R${minute}`,
    eventTime: `2026-01-01T00:${String(minute).padStart(2, '0')}:00.000000Z`,
    ...(count === undefined ? {} : { series: { count, lastObservedTime: '2026-01-01T01:00:00Z' } }),
  });
  const minutes = Array.from({ length: 10 }, (_, i) => event(i + 10));
  const events = eventsOf([...minutes.reverse(), event(1, 5)]);
  expect(events.map(({ reason }) => reason)).toEqual(['R13', 'R14', 'R15', 'R16', 'R17', 'R18', 'R19', 'R1']);
  expect(events.at(-1)?.count).toBe(5);
});
