import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stableHash } from './shape.ts';

describe('stable hashes', () => {
  it('are 16 hex digits that do not change between versions', () => {
    expect(stableHash({ a: 1 })).toMatch(/^[0-9a-f]{16}$/);
    expect(stableHash([{ pods: 2, type: 'H100' }, 'q'])).toBe(stableHash([{ type: 'H100', pods: 2 }, 'q']));
  });

  it('ignore the order of keys and absent members', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse());
        expect(stableHash({ ...turned, gone: undefined })).toBe(stableHash({ ...value, gone: undefined }));
        expect(stableHash(JSON.parse(JSON.stringify(value)))).toBe(stableHash(value));
      }),
    );
  });

  it('tell values apart', () => {
    const values = [null, 0, 1, '1', '', [], {}, [1], [[1]], { a: 1 }, { a: '1' }, { b: 1 }, [1, 2], [2, 1], true];
    expect(new Set(values.map(stableHash)).size).toBe(values.length);
    const many = Array.from({ length: 100_000 }, (_, i) => stableHash({ shape: i }));
    expect(new Set(many).size).toBe(many.length);
  });
});
