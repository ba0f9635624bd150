import { describe, expect, it } from 'vitest';
import { rootSchema, type SchemaNode } from '../../src/api/crd.ts';
import { EXAMPLES, exampleKey, exampleOf } from '../../src/api/examples.ts';
import { KINDS } from '../../src/api/index.ts';

interface Leaf {
  readonly at: string;
  /** Without the kind: what examples are looked for by. */
  readonly path: string;
  readonly node: SchemaNode;
}

/** Fields of spec and status that are no blocks of others. */
function* leavesOf(node: SchemaNode, path: string, kind: string): Iterable<Leaf> {
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    const at = path === '' ? name : `${path}.${name}`;
    if (path === '' && name !== 'spec' && name !== 'status') continue;
    if ((child.items ?? child).properties === undefined) yield { at: `${kind}.${at}`, path: at, node: child };
    yield* leavesOf(child, at, kind);
    if (child.items !== undefined) yield* leavesOf(child.items, `${at}[]`, kind);
  }
}

const leaves = KINDS.flatMap((kind) => [...leavesOf(rootSchema(kind), '', kind.kind)]);

/** What is wrong with a value for a schema; empty: nothing. */
function misfits(value: unknown, node: SchemaNode): string[] {
  if (node['x-kubernetes-int-or-string'] === true) return [];
  const type = Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value;
  if (type !== node.type) return [`is ${type}, not ${node.type}`];
  const bounds = [
    [typeof value === 'number' ? value : undefined, node.minimum, node.maximum],
    [typeof value === 'string' ? value.length : undefined, node.minLength, node.maxLength],
    [Array.isArray(value) ? value.length : undefined, node.minItems, node.maxItems],
  ] as [number | undefined, number | undefined, number | undefined][];
  const out = bounds.flatMap(([size, least, most]) =>
    size !== undefined && ((least !== undefined && size < least) || (most !== undefined && size > most))
      ? [`${size} is out of bounds`]
      : [],
  );
  if (node.enum !== undefined && !node.enum.includes(value)) out.push('is none of the words');
  if (typeof node.pattern === 'string' && !new RegExp(node.pattern).test(String(value))) out.push('does not match');
  if (Array.isArray(value)) out.push(...value.flatMap((item) => misfits(item, node.items ?? {})));
  else if (typeof value === 'object' && typeof node.additionalProperties === 'object') {
    for (const part of Object.values(value ?? {})) out.push(...misfits(part, node.additionalProperties));
  }
  return out;
}

describe('kubectl explain', () => {
  it('has an example on every field', () => {
    expect(leaves.length).toBeGreaterThan(300);
    const without = leaves.filter(({ node }) => !/\bExample: .|for example /i.test(node.description ?? ''));
    expect(
      without.map(({ at }) => at),
      'add it to src/api/examples.ts',
    ).toEqual([]);
  });

  it('has examples that the field takes', () => {
    const wrong = leaves.flatMap(({ at, path, node }) => {
      const example = exampleOf(path, node);
      return example === undefined
        ? []
        : misfits(example, node).map((what) => `${at}: ${JSON.stringify(example)} ${what}`);
    });
    expect(wrong).toEqual([]);
  });

  it('has no example of a field that is gone', () => {
    const used = new Set(leaves.map(({ path }) => exampleKey(path)));
    expect(Object.keys(EXAMPLES).filter((key) => !used.has(key))).toEqual([]);
  });

  it.each([
    ['another type', 'x', { type: 'integer' }],
    ['too much', 9, { type: 'integer', maximum: 8 }],
    ['a word that is none', 'x', { type: 'string', enum: ['y'] }],
    ['another pattern', 'X', { type: 'string', pattern: '^[a-z]$' }],
    ['an item that is wrong', ['X'], { type: 'array', items: { type: 'string', pattern: '^[a-z]$' } }],
  ])('would find %s', (_what, value, node) => {
    expect(misfits(value, node)).toHaveLength(1);
  });
});
