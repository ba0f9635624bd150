import { describe, expect, it } from 'vitest';
import { rootSchema, type SchemaNode } from '../api/crd.ts';
import { KINDS } from '../api/index.ts';
import { compareSchemas } from './crd-comparison.ts';

const none = { missing: [], unknown: [], changed: [] };
const text: SchemaNode = { type: 'string', description: 'Text.' };
const object = (properties: Record<string, SchemaNode>, more: object = {}): SchemaNode => ({
  type: 'object',
  properties,
  ...more,
});

describe('compareSchemas', () => {
  it.each(KINDS)('finds $kind equal to itself, whatever the order of its keys', (kind) => {
    const schema = rootSchema(kind);
    const reversed = JSON.parse(JSON.stringify(schema), (_key, value: unknown) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).reverse())
        : value,
    ) as SchemaNode;
    expect(compareSchemas(schema, reversed)).toEqual(none);
  });

  it('names fields that are missing, of a block the block alone', () => {
    const ours = object({ spec: object({ a: text, block: object({ b: text }) }) });
    expect(compareSchemas(ours, object({ spec: object({ a: text }) }))).toEqual({ ...none, missing: ['.spec.block'] });
  });

  it('goes into lists and maps', () => {
    const list = (item: SchemaNode): SchemaNode => ({ type: 'array', items: item });
    const map = (value: SchemaNode): SchemaNode => ({ type: 'object', additionalProperties: value });
    const ours = object({ list: list(object({ a: text, b: text })), map: map(object({ c: text })) });
    const theirs = object({ list: list(object({ a: text })), map: map(object({})) });
    expect(compareSchemas(ours, theirs)).toEqual({ ...none, missing: ['.list[].b', '.map{}.c'] });
    expect(compareSchemas(object({ x: list(text) }), object({ x: { type: 'array' } })).missing).toEqual(['.x[]']);
  });

  it('drops nothing where unknown fields are kept', () => {
    const open = object({}, { 'x-kubernetes-preserve-unknown-fields': true });
    expect(compareSchemas(object({ spec: object({ a: text }) }), object({ spec: open })).missing).toEqual([]);
  });

  it('tells newer fields, and fields that mean something else', () => {
    const theirs = object({ a: { ...text, default: 'x' }, b: { ...text, description: 'Other words.' }, c: text });
    expect(compareSchemas(object({ a: text, b: text }), theirs)).toEqual({
      missing: [],
      unknown: ['.c'],
      changed: ['.a'],
    });
  });

  it('tells a changed rule of the whole object', () => {
    const rules = (rule: string) => object({}, { 'x-kubernetes-validations': [{ rule, message: 'no.' }] });
    expect(compareSchemas(rules('true'), rules('false')).changed).toEqual(['.']);
  });
});
