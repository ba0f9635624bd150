import { describe, expect, it } from 'vitest';
import { MemoryMetrics } from '../runtime/metrics.ts';
import { Store, type StoreEvent } from './store.ts';

interface Thing {
  metadata: { name: string; namespace?: string; uid: string; resourceVersion: string };
  node?: string;
}

let version = 0;
function thing(name: string, uid = name, node?: string): Thing {
  version += 1;
  const metadata = { name, namespace: 'ns', uid, resourceVersion: String(version) };
  return node === undefined ? { metadata } : { metadata, node };
}

function setup() {
  const metrics = new MemoryMetrics();
  const store = new Store<Thing>({ name: 's', metrics });
  const events: string[] = [];
  const seen: StoreEvent<Thing>[] = [];
  store.subscribe((event) => {
    seen.push(event);
    events.push(`${event.type} ${event.key} ${event.obj.metadata.uid}`);
  });
  return { store, events, seen, metrics };
}

describe('Store', () => {
  it('tells of added, updated and deleted objects', () => {
    const { store, events, seen } = setup();
    const first = thing('a');
    store.apply(first);
    store.apply(thing('a'));
    store.remove('ns/a');
    expect(events).toEqual(['added ns/a a', 'updated ns/a a', 'deleted ns/a a']);
    expect(seen[1]?.old).toBe(first);
    expect([store.size, store.remove('ns/a')]).toEqual([0, false]);
  });

  it('passes over a version it has already', () => {
    const { store, events } = setup();
    const a = thing('a');
    expect([store.apply(a), store.apply(structuredClone(a))]).toEqual([true, false]);
    expect(events).toHaveLength(1);
  });

  it('tells of a recreation inside one event as deleted, then added', () => {
    const { store, events } = setup();
    store.apply(thing('a', 'uid-1'));
    store.apply(thing('a', 'uid-2'));
    expect(events.slice(1)).toEqual(['deleted ns/a uid-1', 'added ns/a uid-2']);
  });

  it('replaces its content in one step, by differences', () => {
    const { store, events } = setup();
    const [a, b, c] = [thing('a'), thing('b'), thing('c', 'c-1')];
    for (const one of [a, b, c]) store.apply(one);
    events.length = 0;
    const sizes: number[] = [];
    store.subscribe(() => sizes.push(store.size), { replay: false });
    store.replaceAll([structuredClone(a), thing('c', 'c-2'), thing('d')], '99');
    expect(events).toEqual(['deleted ns/b b', 'deleted ns/c c-1', 'added ns/c c-2', 'added ns/d d']);
    expect(sizes).toEqual([3, 3, 3, 3]);
    expect(store.resourceVersion).toBe('99');
    expect(store.get('ns/a')).toBe(a);
  });

  it('keeps indexes in step and counts what throws in them', () => {
    const { store, metrics } = setup();
    store.apply(thing('a', 'a', 'n1'));
    store.addIndex('node', (obj) => (obj.node ? [obj.node] : []));
    store.apply(thing('b', 'b', 'n1'));
    expect(store.byIndex('node', 'n1').map((obj) => obj.metadata.name)).toEqual(['a', 'b']);
    store.apply(thing('a', 'a', 'n2'));
    store.remove('ns/b');
    expect([store.countByIndex('node', 'n1'), store.countByIndex('node', 'n2')]).toEqual([0, 1]);
    store.replaceAll([thing('c', 'c', 'n3')]);
    expect([store.byIndex('node', 'n2'), store.byIndex('node', 'n3').length]).toEqual([[], 1]);
    store.addIndex('bad', () => {
      throw new Error('x');
    });
    expect(store.byIndex('bad', 'y')).toEqual([]);
    expect(metrics.value('aidc_store_handler_panics_total', { store: 's' })).toBe(1);
    expect(() => store.addIndex('node', () => [])).toThrow(/already/);
    expect(() => store.byIndex('none', 'x')).toThrow(/no index none/);
  });

  it('lets no handler disturb the others', () => {
    const { store, metrics } = setup();
    const seen: string[] = [];
    store.subscribe(() => {
      throw new Error('bad handler');
    });
    store.subscribe((event) => seen.push(event.type));
    store.apply(thing('a'));
    expect(seen).toEqual(['added']);
    expect(metrics.value('aidc_store_handler_panics_total', { store: 's' })).toBe(1);
  });

  it('delivers a change made by a handler after the present event, to all in the same order', () => {
    const store = new Store<Thing>();
    const [one, two]: string[][] = [[], []];
    store.subscribe((event) => {
      one?.push(event.key);
      if (event.key === 'ns/a') store.apply(thing('b'));
    });
    store.subscribe((event) => two?.push(event.key));
    store.apply(thing('a'));
    expect([one, two]).toEqual([
      ['ns/a', 'ns/b'],
      ['ns/a', 'ns/b'],
    ]);
  });

  it('replays what is stored to a late subscriber, and stops at unsubscribe', () => {
    const { store } = setup();
    store.apply(thing('a'));
    const seen: string[] = [];
    const end = store.subscribe((event) => seen.push(`${event.type} ${event.key}`));
    store.apply(thing('b'));
    end();
    store.apply(thing('c'));
    expect(seen).toEqual(['added ns/a', 'added ns/b']);
  });

  it('tells a subscriber that joins inside a handler of each object once', () => {
    const store = new Store<Thing>();
    const seen: string[] = [];
    let joined = false;
    store.subscribe(() => {
      if (joined) return;
      joined = true;
      store.subscribe((event) => seen.push(`${event.type} ${event.key}`));
    });
    store.replaceAll([thing('a'), thing('b')]);
    store.apply(thing('c'));
    expect(seen).toEqual(['added ns/a', 'added ns/b', 'added ns/c']);
  });

  it('freezes objects and their metadata', () => {
    const { store } = setup();
    store.apply(thing('a'));
    const stored = store.get('ns/a') as Thing;
    expect(() => Object.assign(stored, { node: 'x' })).toThrow();
    expect(() => Object.assign(stored.metadata, { name: 'x' })).toThrow();
  });

  it('takes the answer to a write early only while nothing newer was seen', () => {
    const { store } = setup();
    const read = thing('a');
    store.apply(read);
    const written = thing('a');
    expect(store.applyIfCurrent(written, read.metadata.resourceVersion)).toBe(true);
    const newer = thing('a');
    store.apply(newer);
    expect(store.applyIfCurrent(thing('a'), written.metadata.resourceVersion)).toBe(false);
    expect(store.get('ns/a')).toBe(newer);
    store.remove('ns/a');
    expect(store.applyIfCurrent(thing('a'), newer.metadata.resourceVersion)).toBe(false);
  });

  it('is not set back by what the watch brings late', () => {
    const store = new Store<Thing>();
    const versioned = (version: string, uid = 'u'): Thing => ({
      metadata: { name: 'a', namespace: 'ns', uid, resourceVersion: version },
    });
    store.apply(versioned('9'));
    store.applyIfCurrent(versioned('10'), '9');
    store.applyIfCurrent(versioned('11'), '10');
    expect(store.apply(versioned('10'))).toBe(false);
    expect(store.get('ns/a')?.metadata.resourceVersion).toBe('11');
    expect(store.apply(versioned('12'))).toBe(true);
    // Another object of that name, after a hub was restored.
    expect(store.apply(versioned('5', 'other'))).toBe(true);
  });
});
