import { z } from 'zod';
import { exampleOf, inFlow } from './examples.ts';
import { GROUP, VERSION } from './group.ts';
import { crdName, type KindDefinition, type ValidationRule } from './kind.ts';

/** A node of an OpenAPI v3 schema, as JSON. */
export interface SchemaNode {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  properties?: Record<string, SchemaNode>;
  items?: SchemaNode;
  additionalProperties?: SchemaNode | boolean;
  required?: string[];
  anyOf?: SchemaNode[];
  [keyword: string]: unknown;
}

/** Keywords that zod writes and a structural schema may not have. */
const DROPPED = new Set(['$schema', 'propertyNames', 'id']);
/** What a reader looks for first stands first; the rest follows as zod writes it. */
const FIRST = ['type', 'format', 'description', 'default', 'enum', 'required'];

/**
 * A zod schema as the structural schema of a CRD: JSON Schema of what users write (defaults not yet applied), without
 * what the API server refuses, with the quantities it calls int-or-string.
 */
export function structural(schema: z.ZodType): SchemaNode {
  return clean(z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', reused: 'inline' }) as SchemaNode);
}

function clean(node: SchemaNode): SchemaNode {
  if (node['x-kubernetes-int-or-string'] === true) {
    const { type: _type, ...rest } = node;
    return { ...rest, anyOf: [{ type: 'integer' }, { type: 'string' }] };
  }
  const out: SchemaNode = {};
  const first = FIRST.filter((keyword) => keyword in node);
  for (const keyword of new Set([...first, ...Object.keys(node)])) {
    const value = node[keyword];
    // The API server knows times by their format; zod's expression for them is 400 characters long.
    if (DROPPED.has(keyword) || (keyword === 'pattern' && node.format === 'date-time')) continue;
    if (keyword === 'properties') {
      if (Object.keys(value as object).length === 0) continue;
      out.properties = Object.fromEntries(
        Object.entries(value as Record<string, SchemaNode>).map(([name, child]) => [name, clean(child)]),
      );
    } else if (keyword === 'items') out.items = clean(value as SchemaNode);
    else if (keyword === 'additionalProperties') {
      // Objects are closed by pruning and strict validation; open ones say so with preserve-unknown-fields.
      if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
        out.additionalProperties = clean(value as SchemaNode);
      }
    } else out[keyword] = value;
  }
  return out;
}

/** The CustomResourceDefinition of a kind. */
export function customResourceDefinition(kind: KindDefinition): object {
  const { scale } = kind;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: crdName(kind) },
    spec: {
      group: GROUP,
      scope: kind.namespaced ? 'Namespaced' : 'Cluster',
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.singular,
        shortNames: [...kind.shortNames],
        categories: ['aidc'],
      },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: {
            status: {},
            ...(scale === undefined
              ? {}
              : {
                  scale: {
                    specReplicasPath: scale.specPath,
                    statusReplicasPath: scale.statusPath,
                    labelSelectorPath: scale.selectorPath,
                  },
                }),
          },
          additionalPrinterColumns: kind.columns.map((column) => ({
            name: column.name,
            type: column.type ?? 'string',
            jsonPath: column.path,
            ...(column.wide === true ? { priority: 1 } : {}),
          })),
          schema: { openAPIV3Schema: rootSchema(kind) },
        },
      ],
    },
  };
}

export function rootSchema(kind: KindDefinition): SchemaNode {
  return {
    type: 'object',
    description: kind.description,
    required: ['spec'],
    'x-kubernetes-validations': [...kind.rules],
    properties: {
      apiVersion: { type: 'string', description: `${GROUP}/${VERSION}.` },
      kind: { type: 'string', description: `${kind.kind}.` },
      // The API server allows no more about it than this.
      metadata: { type: 'object' },
      spec: withExamples(structural(kind.spec), 'spec'),
      status: withExamples(structural(kind.status), 'status'),
    },
  };
}

/** Blocks are explained by their fields. */
const isBlock = (node: SchemaNode): boolean => (node.items ?? node).properties !== undefined;

/** The same with an example at the end of each description, where the description gives none in words. */
function withExamples(node: SchemaNode, path: string): SchemaNode {
  const out = { ...node };
  const example = isBlock(node) ? undefined : exampleOf(path, node);
  if (example !== undefined && !/for example/i.test(node.description ?? '')) {
    out.description = `${node.description ?? ''} Example: ${inFlow(example)}.`;
  }
  if (node.properties !== undefined) {
    out.properties = Object.fromEntries(
      Object.entries(node.properties).map(([name, child]) => [name, withExamples(child, `${path}.${name}`)]),
    );
  }
  if (node.items?.properties !== undefined) out.items = withExamples(node.items, `${path}[]`);
  return out;
}

export interface Field {
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
  readonly default?: unknown;
  readonly description: string;
}

/** Every field of a schema in document order, with its path (`[]` for items, `{}` for map values). */
export function* fieldsOf(node: SchemaNode, path: string): Iterable<Field> {
  for (const [name, child] of Object.entries(node.properties ?? {})) {
    const at = `${path}.${name}`;
    yield {
      path: at,
      type: typeOf(child),
      required: node.required?.includes(name) === true,
      ...('default' in child ? { default: child.default } : {}),
      description: child.description ?? '',
    };
    yield* fieldsOf(child, at);
    if (child.items !== undefined) yield* fieldsOf(child.items, `${at}[]`);
    if (typeof child.additionalProperties === 'object') yield* fieldsOf(child.additionalProperties, `${at}{}`);
  }
}

export interface RuleAt {
  /** Where the rule stands: empty for the whole object, else for example `.spec.trainer`. */
  readonly at: string;
  readonly rule: string;
  readonly message: string;
}

/** Every CEL rule of a schema. */
export function* rulesOf(node: SchemaNode, at = ''): Iterable<RuleAt> {
  for (const { rule, message } of (node['x-kubernetes-validations'] ?? []) as ValidationRule[])
    yield { at, rule, message };
  for (const [name, child] of Object.entries(node.properties ?? {})) yield* rulesOf(child, `${at}.${name}`);
  if (node.items !== undefined) yield* rulesOf(node.items, `${at}[]`);
  if (typeof node.additionalProperties === 'object') yield* rulesOf(node.additionalProperties, `${at}{}`);
}

function typeOf(node: SchemaNode): string {
  if (node.enum !== undefined) return node.enum.map((value) => `\`${value}\``).join(' ');
  if (node['x-kubernetes-int-or-string'] === true) return 'quantity';
  if (node.items !== undefined) return `list of ${typeOf(node.items)}`;
  if (typeof node.additionalProperties === 'object') return `map of ${typeOf(node.additionalProperties)}`;
  return node.format === 'date-time' ? 'time' : (node.type ?? 'any');
}
