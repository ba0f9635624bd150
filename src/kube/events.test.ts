import { describe, expect, it } from 'vitest';
import { FakeClock } from '../runtime/clock.ts';
import { noopLogger } from '../runtime/logger.ts';
import { MemoryMetrics } from '../runtime/metrics.ts';
import { KubeError } from './errors.ts';
import { EventRecorder, type EventRecorderOptions } from './events.ts';

interface Sent {
  readonly verb: string;
  readonly namespace: string;
  readonly name?: string;
  readonly body: {
    note: string;
    reason: string;
    action: string;
    eventTime: string;
    metadata: { name: string };
    series?: { count: number; lastObservedTime: string };
  };
}

function setup(options: Partial<EventRecorderOptions> = {}) {
  const clock = new FakeClock();
  const metrics = new MemoryMetrics();
  const sent: Sent[] = [];
  const faults: unknown[] = [];
  const answer = async (verb: string, request: object): Promise<never> => {
    const fault = faults.shift();
    if (fault) throw fault;
    const one = { verb, ...request } as Sent;
    sent.push(one);
    return { metadata: { name: one.body.metadata?.name ?? one.name } } as never;
  };
  const recorder = new EventRecorder({
    client: {
      create: (_r, request) => answer('create', request),
      mergePatch: (_r, request) => answer('patch', request),
    },
    component: 'aidc.dev/operator',
    instance: 'pod-1',
    clock,
    metrics,
    logger: noopLogger,
    ...options,
  });
  const count = (result: string): number => metrics.value('aidc_events_total', { result });
  return { clock, recorder, sent, faults, count };
}

const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'ns', uid: 'u' } };
const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', uid: 'v' } };

describe('EventRecorder', () => {
  it('writes one event per object and reason in ten minutes, then a series', async () => {
    const { clock, recorder, sent, count } = setup();
    for (let minute = 0; minute < 12; minute++) {
      recorder.event(pod, 'Warning', 'Unplaceable', `try ${minute}`);
      await clock.advance(60_000);
    }
    expect(sent.map(({ verb }) => verb)).toEqual(['create', 'patch']);
    expect(sent[0]?.body.eventTime).toMatch(/\.\d{6}Z$/);
    expect(sent[1]).toMatchObject({ namespace: 'ns', name: sent[0]?.body.metadata.name });
    expect(sent[1]?.body.series?.count).toBe(11);
    expect([count('written'), count('suppressed')]).toEqual([2, 10]);
  });

  it('lets another object, reason or message key through', async () => {
    const { clock, recorder, sent } = setup();
    recorder.event(pod, 'Normal', 'A', 'x');
    recorder.event(pod, 'Normal', 'A', 'another text');
    recorder.event(pod, 'Normal', 'B', 'x', { action: 'Binding' });
    recorder.event(pod, 'Normal', 'A', 'x', { messageKey: 'k' });
    recorder.event(node, 'Normal', 'A', 'x');
    await clock.advance(1000);
    expect(sent.map(({ namespace, body }) => `${namespace} ${body.reason} ${body.action}`)).toEqual([
      'ns A A',
      'ns B Binding',
      'ns A A',
      'default A A',
    ]);
  });

  it('makes a new event when the old one has expired', async () => {
    const { clock, recorder, sent, faults } = setup();
    recorder.event(pod, 'Normal', 'A', 'x');
    await clock.advance(3_700_000);
    faults.push(new KubeError('x', { status: 404, reason: 'NotFound' }));
    recorder.event(pod, 'Normal', 'A', 'x');
    await clock.advance(0);
    expect(sent.map(({ verb }) => verb)).toEqual(['create', 'create']);
    expect(sent[0]?.body.metadata.name).not.toBe(sent[1]?.body.metadata.name);
  });

  it('never throws, goes on after errors, and drops what is too much', async () => {
    const { clock, recorder, faults, count, sent } = setup({ maxPending: 2 });
    faults.push(new Error('no route'));
    for (let i = 0; i < 5; i++) recorder.event(pod, 'Normal', `R${i}`, 'x');
    recorder.event(undefined as never, 'Normal', 'A', 'x');
    await clock.advance(10_000);
    expect([count('error'), count('dropped'), sent.length]).toEqual([2, 2, 2]);
    expect(recorder.pending).toBe(0);
  });

  it('cuts notes at the size the API takes, between characters', async () => {
    const { clock, recorder, sent } = setup();
    recorder.event(pod, 'Normal', 'A', '节'.repeat(1000));
    await clock.advance(0);
    const note = sent[0]?.body.note ?? '';
    expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1024);
    expect(note).toMatch(/^节+\.\.\.$/);
  });
});
