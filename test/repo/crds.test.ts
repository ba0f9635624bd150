import { describe, expect, it } from 'vitest';
import { fieldsOf, rootSchema, rulesOf, type SchemaNode } from '../../deploy/tools/crd.ts';
import { generated } from '../../deploy/tools/gen.ts';
import { KINDS } from '../../src/api/index.ts';
import { CEL_EXAMPLES } from '../support/cel-examples.ts';
import { MINIMAL, REFUSED_SHAPES, specOf, WITH_OPTIONAL_BLOCKS } from './api-examples.ts';

/** What a structural schema of ours may say. */
const ALLOWED = new Set([
  ...['type', 'format', 'description', 'default', 'enum', 'required', 'properties', 'items', 'additionalProperties'],
  ...['minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems', 'maxProperties', 'pattern', 'anyOf'],
  ...['int-or-string', 'preserve-unknown-fields', 'list-type', 'list-map-keys', 'validations'].map(
    (name) => `x-kubernetes-${name}`,
  ),
]);
const TYPES = new Set(['object', 'array', 'string', 'integer', 'boolean']);

/** Root fields whose form is the API server's affair. */
const SERVERS_OWN = new Set(['.apiVersion', '.kind', '.metadata']);

/** Blocks whose absence means something else than `{}`, so that they have no default. */
const ABSENCE_MEANS = new Map([
  ['.spec.placement.clusterSelector', 'any cluster, as {} does, but without a block in the stored object'],
  ['.spec.namespaceSelector', 'no namespace at all, where {} means every namespace'],
]);

const isIntOrString = (node: SchemaNode): boolean => node['x-kubernetes-int-or-string'] === true;

/** Everything wrong with a schema, each a sentence that starts with the path. */
function problemsOf(node: SchemaNode, path = '', ruled = false): string[] {
  const out: string[] = [];
  const wrong = (what: string): number => out.push(`${path}: ${what}`);
  const underRule = ruled || node['x-kubernetes-validations'] !== undefined;
  for (const keyword of Object.keys(node)) if (!ALLOWED.has(keyword)) wrong(`${keyword} is not allowed`);
  if (isIntOrString(node)) {
    if (node.type !== undefined || node.anyOf?.length !== 2) wrong('int-or-string needs anyOf instead of a type');
  } else if (!TYPES.has(node.type ?? '')) wrong(`type ${node.type}`);
  else if (node.anyOf !== undefined) wrong('anyOf is for int-or-string only');
  if (typeof node.additionalProperties === 'boolean') wrong('additionalProperties must be a schema');
  if (node.additionalProperties !== undefined && node.properties !== undefined) wrong('is a map and an object');
  if (underRule) out.push(...boundsOf(node, path));
  if (node.type === 'array') out.push(...listProblems(node, path));
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    const at = `${path}.${name}`;
    if (SERVERS_OWN.has(at)) continue;
    out.push(...described(child, at, node.required?.includes(name) === true));
    out.push(...problemsOf(child, at, underRule));
  }
  if (node.items !== undefined) out.push(...problemsOf(node.items, `${path}[]`, underRule));
  if (typeof node.additionalProperties === 'object')
    out.push(...problemsOf(node.additionalProperties, `${path}{}`, underRule));
  return out;
}

/** The cost of a rule is reckoned from the largest value it can see. */
function boundsOf(node: SchemaNode, path: string): string[] {
  const isMap = typeof node.additionalProperties === 'object';
  const isBounded =
    (node.type !== 'string' ||
      node.maxLength !== undefined ||
      node.enum !== undefined ||
      node.format === 'date-time') &&
    (node.type !== 'array' || node.maxItems !== undefined) &&
    (!isMap || node.maxProperties !== undefined);
  return isBounded ? [] : [`${path}: no upper bound, and a CEL rule sees it`];
}

function listProblems(node: SchemaNode, path: string): string[] {
  const type = node['x-kubernetes-list-type'];
  const keys = (node['x-kubernetes-list-map-keys'] ?? []) as string[];
  if (type === 'atomic' || type === 'set') return keys.length > 0 ? [`${path}: keys without a map`] : [];
  if (type !== 'map' || keys.length === 0) return [`${path}: no x-kubernetes-list-type, or a map without keys`];
  return keys
    .filter((key) => {
      const field = node.items?.properties?.[key];
      return field === undefined || !(node.items?.required?.includes(key) === true || 'default' in field);
    })
    .map((key) => `${path}: items may lack the key ${key}`);
}

function described(node: SchemaNode, at: string, required: boolean): string[] {
  const out: string[] = [];
  const text = node.description ?? '';
  if (text.trim() === '') out.push(`${at}: no description`);
  const isSpec = at.startsWith('.spec.');
  if (isSpec && !required && !/\bDefault\b/.test(text)) out.push(`${at}: the description does not say the default`);
  // Defaults inside of a block apply only where the block exists.
  const inner = Object.values(node.properties ?? {});
  const couldDefault = (node.required ?? []).length === 0 && inner.some((child) => 'default' in child);
  if (isSpec && couldDefault && !required && !ABSENCE_MEANS.has(at) && !('default' in node))
    out.push(`${at}: has fields with defaults but no default {} itself`);
  return out;
}

