import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { generated } from '../../deploy/tools/gen.ts';
import { fieldsOf, rootSchema, rulesOf, type SchemaNode } from '../../src/api/crd.ts';
import { CONDITION, KINDS, type KindDefinition } from '../../src/api/index.ts';
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

/** Blocks that are not filled in where they are absent, although something in them has a default. */
const ABSENCE_MEANS = new Map([
  ['.spec.placement.clusterSelector', 'any cluster, as {} does, but without a block in the stored object'],
  ['.spec.namespaceSelector', 'no namespace at all, where {} means every namespace'],
  ['.spec.checkpoint', 'that it writes none; with it, uri is required'],
  ['.spec.kubeconfigSecretRef', 'that inCluster must be true; with it, name is required'],
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
  if (isSpec && 'default' in node && !text.includes(`Default ${written(node.default)}.`))
    out.push(`${at}: the description does not say that the default is ${written(node.default)}`);
  if (isSpec && !required && isFilledOnlyWhenPresent(node) && !ABSENCE_MEANS.has(at))
    out.push(`${at}: has fields with defaults but no default {} itself`);
  return out;
}

/** Defaults inside of a block apply only where the block exists. */
const isFilledOnlyWhenPresent = (node: SchemaNode): boolean =>
  !('default' in node) && Object.values(node.properties ?? {}).some((child) => 'default' in child);

/** A default as descriptions write it. */
function written(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'object' && !Array.isArray(value) ? '{}' : JSON.stringify(value);
}

/** The schema a JSON path of ours leads to (names, and one filter by condition type); undefined: it leads nowhere. */
function nodeAt(root: SchemaNode, path: string): SchemaNode | undefined {
  let node: SchemaNode | undefined = root;
  for (const step of path.match(/\.\w+|\[[^\]]*\]|./g) ?? []) {
    const type = /^\[\?\(@\.type=="(\w+)"\)\]$/.exec(step)?.[1];
    if (step.startsWith('.')) node = node?.properties?.[step.slice(1)];
    else node = type !== undefined && type in CONDITION ? node?.items : undefined;
  }
  return node;
}

const SHOWN_AS: Readonly<Record<string, (node: SchemaNode) => boolean>> = {
  string: () => true,
  integer: (node) => node.type === 'integer',
  boolean: (node) => node.type === 'boolean',
  date: (node) => node.format === 'date-time',
};

/** Columns and scale paths that do not lead to a field of the right type. */
function pathProblems(kind: Pick<KindDefinition, 'columns' | 'scale'>, root: SchemaNode): string[] {
  const { specPath, statusPath, selectorPath } = kind.scale ?? {};
  const scale = [
    { path: specPath, type: 'integer' },
    { path: statusPath, type: 'integer' },
    { path: selectorPath },
  ].flatMap(({ path, type }) => (path === undefined ? [] : [{ path, type }]));
  return [...kind.columns, ...scale].flatMap(({ path, type = 'string' }) => {
    if (path === '.metadata.creationTimestamp') return type === 'date' ? [] : [`${path}: is a date`];
    const node = nodeAt(root, path);
    if (node === undefined) return [`${path}: there is no such field`];
    return SHOWN_AS[type]?.(node) === true ? [] : [`${path}: is no ${type}`];
  });
}

describe('the generated CRDs', () => {
  for (const kind of KINDS) {
    it(`${kind.kind} is a structural schema that says all it should`, () => {
      expect(problemsOf(rootSchema(kind))).toEqual([]);
    });

    it(`${kind.kind} shows fields that there are`, () => {
      expect(kind.columns.length).toBeGreaterThan(0);
      expect(pathProblems(kind, rootSchema(kind))).toEqual([]);
    });

    it(`${kind.kind} is read alike by YAML 1.1, which clients speak, in which Off and no are no words`, () => {
      const file = generated().get(`crds/aidc.dev_${kind.plural}.yaml`) ?? '';
      expect(parse(file, { version: '1.1' })).toEqual(parse(file));
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

  it('names no block as deliberately absent that is gone or has a default', () => {
    const roots = KINDS.map(rootSchema);
    for (const path of ABSENCE_MEANS.keys()) {
      const nodes = roots.map((root) => nodeAt(root, path)).filter((node) => node !== undefined);
      expect(nodes.some(isFilledOnlyWhenPresent), path).toBe(true);
    }
  });

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
    ['a default that is not said', field({ ...text, type: 'integer', default: 5 })],
    ['another default than is said', field({ type: 'integer', description: 'Default 50.', default: 5 }, false)],
    [
      'defaults beside a required field in a block without a default',
      field(
        {
          ...text,
          type: 'object',
          properties: { a: { type: 'string', description: 'Default a.', default: 'a' }, b: text },
          required: ['b'],
        },
        false,
      ),
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

  it.each([
    ['a column of no field', { name: 'A', path: '.status.phases' }],
    ['a column below no field', { name: 'A', path: '.status.phase.word' }],
    ['a column of no condition', { name: 'A', path: '.status.conditions[?(@.type=="Redy")].status' }],
    ['a column of no field of a condition', { name: 'A', path: '.status.conditions[?(@.type=="Ready")].state' }],
    ['a column of another type', { name: 'A', path: '.status.phase', type: 'integer' as const }],
    ['a date that is none', { name: 'A', path: '.status.attempt', type: 'date' as const }],
  ])('finds %s', (_what, column) => {
    const root = rootSchema(KINDS[0] as KindDefinition);
    expect(pathProblems({ columns: [column] }, root)).toHaveLength(1);
  });

  it('finds a scale path that leads nowhere', () => {
    const root = rootSchema(KINDS.find(({ kind }) => kind === 'ModelServing') as KindDefinition);
    const scale = { specPath: '.spec.replicas', statusPath: '.status.replicas', selectorPath: '.status.selector' };
    const found = (over: object) => pathProblems({ columns: [], scale: { ...scale, ...over } }, root);
    expect(found({})).toEqual([]);
    expect(found({ specPath: '.spec.replica' })).toHaveLength(1);
    expect(found({ statusPath: '.status.selector' })).toHaveLength(1);
    expect(found({ selectorPath: '.status.select' })).toHaveLength(1);
  });

  it('finds nothing in what is right', () => {
    expect(problemsOf(field(text))).toEqual([]);
    expect(problemsOf(field({ ...text, maxLength: 3, ...always }))).toEqual([]);
    expect(problemsOf(field({ ...list, 'x-kubernetes-list-type': 'set' }))).toEqual([]);
  });
});
