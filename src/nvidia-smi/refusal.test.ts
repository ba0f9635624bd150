import { describe, expect, it } from 'vitest';
import { NvidiaSmiError, parseNvidiaSmi } from './index.ts';
import { documentOf, gpuDocument } from './testing/build.ts';

const refusal = (input: string | Uint8Array): string => {
  try {
    parseNvidiaSmi(input);
  } catch (error) {
    if (error instanceof NvidiaSmiError) return error.message;
    throw error;
  }
  return 'not refused';
};

describe('what is refused', () => {
  it.each(['', ' \n', 'No devices were found\n', '{"a":1}', '<html></html>'])('is what is no document: %j', (text) => {
    expect(refusal(text)).toMatch(/^This is not a document of nvidia-smi -q -x/);
    if (text.trim() !== '') expect(refusal(text)).toContain(JSON.stringify(text.trim()));
  });

  it('is a truncated document', () => {
    expect(refusal(gpuDocument({}).slice(0, 150))).toBe('The document is truncated: </nvidia_smi_log> is missing.');
  });

  it('is a document with a hole', () => {
    expect(refusal(gpuDocument({ temperature: { gpu_temp: '1 C' } }).replace('</temperature>', ''))).toMatch(
      /^The document is not well-formed XML: /,
    );
  });

  it('is a document whose supported_clocks do not end with their board: none is lost in silence', () => {
    const unended = gpuDocument({ fan_speed: '30 %' }).replace('</gpu>', '<supported_clocks></gpu><gpu id="1">$&');
    const gpu = '<gpu id="1"><supported_clocks></supported_clocks></gpu>';
    expect(refusal(unended.replace('</nvidia_smi_log>', `${gpu}</nvidia_smi_log>`))).toContain('not well-formed');
  });

  it('is two documents in a row', () => {
    expect(refusal(gpuDocument({}) + gpuDocument({}))).toBe('The text holds more than one document.');
    expect(refusal(`<nvidia_smi_log/>${gpuDocument({})}`)).toBe('The text holds more than one document.');
  });

  it('is a document that tells neither boards nor how many there are', () => {
    expect(refusal('<nvidia_smi_log></nvidia_smi_log>')).toBe(
      'The document holds no GPU and does not tell how many there are.',
    );
    expect(refusal(documentOf({ attached_gpus: 'Unknown Error' }))).toMatch(/^The document holds no GPU/);
  });

  it('is more than 8 MiB', () => {
    expect(refusal(new Uint8Array(8 * 1024 * 1024 + 1))).toBe('The document is larger than 8 MiB.');
    expect(refusal(' '.repeat(8 * 1024 * 1024 + 1))).toBe('The document is larger than 8 MiB.');
  });

  it.each([40, 100_000])('is a document that nests deeper than any driver’s: %d', (depth) => {
    const deep = `${'<a>'.repeat(depth)}${'</a>'.repeat(depth)}`;
    expect(refusal(gpuDocument({ deep }))).toMatch(/^The document is refused: /);
  });

  it.each(['__proto__', 'constructor', 'prototype', 'toString'])('is not %s, or it does no harm', (name) => {
    expect(refusal(gpuDocument({ [name]: { fan_speed: '1 %' } }))).toMatch(/^(The document is refused: |not refused$)/);
    expect(({} as Record<string, unknown>).fan_speed).toBeUndefined();
    expect(parseNvidiaSmi(gpuDocument({})).gpus[0]?.fanRatio).toEqual({ state: 'absent' });
  });

  const attacks: readonly (readonly [what: string, doctype: string])[] = [
    ['a file', '<!DOCTYPE nvidia_smi_log [<!ENTITY x SYSTEM "file:///etc/passwd">]>'],
    ['a bomb', '<!DOCTYPE nvidia_smi_log [<!ENTITY x "xx"><!ENTITY y "&x;&x;">]>'],
    ['another DTD', '<!DOCTYPE nvidia_smi_log SYSTEM "http://example.invalid/nvsmi_device_v12.dtd">'],
  ];
  it.each(attacks)('is an entity that is %s', (_, doctype) => {
    const text = gpuDocument({ product_name: '&x;' }).replace(/<!DOCTYPE[^>]*>/, doctype);
    expect(refusal(text)).toBe('The document declares a document type or entities of its own, which is refused.');
  });

  it('is a document type inside the document', () => {
    const text = gpuDocument({}).replace('<gpu', '<!DOCTYPE a [<!ENTITY x "y">]><gpu');
    expect(refusal(text)).toContain('which is refused');
  });

  it('is not an entity that nobody declared, which stays as it is', () => {
    const [gpu] = parseNvidiaSmi(gpuDocument({ product_name: 'A&x;B' })).gpus;
    expect(gpu?.productName).toEqual({ state: 'value', value: 'A&x;B' });
  });
});
