import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OperatorProcess, startOperatorProcess, untilReady } from '../../deploy/local/start/operator-process.ts';
import { customResourceDefinition, type SchemaNode } from '../../src/api/crd.ts';
import { KINDS } from '../../src/api/index.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { CUSTOM_RESOURCE_DEFINITIONS, type KubeObject, LEASES } from '../../src/kube/resource.ts';
import { useEnvironment } from '../support/environment.ts';
import { clientOf, getOrUndefined } from '../support/hub.ts';

interface Crd extends KubeObject {
  spec: { versions: { schema: { openAPIV3Schema: SchemaNode } }[] };
}

/** The operator before a hub that has other CRDs than its own. */
const centre = useEnvironment({ regions: [], crdDirectory: '/none' });
const QUEUES = 'computequeues.aidc.dev';
const PATIENT = { timeout: 60_000, interval: 200 };
let hub: KubeClient;
let folder: string;
const operators: OperatorProcess[] = [];

beforeAll(async () => {
  hub = clientOf(centre.hub);
  folder = await mkdtemp(join(tmpdir(), 'aidc-releases-'));
});
afterAll(async () => {
  await Promise.all(operators.map((operator) => operator.stop()));
  await hub.close();
  await rm(folder, { recursive: true });
});

async function start(): Promise<OperatorProcess> {
  const program = join(import.meta.dirname, '..', '..', 'dist', 'main.js');
  const operator = await startOperatorProcess({ program, kubeconfigPath: centre.hub.kubeconfigPath, dir: folder });
  operators.push(operator);
  return operator;
}

const ours = (): Crd[] => KINDS.map((kind) => structuredClone(customResourceDefinition(kind)) as Crd);
const install = (crds: Crd[]): Promise<unknown> =>
  Promise.all(
    crds.map((body) =>
      hub.apply(CUSTOM_RESOURCE_DEFINITIONS, { name: body.metadata.name, body, fieldManager: 'test' }),
    ),
  );
const ask = (operator: OperatorProcess, path: string): Promise<string> =>
  fetch(`${operator.url}${path}`)
    .then(async (answer) => `${answer.status} ${await answer.text()}`)
    .catch(() => '');

describe('the operator before a hub of another release', () => {
  it('ends with code 4 where there are no CRDs, and says which', async () => {
    const operator = await start();
    expect(await operator.ended).toBe(4);
    const log = await readFile(operator.logPath, 'utf8');
    for (const { plural } of KINDS) expect(log).toContain(`The hub has no CRD ${plural}.aidc.dev.`);
    expect(log).toContain('kubectl apply --server-side -f crds');
  });

  it('waits before older ones, names the fields, leads nothing, and goes on when they are replaced', async () => {
    const older = ours().map((crd) => {
      const [version] = crd.spec.versions;
      const root = version?.schema.openAPIV3Schema;
      if (crd.metadata.name === QUEUES) delete root?.properties?.spec?.properties?.weight;
      return crd;
    });
    await install(older);
    const operator = await start();
    await expect.poll(() => ask(operator, '/readyz'), PATIENT).toContain('would drop spec.weight.');
    expect(await ask(operator, '/livez')).toMatch(/^200 /);
    expect(await ask(operator, '/metrics')).toContain(`aidc_crd_outdated{crd="${QUEUES}"} 1`);
    expect(await getOrUndefined(hub, LEASES, 'aidc-system', 'aidc-operator')).toBeUndefined();
    await install(ours());
    await untilReady(operator, PATIENT.timeout);
    expect(await ask(operator, '/metrics')).toContain(`aidc_crd_outdated{crd="${QUEUES}"} 0`);
    // Nothing of what the API server has made of our schemas is taken for a difference.
    expect(await readFile(operator.logPath, 'utf8')).not.toMatch(/checks otherwise|does not know/);
  });
});
