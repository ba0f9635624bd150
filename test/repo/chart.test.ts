import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { GROUP, KINDS, VERSION } from '../../src/api/index.ts';
import { loadConfig } from '../../src/config/index.ts';
import { OLDEST_MINOR } from '../../src/kube/version.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');
const CHART = 'charts/aidc-operator';

type Tree = { readonly [key: string]: unknown };
interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

const values = parse(await read(`${CHART}/values.yaml`)) as Tree & { config: Tree };
const schema = JSON.parse(await read(`${CHART}/values.schema.json`)) as Schema;
const about = parse(await read(`${CHART}/Chart.yaml`)) as Tree & { annotations: Record<string, string> };

/** Where the pod's fields and the chart's wiring decide, not a value. */
const NO_VALUE = new Set([
  ...['kubeconfig', 'namespace', 'identity', 'httpHost', 'httpPort'],
  // Values of their own, because rights, ports and volumes hang on them: metrics.secure and kubeconfigSecrets.
  ...['metricsSecure', 'metricsPort', 'metricsCertDir', 'kubeconfigSecrets'],
]);
/** Handed on whole to Kubernetes, which checks them. */
const OPAQUE = new Set(['resources', 'podSecurityContext', 'securityContext', 'nodeSelector', 'affinity']);
/** The same below `agent`. */
for (const name of ['resources', 'nodeSelector', 'affinity']) OPAQUE.add(`agent.${name}`);

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Paths of all values, and their defaults. */
function leaves(tree: Tree, path = ''): [string, unknown][] {
  return Object.entries(tree).flatMap(([key, value]): [string, unknown][] => {
    const at = path === '' ? key : `${path}.${key}`;
    return isTree(value) && Object.keys(value).length > 0 && !OPAQUE.has(at) ? leaves(value, at) : [[at, value]];
  });
}

const schemaAt = (path: string): Schema | undefined =>
  path.split('.').reduce<Schema | undefined>((node, key) => node?.properties?.[key], schema);

function schemaPaths(node: Schema, path = ''): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const at = path === '' ? key : `${path}.${key}`;
    return child.properties === undefined || OPAQUE.has(at) ? [at] : schemaPaths(child, at);
  });
}

describe('the chart', () => {
  it('has the version of the package, and the changelog knows it', async () => {
    const { version } = JSON.parse(await read('package.json')) as { version: string };
    expect(about).toMatchObject({ version, appVersion: version });
    expect(await read('CHANGELOG.md')).toMatch(new RegExp(`^## ${version.replaceAll('.', '\\.')} - `, 'm'));
  });

  it('needs the Kubernetes that the operator needs', async () => {
    expect(about.kubeVersion).toBe(`>=1.${OLDEST_MINOR}.0-0`);
    for (const page of ['docs/install.md', 'docs/versioning.md', 'docs/operations.md']) {
      expect(await read(page)).toContain(`1.${OLDEST_MINOR}`);
    }
  });

  it('may read exactly the CRDs there are', async () => {
    const [, names = ''] =
      /customresourcedefinitions\]\n +resourceNames:\n((?: +- .*\n)*)/.exec(
        await read(`${CHART}/templates/hub-rbac.yaml`),
      ) ?? [];
    expect((parse(names) as string[]).sort()).toEqual(KINDS.map(({ plural }) => `${plural}.${GROUP}`).sort());
  });

  it('announces every kind', () => {
    const announced = parse(about.annotations['artifacthub.io/crds'] ?? '') as Tree[];
    expect(announced.map(({ kind, version, name }) => ({ kind, version, name }))).toEqual(
      expect.arrayContaining(KINDS.map(({ kind, plural }) => ({ kind, version: VERSION, name: `${plural}.${GROUP}` }))),
    );
    expect(announced).toHaveLength(KINDS.length);
  });

  it('announces the image of this version', () => {
    const { repository } = values.image as { repository: string };
    const [image, ...others] = parse(about.annotations['artifacthub.io/images'] ?? '') as Tree[];
    expect(image).toMatchObject({ name: 'aidc-operator', image: `${repository}:${about.appVersion}` });
    expect(others).toEqual([]);
  });

  it('offers every setting of the operator, with its default', () => {
    const settings = Object.entries(loadConfig([], {})).filter(([name]) => !NO_VALUE.has(name));
    expect(values.config).toEqual(Object.fromEntries(settings));
  });

  it('has a schema of exactly its values, closed at every level', () => {
    const paths = schemaPaths(schema).filter((path) => path !== 'global');
    expect(
      leaves(values)
        .map(([path]) => path)
        .sort(),
    ).toEqual(paths.sort());
    for (const path of ['', ...leaves(values).map(([at]) => at.split('.').slice(0, -1).join('.'))]) {
      expect((path === '' ? schema : schemaAt(path))?.additionalProperties, path).toBe(false);
    }
  });

  it('reads every value', async () => {
    const names = await readdir(join(root, CHART, 'templates'), { recursive: true });
    const files = names.filter((name) => /\.(yaml|tpl|txt)$/.test(name));
    const templates = (await Promise.all(files.map((name) => read(`${CHART}/templates/${name}`)))).join('\n');
    const isRead = (path: string): boolean => {
      const [parent = '', leaf] = path.split('.');
      if (templates.includes(`.Values.${path}`)) return true;
      // `with .Values.image` and `range .Values.config`.
      const inside = new RegExp(`(with|range [^}]*) \\.Values\\.${parent} `).test(templates);
      return inside && (parent === 'config' || new RegExp(`[ (]\\.${leaf}\\b`).test(templates));
    };
    expect(
      leaves(values)
        .map(([path]) => path)
        .filter((path) => !isRead(path)),
    ).toEqual([]);
  });

  it('has its values and their defaults in the documentation', async () => {
    const table = (await read('docs/install.md')).split('\n## Values\n')[1] ?? '';
    const rows = [...table.matchAll(/^\| `([\w.*]+)` \| (.*?) \| .*\|$/gm)];
    const said = new Map(rows.map((match) => [match[1] ?? '', match[2] ?? '']));
    const wanted = leaves(values).filter(([path]) => !path.startsWith('config.'));
    expect([...said.keys()].filter((path) => path !== 'config.*').sort()).toEqual(wanted.map(([path]) => path).sort());
    for (const [path, value] of wanted) {
      if (path.endsWith('ecurityContext')) continue;
      const text = typeof value === 'string' && value !== '' ? value : JSON.stringify(value);
      expect(said.get(path), path).toBe(`\`${text}\``);
    }
  });
});
