import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter } from './lines.ts';

describe('LineSplitter', () => {
  it('gives the same lines however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\n'))),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        (texts, cuts) => {
          const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(''));
          const splitter = new LineSplitter();
          const lines: string[] = [];
          for (let at = 0, n = 0; at < bytes.length; n++) {
            const length = cuts[n % cuts.length] as number;
            lines.push(...splitter.push(bytes.subarray(at, at + length)));
            at += length;
          }
          expect(lines).toEqual(texts);
          expect(splitter.pendingBytes).toBe(0);
        },
      ),
    );
  });

  it('keeps a half line and skips empty ones', () => {
    const splitter = new LineSplitter();
    expect(splitter.push(Buffer.from('a\n\n\r'))).toEqual(['a']);
    expect(splitter.pendingBytes).toBe(1);
  });

  it('refuses a line without end', () => {
    const splitter = new LineSplitter(10);
    splitter.push(Buffer.alloc(10, 'x'));
    expect(() => splitter.push(Buffer.from('y'))).toThrow(/longer than 10 bytes/);
  });
});
