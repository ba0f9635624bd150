import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyMergePatch, jsonEqual, minimalMergePatch } from './merge-patch.ts';

/** JSON the API can store: no nulls in maps. Lists may hold anything. */
const value = fc.letrec((tie) => ({
  json: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.boolean(),
    fc.integer({ min: 0, max: 3 }),
    fc.constantFrom('', 'a', 'b'),
    fc.array(tie('json'), { maxLength: 3 }),
    tie('map'),
  ),
  map: fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', 'aidc.dev/x'), tie('json'), {
    maxKeys: 4,
  }),
}));

describe('minimalMergePatch', () => {
  it('applied to the old state gives the new one', () => {
    fc.assert(
      fc.property(value.map, value.map, (from, to) => {
        const patch = minimalMergePatch(from, to);
        const result = patch === undefined ? from : applyMergePatch(from, patch);
        expect(jsonEqual(result, to)).toBe(true);
        expect(JSON.parse(JSON.stringify(result))).toEqual(JSON.parse(JSON.stringify(to)));
      }),
      { numRuns: 2000 },
    );
  });

  it('is undefined exactly when nothing changes', () => {
    fc.assert(
      fc.property(value.map, value.map, (from, to) => {
        expect(minimalMergePatch(from, to) === undefined).toBe(jsonEqual(from, to));
        expect(minimalMergePatch(from, structuredClone(from))).toBeUndefined();
      }),
    );
  });

  it('names nothing that stays', () => {
    fc.assert(
      fc.property(value.map, value.map, (from, to) => {
        const patch = (minimalMergePatch(from, to) ?? {}) as Record<string, unknown>;
        for (const key of Object.keys(patch)) {
          const before = Object.hasOwn(from as object, key) ? (from as Record<string, unknown>)[key] : undefined;
          const after = Object.hasOwn(to as object, key) ? (to as Record<string, unknown>)[key] : undefined;
          expect(jsonEqual(before, after)).toBe(false);
        }
      }),
    );
  });

  it('removes by null, replaces lists whole, and takes undefined and null as absent', () => {
    expect(
      minimalMergePatch({ a: 1, b: { c: 1, d: 2 }, l: [1] }, { b: { c: 1, e: 3 }, l: [1, 2], n: undefined }),
    ).toEqual({ a: null, b: { d: null, e: 3 }, l: [1, 2] });
    expect(minimalMergePatch({ a: null }, {})).toBeUndefined();
    expect(minimalMergePatch({}, { a: { b: null, c: 1 } })).toEqual({ a: { c: 1 } });
    expect(minimalMergePatch({ a: 1 }, { a: { b: 1 } })).toEqual({ a: { b: 1 } });
    expect(minimalMergePatch({ a: { b: 1 } }, { a: {} })).toEqual({ a: { b: null } });
  });
});
