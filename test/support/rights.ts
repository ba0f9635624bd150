import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LocalCluster } from '../../deploy/local/environment.ts';
import { KINDS } from '../../src/api/index.ts';
import type { Manifest } from './chart.ts';

/** What a rule of a role allows, one verb on one resource. */
export interface Right {
  readonly group: string;
  /** With the subresource, as rules name it: `pods/status`. */
  readonly resource: string;
  readonly verb: string;
  /** One object only. */
  readonly name?: string;
  /** In this namespace only; absent: in all, and where there is none. */
  readonly namespace?: string;
}

interface Rule {
  readonly apiGroups: string[];
  readonly resources: string[];
  readonly resourceNames?: string[];
  readonly verbs: string[];
}

/** The rights of all roles of that name among the manifests. */
export function rightsOf(objects: readonly Manifest[], role: string): Right[] {
  const roles = objects.filter(({ kind, metadata }) => /^(Cluster)?Role$/.test(kind ?? '') && metadata.name === role);
  return roles.flatMap(({ metadata, rules }) =>
    (rules as Rule[]).flatMap((rule) =>
      rule.apiGroups.flatMap((group) =>
        rule.resources.flatMap((resource) =>
          rule.verbs.flatMap((verb) =>
            (rule.resourceNames ?? [undefined]).map((name) => ({
              group,
              resource,
              verb,
              ...(name === undefined ? {} : { name }),
              ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
            })),
          ),
        ),
      ),
    ),
  );
}

const VERBS = new Set(['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']);

/**
 * The rights that docs/operations.md lists below this heading, as `verb resource`; names of objects, namespaces and
 * groups are for people. Throws where a row has no resource or no verb.
 */
export async function documentedRights(heading: string): Promise<string[]> {
  const text = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'operations.md'), 'utf8');
  const section = text.split(`\n### ${heading}\n`)[1]?.split(/\n#/)[0] ?? '';
  const rows = [...section.matchAll(/^\| (?!Resource |-)(.*?) \| (.*?) \|/gm)];
  return rows.flatMap(([row, what = '', verbs = '']) => {
    const named = what
      .replace(/^in .*?: /, '')
      .replace(/[:(].*$/, '')
      .trim();
    const resources = named.startsWith('all kinds of') ? KINDS.map(({ plural }) => plural) : named.split(', ');
    const rights = verbs.split(';').flatMap((part) => {
      const subresource = /`(\/\w+)`/.exec(part)?.[1] ?? '';
      const words = part.match(/[a-z]+/g)?.filter((word) => VERBS.has(word)) ?? [];
      return words.flatMap((verb) => resources.map((resource) => `${verb} ${resource}${subresource}`));
    });
    if (named === '' || rights.length === 0) throw new Error(`docs/operations.md: no rights in ${row}`);
    return rights;
  });
}

/** A request as the API server's audit log has it. */
export interface Request {
  readonly user: { readonly username: string };
  readonly verb: string;
  readonly requestURI: string;
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly apiGroup?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What a service account of aidc-system has asked of a cluster, by the cluster's own log. */
export async function requestsOf(cluster: LocalCluster, account: string): Promise<Request[]> {
  const lines = (await readFile(cluster.auditLogPath, 'utf8')).split('\n');
  return lines
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as Request)
    .filter(({ user }) => user.username === `system:serviceaccount:aidc-system:${account}`);
}

export const refused = (requests: readonly Request[]): string[] => [
  ...new Set(
    requests
      .filter(({ annotations }) => annotations?.['authorization.k8s.io/decision'] !== 'allow')
      .map(({ verb, requestURI }) => `${verb} ${requestURI}`),
  ),
];

/** Rights that no request needed, in words. */
export const unused = (rights: readonly Right[], requests: readonly Request[]): string[] =>
  rights.filter((right) => !requests.some((request) => covers(right, request))).map(inWords);

export const inWords = ({ verb, resource, group, name, namespace }: Right): string =>
  [verb, group === '' ? resource : `${resource}.${group}`, name, namespace && `in ${namespace}`]
    .filter((word) => word !== undefined)
    .join(' ');

function covers(right: Right, { verb, objectRef = {} }: Request): boolean {
  const resource = [objectRef.resource, objectRef.subresource].filter((part) => part !== undefined).join('/');
  return (
    right.verb === verb &&
    right.group === (objectRef.apiGroup ?? '') &&
    right.resource === resource &&
    (right.name === undefined || right.name === objectRef.name) &&
    (right.namespace === undefined || right.namespace === objectRef.namespace)
  );
}
