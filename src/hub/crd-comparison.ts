import type { SchemaNode } from '../api/crd.ts';

/** What the hub's copy of a schema has otherwise than ours. Paths as in `.spec.accelerators[].type`. */
export interface SchemaDifference {
  /** Fields of ours that it does not have: the API server drops them. Of a block that is missing, the block alone. */
  readonly missing: readonly string[];
  /** Fields that it has and we do not know: those of a newer release. */
  readonly unknown: readonly string[];
  /** Fields that both have, with another type, default, bound or rule. */
  readonly changed: readonly string[];
}

/** Words about a field that decide nothing. */
const PROSE = new Set(['description', 'title', 'example']);
/** Compared by going into them. */
const BELOW = new Set(['properties', 'items', 'additionalProperties']);

/** Compares field by field; the order of keys means nothing, that of lists does. */
export function compareSchemas(ours: SchemaNode, theirs: SchemaNode): SchemaDifference {
  const difference = { missing: [] as string[], unknown: [] as string[], changed: [] as string[] };
  walk(ours, theirs, '', difference);
  return difference;
}

function walk(ours: SchemaNode, theirs: SchemaNode, path: string, out: Record<keyof SchemaDifference, string[]>): void {
  if (canonical(own(ours)) !== canonical(own(theirs))) out.changed.push(path === '' ? '.' : path);
  const mine = ours.properties ?? {};
  const installed = theirs.properties ?? {};
  const keepsAll = theirs['x-kubernetes-preserve-unknown-fields'] === true;
  for (const [name, child] of Object.entries(mine)) {
    const other = installed[name];
    if (other !== undefined) walk(child, other, `${path}.${name}`, out);
    else if (!keepsAll) out.missing.push(`${path}.${name}`);
  }
  for (const name of Object.keys(installed)) if (!(name in mine)) out.unknown.push(`${path}.${name}`);
  below(ours.items, theirs.items, `${path}[]`, out);
  below(schemaOf(ours.additionalProperties), schemaOf(theirs.additionalProperties), `${path}{}`, out);
}

function below(
  ours: SchemaNode | undefined,
  theirs: SchemaNode | undefined,
  path: string,
  out: Record<keyof SchemaDifference, string[]>,
): void {
  if (ours !== undefined && theirs !== undefined) walk(ours, theirs, path, out);
  else if (ours !== undefined) out.missing.push(path);
  else if (theirs !== undefined) out.unknown.push(path);
}

const schemaOf = (node: SchemaNode | boolean | undefined): SchemaNode | undefined =>
  typeof node === 'object' ? node : undefined;

const own = (node: SchemaNode): object =>
  Object.fromEntries(Object.entries(node).filter(([keyword]) => !PROSE.has(keyword) && !BELOW.has(keyword)));

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