describe('the generated CRDs', () => {
  for (const kind of KINDS) {
    it(`${kind.kind} is a structural schema that says all it should`, () => {
      expect(problemsOf(rootSchema(kind))).toEqual([]);
    });

    it(`${kind.kind} is small enough to be applied by every client`, () => {
      const file = generated().get(`crds/aidc.dev_${kind.plural}.yaml`) ?? '';
      expect(file).not.toBe('');
      expect(file.length).toBeLessThan(200_000);
    });

    it(`${kind.kind} parses what is written for it, and parsing twice changes nothing`, () => {
      for (const spec of [MINIMAL[kind.kind], specOf(kind.kind, WITH_OPTIONAL_BLOCKS[kind.kind])]) {
        const once = kind.spec.parse(spec);
        expect(kind.spec.parse(once)).toEqual(once);
      }
    });
  }

  it('has a minimal manifest of every kind', () => {
    expect(Object.keys(MINIMAL).sort()).toEqual(KINDS.map(({ kind }) => kind).sort());
  });

  // Keys of lists are the API server's to compare; all else the schemas refuse by themselves.
  it.each(REFUSED_SHAPES.filter(([what]) => !what.includes('twice')))('refuses %s in a %s', (_what, name, change) => {
    const schema = KINDS.find(({ kind }) => kind === name)?.spec;
    expect(schema?.safeParse(specOf(name)).success).toBe(true);
    expect(schema?.safeParse(specOf(name, change)).success).toBe(false);
  });

  it('documents every field', () => {
    const reference = generated().get('docs/reference/api.md') ?? '';
    for (const kind of KINDS) {
      const section = reference.split(`\n## ${kind.kind}\n`)[1]?.split('\n## ')[0] ?? '';
      for (const { path } of fieldsOf(rootSchema(kind), '')) {
        if (/^\.(spec|status)/.test(path)) expect(section).toContain(`| \`${path.slice(1)}\` |`);
      }
    }
  });

  it('is the same each time', () => {
    expect(generated()).toEqual(generated());
  });

  it('has an accepted and a refused example of every CEL rule, and no example of a rule that is gone', () => {
    const rules = KINDS.flatMap(({ kind, ...rest }) =>
      [...rulesOf(rootSchema({ kind, ...rest }))].map(({ at, message }) => `${kind}${at}: ${message}`),
    );
    const examples = CEL_EXAMPLES.filter(({ accepted, refused }) => accepted.length > 0 && refused.length > 0);
    expect(new Set(examples.map(({ kind, at, message }) => `${kind}${at}: ${message}`))).toEqual(new Set(rules));
    expect(new Set(rules).size).toBe(rules.length);
  });
});

// A check that never bites proves nothing: each of these is planted and must be found.
describe('the check of schemas', () => {
  const field = (node: SchemaNode, required = true): SchemaNode => ({
    type: 'object',
    properties: {
      spec: { type: 'object', description: 'Spec.', properties: { f: node }, required: required ? ['f'] : [] },
    },
    required: ['spec'],
  });
  const text = { type: 'string', description: 'Default none.' };
  const list = { ...text, type: 'array', items: { type: 'string' } };
  const always = { 'x-kubernetes-validations': [{ rule: 'true', message: 'never.' }] };
  const planted: readonly (readonly [what: string, schema: SchemaNode])[] = [
    ['no type', field({ description: 'Text.' })],
    ['a reference', field({ ...text, $ref: '#/a' })],
    ['an alternative', field({ ...text, anyOf: [{ type: 'string' }] })],
    ['a closed object', field({ ...text, type: 'object', additionalProperties: false })],
    ['exclusiveMinimum', field({ ...text, type: 'integer', exclusiveMinimum: true })],
    ['no description', field({ type: 'string' })],
    ['no description in items', field({ ...list, items: field({ type: 'string' }) })],
    ['no word on the default', field({ type: 'string', description: 'Text.' }, false)],
    ['a list without a type', field(list)],
    ['a map list without keys', field({ ...list, 'x-kubernetes-list-type': 'map' })],
    [
      'a key that items may lack',
      field({
        ...list,
        items: { type: 'object', properties: { k: text } },
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k'],
      }),
    ],
    ['unbounded text under a rule', field({ ...text, ...always })],
    ['an unbounded list under a rule', field({ ...list, 'x-kubernetes-list-type': 'atomic', ...always })],
    [
      'an unbounded map under a rule',
      field({ ...text, type: 'object', additionalProperties: { type: 'integer' }, ...always }),
    ],
    [
      'defaults in a block without a default',
      field({ ...text, type: 'object', properties: { a: { ...text, default: 'a' } } }, false),
    ],
  ];
  for (const [what, schema] of planted) {
    it(`finds ${what}`, () => {
      expect(problemsOf(schema)).not.toEqual([]);
    });
  }

  it('finds nothing in what is right', () => {
    expect(problemsOf(field(text))).toEqual([]);
    expect(problemsOf(field({ ...text, maxLength: 3, ...always }))).toEqual([]);
    expect(problemsOf(field({ ...list, 'x-kubernetes-list-type': 'set' }))).toEqual([]);
  });
});
