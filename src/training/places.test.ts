import { describe, expect, it } from 'vitest';
import { anAdmission, aTraining } from '../../test/support/builders.ts';
import { type ComputeQueue, computeQueueSpec, type ModelTraining, type ModelTrainingStatus } from '../api/index.ts';
import { FakeClock } from '../runtime/clock.ts';
import { type Place, Places, placeOf } from './places.ts';

const aQueue = (
  names: readonly string[],
  pending = names.length,
  starts: Record<string, string> = {},
): ComputeQueue => ({
  metadata: { name: 'default' },
  spec: computeQueueSpec.parse({}),
  status: {
    pending,
    head: names.map((name, i) => ({
      ...{ position: i + 1, namespace: 'team', name, kind: 'ModelTraining', priority: 0 },
      ...(starts[name] === undefined ? {} : { expectedStartTime: starts[name] }),
    })),
  },
});
const numbered = (count: number, from = 0): string[] => Array.from({ length: count }, (_, i) => `t${from + i}`);

describe('placeOf', () => {
  const of = (name: string, queue: ComputeQueue | undefined, isWaiting = true) =>
    placeOf(aTraining({ name }), queue, isWaiting);

  it('is that of the list of its queue, with the time at which it is expected to start', () => {
    const queue = aQueue(['a', 'b'], 2, { b: '2026-11-25T22:00:00Z' });
    expect(of('a', queue)).toEqual({ position: '1' });
    expect(of('b', queue)).toEqual({ position: '2', wait: '~11-25 22:00Z' });
  });

  it('is behind the list where more wait than it has', () => {
    const queue = aQueue(numbered(100), 250);
    expect(of('z', queue)).toEqual({ position: '>100' });
    expect(of('z', queue, false)).toEqual({});
  });

  it('is none where it is not listed though all are, in another namespace, and without a queue', () => {
    expect(of('z', aQueue(['a']))).toEqual({});
    expect(placeOf(aTraining({ name: 'a', metadata: { namespace: 'other' } }), aQueue(['a']), true)).toEqual({});
    expect(of('a', undefined)).toEqual({});
  });
});

/** Trainings and one queue as the stores have them, and a reconciler that only writes places. */
function setUp() {
  const clock = new FakeClock();
  const trainings = new Map<string, ModelTraining>();
  const writes: { at: number; name: string; place: Place }[] = [];
  let queue = aQueue([]);
  const places = new Places({
    trainings: { get: (key) => trainings.get(key) },
    queues: { get: () => queue },
    clock,
    enqueue: (key) => {
      const training = trainings.get(key) as ModelTraining;
      expect(places.isTurnOf(key)).toBe(true);
      const place = placeOf(training, queue, true);
      set(training.metadata.name, { ...training.status, display: place });
      writes.push({ at: clock.monotonic(), name: training.metadata.name, place });
      places.written(key);
    },
  });
  const set = (name: string, status: ModelTrainingStatus): void => {
    trainings.set(`team/${name}`, aTraining({ name, status: { phase: 'Queued', queue: 'default', ...status } }));
  };
  const publish = (next: ComputeQueue): void => {
    const before = queue;
    queue = next;
    places.published(next, before);
  };
  /** Gives turns as the controller does, for so long. */
  const go = async (ms: number): Promise<void> => {
    const end = clock.monotonic() + ms;
    while (clock.monotonic() < end) {
      const wait = places.next();
      await clock.advance(Math.min(wait ?? ms, end - clock.monotonic()));
    }
  };
  return { clock, trainings, writes, places, set, publish, go };
}

describe('turns', () => {
  it('tell a place soon, and no more while it stays', async () => {
    const { writes, set, publish, go, places } = setUp();
    for (const name of ['a', 'b']) set(name, {});
    publish(aQueue(['a', 'b']));
    await go(1000);
    expect(writes.map(({ name, place }) => [name, place.position])).toEqual([
      ['a', '1'],
      ['b', '2'],
    ]);
    publish(aQueue(['a', 'b']));
    await go(120_000);
    expect(writes).toHaveLength(2);
    expect(places.next()).toBeUndefined();
  });

  it('are at most ten a second over all, and one a minute for each, while a thousand move up', async () => {
    const { writes, set, trainings, publish, go } = setUp();
    for (const name of numbered(1000)) set(name, {});
    // Five are admitted each second.
    for (let second = 0; second < 200; second += 1) {
      for (const name of numbered(5, (second - 1) * 5)) trainings.delete(`team/${name}`);
      publish(aQueue(numbered(100, second * 5), 1000 - second * 5));
      await go(1000);
    }
    expect(writes.length).toBeLessThanOrEqual(2000);
    expect(writes.length).toBeGreaterThan(200);
    const byName = Map.groupBy(writes, ({ name }) => name);
    for (const list of byName.values()) {
      const gaps = list.slice(1).map(({ at }, i) => at - (list[i]?.at ?? 0));
      expect(Math.min(60_000, ...gaps)).toBe(60_000);
    }
    for (let from = 0; from < 199_000; from += 500) {
      const within = writes.filter(({ at }) => at >= from && at < from + 1000);
      expect(within.length).toBeLessThanOrEqual(11);
    }
  });

  it('bring the place that is true then, after a minute', async () => {
    const { writes, set, publish, go } = setUp();
    for (const name of ['a', 'b', 'c']) set(name, {});
    publish(aQueue(['a', 'b', 'c']));
    await go(1000);
    publish(aQueue(['b', 'c']));
    publish(aQueue(['c']));
    await go(30_000);
    expect(writes).toHaveLength(3);
    await go(40_000);
    expect(writes.slice(3).map(({ name, place }) => [name, place])).toEqual([
      ['a', {}],
      ['b', {}],
      ['c', { position: '1' }],
    ]);
  });

  it('pass over those that hold nodes, wait elsewhere, or are gone', async () => {
    const { writes, set, publish, go } = setUp();
    set('held', { admission: anAdmission(), phase: 'Binding' });
    set('suspended', { phase: 'Suspended' });
    set('elsewhere', { queue: 'other' });
    set('waits', {});
    publish(aQueue(['gone', 'held', 'suspended', 'elsewhere', 'waits']));
    await go(2000);
    expect(writes.map(({ name }) => name)).toEqual(['waits']);
  });

  it('are not kept for those that are gone, where nobody gives them', () => {
    const { set, trainings, places } = setUp();
    set('a', {});
    expect(places.published(aQueue(['a', 'gone']), undefined)).toBe(true);
    trainings.delete('team/a');
    places.forget('team/a');
    expect(places.published(aQueue([]), aQueue(['a', 'gone']))).toBe(false);
  });

  it('come to one of which nothing is written yet', async () => {
    const { writes, trainings, publish, go } = setUp();
    trainings.set('team/new', aTraining({ name: 'new' }));
    publish(aQueue(['new']));
    await go(500);
    expect(writes).toHaveLength(1);
  });
});
