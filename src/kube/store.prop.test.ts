import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Store } from './store.ts';

interface Thing {
  metadata: { name: string; uid: string; resourceVersion: string };
  tag: string;
}

const named = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  uid: fc.constantFrom('1', '2'),
  tag: fc.constantFrom('x', 'y', 'z'),
});

const step = fc.oneof(
  named.map((object) => ({ kind: 'apply' as const, object })),
  fc.constantFrom('a', 'b', 'c', 'd', 'e').map((name) => ({ kind: 'remove' as const, name })),
  fc.uniqueArray(named, { selector: (one) => one.name }).map((list) => ({ kind: 'replace' as const, list })),
);

it('events rebuild the content, and indexes agree with it, after any history', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (history) => {
      const store = new Store<Thing>();
      store.addIndex('tag', (obj) => [obj.tag]);
      const mirror = new Map<string, Thing>();
      store.subscribe((event) => {
        const had = mirror.get(event.key);
        // The three kinds tell exactly what they say.
        if (event.type === 'added') expect(had).toBeUndefined();
        else expect(had?.metadata.uid).toBe(event.obj.metadata.uid);
        if (event.type === 'updated') expect(event.old).toBe(had);
        if (event.type === 'deleted') mirror.delete(event.key);
        else mirror.set(event.key, event.obj);
      });
      let version = 0;
      const make = (one: { name: string; uid: string; tag: string }): Thing => ({
        metadata: { name: one.name, uid: one.uid, resourceVersion: String(++version) },
        tag: one.tag,
      });
      for (const one of history) {
        if (one.kind === 'apply') store.apply(make(one.object));
        else if (one.kind === 'remove') store.remove(one.name);
        else store.replaceAll(one.list.map(make));
        expect(new Map(Array.from(store.list(), (obj) => [obj.metadata.name, obj]))).toEqual(mirror);
        for (const tag of ['x', 'y', 'z']) {
          const wanted = [...mirror.values()].filter((obj) => obj.tag === tag);
          expect(new Set(store.byIndex('tag', tag))).toEqual(new Set(wanted));
        }
      }
    }),
  );
});
