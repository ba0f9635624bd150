import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DocumentStream } from './document-stream.ts';

const END = '</nvidia_smi_log>';
const asText = (documents: readonly (Buffer | null)[]) => documents.map((document) => document?.toString() ?? null);

describe('DocumentStream', () => {
  it('gives the same documents however the stream is cut', () => {
    const body = fc.string({ maxLength: 40, unit: fc.constantFrom('<', '/', 'n', '>', 'é', ' ', '</nvidia_smi_lo') });
    fc.assert(
      fc.property(fc.array(body), body, fc.array(fc.nat(30)), (bodies, rest, sizes) => {
        const stream = new DocumentStream(10_000);
        const bytes = Buffer.from(`${bodies.map((one) => one + END).join('')}${rest}`);
        const found: (string | null)[] = [];
        let at = 0;
        for (const size of [...sizes, bytes.length]) {
          found.push(...asText(stream.push(bytes.subarray(at, at + size))));
          at += size;
        }
        expect(found).toEqual(bodies.map((one) => one + END));
        expect(stream.leftover).toBe(Buffer.from(rest).subarray(0, 200).toString().trim());
      }),
    );
  });

  it('drops a document that is too long, and finds the next one', () => {
    const stream = new DocumentStream(30);
    expect(stream.push(Buffer.from('x'.repeat(20)))).toEqual([]);
    expect(stream.push(Buffer.from('x'.repeat(20)))).toEqual([]);
    expect(stream.leftover).toBe('');
    expect(asText(stream.push(Buffer.from(`x${END}ok${END}`)))).toEqual([null, `ok${END}`]);
  });
});
