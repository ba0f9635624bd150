import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { KubeObject } from '../../src/kube/resource.ts';
import { type Manifest, manifests, openShell, operatorEnvironment, type Shell } from '../support/chart.ts';
import { useEnvironment } from '../support/environment.ts';

/**
 * A release of an older chart, made of the present one: its CRDs lack a field, and its values every key that the schema
 * does not require, as a release does that is upgraded with --reuse-values from before there was the key.
 */
const centre = useEnvironment({ regions: [], crdDirectory: '/none' });
const OLDER = 'older/aidc-operator';
const CRD = 'files/crds/aidc.dev_computequeues.yaml';
let shell: Shell;

interface Schema {
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
}
type Tree = { readonly [key: string]: unknown };

/** Values with the required keys only, at every level that the schema describes. */
function requiredOnly(values: Tree, { required = [], properties = {} }: Schema): Tree {
  const kept = Object.entries(values).filter(([key]) => required.includes(key));
  return Object.fromEntries(
    kept.map(([key, value]) => {
      const below = properties[key];
      // What the schema leaves open belongs to Kubernetes, and is one value.
      return [key, below?.required === undefined ? value : requiredOnly(value as Tree, below)];
    }),
  );
}

beforeAll(async () => {
  shell = await openShell();
  const older = join(shell.folder, OLDER);
  await cp(join(import.meta.dirname, '..', '..', 'charts', 'aidc-operator'), older, { recursive: true });
  const edit = async (name: string, change: (text: string) => string): Promise<void> =>
    writeFile(join(older, name), change(await readFile(join(older, name), 'utf8')));
  const schema = JSON.parse(await readFile(join(older, 'values.schema.json'), 'utf8')) as Schema;
  await edit('values.yaml', (text) => stringify(requiredOnly(parse(text) as Tree, schema)));
  await edit('Chart.yaml', (text) => text.replace(/^version: .*$/m, 'version: 0.0.9'));
  await edit(CRD, (text) => {
    const crd = parse(text);
    delete crd.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.weight;
    return stringify(crd);
  });
});
afterAll(() => shell.remove());

it.each(['hub', 'member', 'all'])('renders the same in mode %s, whichever optional keys values lack', async (mode) => {
  const monitors = 'serviceMonitor.enabled=true,prometheusRule.enabled=true,dashboards.enabled=true';
  const args = `--kube-version 1.36.0 -n aidc-system --set mode=${mode},${monitors},agent.podMonitor.enabled=true`;
  const render = async (chart: string): Promise<Manifest[]> => {
    const text = await shell.sh(`helm template x ${chart} ${args}`);
    const objects = manifests(text.replaceAll(/helm\.sh\/chart: .*/g, ''));
    // One CRD of the older chart lacks a field.
    return objects.map(({ spec, ...rest }) => (rest.kind === 'CustomResourceDefinition' ? rest : { ...rest, spec }));
  };
  expect(await render(OLDER)).toEqual(await render('charts/aidc-operator'));
});

it('is upgraded with --reuse-values: objects stay, the CRD gets its field, what is stored and what was set is kept', async () => {
  const weight = (): Promise<string> =>
    shell.sh(
      `kubectl get crd computequeues.aidc.dev -o jsonpath='{.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.weight.type}'`,
      centre.hub,
    );
  const uids = async (): Promise<Map<string, string | undefined>> => {
    const live = await shell.sh(
      'helm get manifest aidc-operator -n aidc-system | kubectl get -f - -o json',
      centre.hub,
    );
    const { items } = JSON.parse(live) as { items: KubeObject[] };
    return new Map(items.map(({ kind, metadata }) => [`${kind} ${metadata.name}`, metadata.uid]));
  };
  const set = '--set mode=all,replicas=3,config.nodeLostSeconds=120';
  await shell.sh(`helm install aidc-operator ${OLDER} -n aidc-system --create-namespace ${set}`, centre.hub);
  await shell.sh('kubectl wait crd --all --for=condition=Established --timeout=60s', centre.hub);
  expect(await weight()).toBe('');
  const queue = { apiVersion: 'aidc.dev/v1alpha1', kind: 'ComputeQueue', metadata: { name: 'research' } };
  await shell.sh('kubectl create -f -', centre.hub, JSON.stringify({ ...queue, spec: { quota: [{ nominal: 8 }] } }));
  const stored = await centre.getJson<KubeObject>(['computequeue', 'research'], centre.hub);
  const before = await uids();

  await shell.sh('helm upgrade aidc-operator charts/aidc-operator -n aidc-system --reuse-values', centre.hub);

  expect(await uids()).toEqual(before);
  expect(before.size).toBeGreaterThan(15);
  expect(await weight()).toBe('integer');
  const weighted = `kubectl patch computequeue research --type=merge -p '{"spec": {"weight": 3}}'`;
  await expect.poll(() => shell.sh(weighted, centre.hub), { timeout: 60_000, interval: 500 }).toContain(' patched\n');
  const now = await centre.getJson<KubeObject & { spec: object }>(['computequeue', 'research'], centre.hub);
  expect(now.metadata.uid).toBe(stored.metadata.uid);
  expect(now.spec).toMatchObject({ quota: [{ nominal: 8 }], weight: 3 });
  expect(await shell.sh('kubectl get deployment -n aidc-system -o jsonpath={.items..replicas}', centre.hub)).toMatch(
    /^3\b/,
  );
  const variables = operatorEnvironment(await shell.installed(centre.hub), 'x', 'aidc-system');
  expect(variables).toMatchObject({ AIDC_NODE_LOST_SECONDS: '120' });
});
