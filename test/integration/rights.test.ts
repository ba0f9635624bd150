import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCluster } from '../../deploy/local/environment.ts';
import { type OperatorProcess, untilReady } from '../../deploy/local/start/operator-process.ts';
import type { ComputeQuote, Dataset, ModelServing, ModelTraining, TrainingPhase } from '../../src/api/index.ts';
import { DATASETS, QUOTES, REGIONAL_CLUSTERS, SERVINGS, TRAININGS } from '../../src/hub/index.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { CONFIG_MAPS, type KubeObject, NODES, PODS, SERVICES } from '../../src/kube/resource.ts';
import { block, type Manifest, openShell, type Shell, startOperatorOf } from '../support/chart.ts';
import { h100Region, useEnvironment } from '../support/environment.ts';
import { applyAll, clientOf, eventually, getOrUndefined, namespace, untilObject } from '../support/hub.ts';
import { NodeMeter } from '../support/node-meter.ts';
import { inWords, refused, requestsOf, rightsOf, unused } from '../support/rights.ts';

/**
 * The chart as it is documented, on real clusters: the operator runs as a process with nothing but a token of the
 * account that the chart made, and reaches the member with the kubeconfig that the documented commands make. The API
 * servers' audit logs then tell which rights were missing and which were never used.
 */
const centre = useEnvironment({
  regions: [h100Region('guian', 4), h100Region('here', 2)],
  crdDirectory: '/none',
  audited: 'system:serviceaccounts:aidc-system',
});
const PATIENCE = 90_000;
/** Rights that only a fault makes use of, or more time than this test takes. */
const FOR_FAULTS: readonly string[] = [
  // A finalizer that moved in its list while it was being removed.
  'get modeltrainings.aidc.dev',
  'get modelservings.aidc.dev',
  'get regionalclusters.aidc.dev',
  // An Event that is told again after ten minutes.
  'patch events.events.k8s.io',
  // The books of the ledger, written again every minute.
  'update configmaps in aidc-system',
];
/** In a member: the renewal of a run that ends itself where the hub is out of reach, after minutes. */
const FOR_RENEWALS: readonly string[] = ['patch jobs.batch'];
let shell: Shell;
const operators: OperatorProcess[] = [];
const clients: KubeClient[] = [];

beforeAll(async () => {
  shell = await openShell();
});
afterAll(async () => {
  await Promise.all(operators.map((operator) => operator.stop()));
  await Promise.all(clients.map((client) => client.close()));
  await shell.remove();
});

function client(cluster: LocalCluster): KubeClient {
  const made = clientOf(cluster);
  clients.push(made);
  return made;
}

const installed = (cluster: LocalCluster): Promise<Manifest[]> => shell.installed(cluster);

async function startInstalled(cluster: LocalCluster, over: Record<string, string> = {}): Promise<OperatorProcess> {
  const operator = await startOperatorOf(shell, cluster, over);
  operators.push(operator);
  await untilReady(operator, PATIENCE);
  return operator;
}

/** region.yaml of the documentation, changed so. */
async function writeRegion(change: (text: string) => string): Promise<void> {
  await writeFile(join(shell.folder, 'region.yaml'), change(await block('yaml', 'apiVersion: aidc.dev')));
}

const base = (kind: string, name: string, spec: object): object => ({
  apiVersion: 'aidc.dev/v1alpha1',
  kind,
  metadata: { name, namespace: 'team' },
  spec,
});
const need = { accelerators: [{ type: 'H100', countPerNode: 8 }] };
const training = (name: string, numNodes: number, runFor: string, spec: object = {}): object =>
  base('ModelTraining', name, {
    model: { name: 'm' },
    ...need,
    failurePolicy: { backoff: { initialSeconds: 0, maxSeconds: 0 } },
    ...spec,
    trainer: {
      image: 'train:1',
      numNodes,
      podTemplate: { metadata: { annotations: { 'sim.aidc.dev/run-for': runFor } } },
    },
  });
const serving = (name: string, port: number, spec: object = {}): object =>
  base('ModelServing', name, {
    model: { uri: 's3://models/chat' },
    ...need,
    template: { spec: { containers: [{ name: 'main', image: 'serve:1', ports: [{ containerPort: port }] }] } },
    ...spec,
  });
const key = (name: string) => ({ namespace: 'team', name });

describe('a hub and a region, as documented', () => {
  let hub: KubeClient;
  let guian: KubeClient;
  let operator: OperatorProcess;

  const untilTraining = (name: string, what: string, check: (object: ModelTraining & KubeObject) => boolean) =>
    untilObject<ModelTraining & KubeObject>(hub, TRAININGS, key(name), what, check, PATIENCE);
  const untilGone = (what: string, resource: typeof TRAININGS, name: string) =>
    eventually(what, async () => (await getOrUndefined(hub, resource, 'team', name)) === undefined, {
      timeoutMs: PATIENCE,
    });

  beforeAll(async () => {
    hub = client(centre.hub);
    guian = client(centre.region('guian'));
    await shell.documented('The hub', centre.hub);
    operator = await startInstalled(centre.hub, { AIDC_NODE_LOST_SECONDS: '2', AIDC_LEDGER_SECONDS: '1' });
    // What Helm prints after the installation is what the documentation says.
    const notes = await shell.documented('A region', centre.region('guian'));
    const [, command = ''] = (await block('sh', '# A region\n')).split(/(?=SERVER=)/);
    expect(notes).toContain(command);
    await writeRegion((text) =>
      text
        .replaceAll(/: here\b/g, ': guian')
        .replace('inCluster: true', 'kubeconfigSecretRef: {name: kubeconfig-guian}'),
    );
    await shell.documented('Hand it to the hub', centre.hub);
    for (const each of [hub, guian]) await applyAll(each, [namespace('team')]);
  }, 300_000);

  it('passes the test of its release', async () => {
    const objects = await shell.render('--namespace aidc-system --set mode=hub');
    const pod = objects.find(({ kind }) => kind === 'Pod') as Manifest;
    const { containers } = pod.spec as { containers: { command: string[]; args: string[] }[] };
    const [node, ...args] = containers.flatMap((container) => [...container.command, ...container.args]);
    expect(node).toBe('node');
    const ask = (url: string) =>
      spawnSync(process.execPath, args, { encoding: 'utf8', env: { ...process.env, OPERATOR_URL: url } });
    expect(ask(operator.url)).toMatchObject({ status: 0, stdout: 'the operator is ready\n' });
    expect(ask('http://127.0.0.1:1').status).not.toBe(0);
  });

  it('runs a training on a dataset, and deletes one whose time is over', async () => {
    await applyAll(hub, [
      base('Dataset', 'corpus', { locations: [{ region: 'guian', uri: 's3://guian/corpus' }] }),
      training('run', 2, '2s', { datasets: [{ name: 'corpus' }] }),
      training('brief', 1, '1s', { ttlSecondsAfterFinished: 1 }),
    ]);
    await untilTraining('run', 'Succeeded', ({ status }) => status?.phase === 'Succeeded');
    await untilGone('brief is gone', TRAININGS, 'brief');
    const dataset = await hub.get<Dataset & KubeObject>(DATASETS, key('corpus'));
    expect(dataset.status?.usableRegions).toEqual(['guian']);
    await hub.delete(TRAININGS, key('run'));
    await untilGone('run is gone', TRAININGS, 'run');
  });

  it('answers a quote', async () => {
    const demand = { ...need, numNodes: 2 };
    await applyAll(hub, [
      base('ComputeQuote', 'lasting', demand),
      base('ComputeQuote', 'brief', { ...demand, ttlSeconds: 1 }),
    ]);
    const { status } = await untilObject<ComputeQuote & KubeObject>(
      hub,
      QUOTES,
      key('lasting'),
      'Answered',
      (quote) =>
        quote.status?.conditions?.some(({ type, status }) => type === 'Answered' && status === 'True') === true,
      PATIENCE,
    );
    expect(status?.offers?.map(({ region }) => region)).toEqual(['guian']);
    await untilGone('brief is gone', QUOTES, 'brief');
  });

  it('brings servings up, changes a port, and takes them down', async () => {
    const ready = (name: string) =>
      untilObject<ModelServing & KubeObject>(
        hub,
        SERVINGS,
        key(name),
        'Ready',
        ({ status }) => status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true,
        PATIENCE,
      );
    await applyAll(hub, [serving('chat', 8000), serving('pair', 8000, { nodesPerReplica: 2 })]);
    await Promise.all(['chat', 'pair'].map(ready));
    await applyAll(hub, [serving('chat', 9000)]);
    await eventually(
      'the Service has the new port',
      async () =>
        (await guian.get<KubeObject & { spec: { ports: { port: number }[] } }>(SERVICES, key('chat'))).spec.ports[0]
          ?.port === 9000,
      { timeoutMs: PATIENCE },
    );
    for (const name of ['chat', 'pair']) await hub.delete(SERVINGS, key(name));
    for (const name of ['chat', 'pair']) await untilGone(`${name} is gone`, SERVINGS, name);
  });

  it('gets a training off a lost node', async () => {
    await applyAll(hub, [training('unlucky', 1, '600s')]);
    await untilTraining('unlucky', 'Running', ({ status }) => status?.phase === 'Running');
    const { items } = await guian.list<KubeObject & { spec: { nodeName?: string } }>(PODS, { namespace: 'team' });
    const name = items[0]?.spec.nodeName ?? '';
    const dead = (value: string | null) =>
      guian.mergePatch(NODES, { name, body: { metadata: { annotations: { 'sim.aidc.dev/not-ready': value } } } });
    await dead('true');
    await untilTraining(
      'unlucky',
      'the next attempt',
      ({ status }) => status?.phase === 'Running' && status.attempt === 2,
    );
    await dead(null);
  });

  it('removes what the agent of a node that is long gone has left', async () => {
    const meter = new NodeMeter(guian, 'gone');
    await meter.write(Date.now() - 49 * 3_600_000);
    const isGone = async () =>
      (await getOrUndefined(guian, CONFIG_MAPS, 'aidc-system', 'aidc-energy-gone')) === undefined;
    await eventually('it is gone', isGone, { timeoutMs: PATIENCE });
  });

  it('gives up a region in use, and remembers what runs there', async () => {
    const body = { metadata: { annotations: { 'aidc.dev/abandon': 'true' } } };
    await hub.mergePatch(REGIONAL_CLUSTERS, { name: 'guian', body });
    await hub.delete(REGIONAL_CLUSTERS, { name: 'guian' });
    await eventually(
      'guian is gone',
      async () => (await getOrUndefined(hub, REGIONAL_CLUSTERS, '', 'guian')) === undefined,
      {
        timeoutMs: PATIENCE,
      },
    );
    const graves = await hub.get<KubeObject & { data: object }>(CONFIG_MAPS, {
      namespace: 'aidc-system',
      name: 'aidc-tombstones',
    });
    expect(Object.keys(graves.data)).toHaveLength(1);
  });

  it('was refused nothing, and used every right but those for faults', async () => {
    const asked = await requestsOf(centre.hub, 'aidc-operator');
    const askedThere = await requestsOf(centre.region('guian'), 'aidc-operator-member');
    expect(asked.length).toBeGreaterThan(50);
    expect(askedThere.length).toBeGreaterThan(50);
    expect(refused(asked)).toEqual([]);
    expect(refused(askedThere)).toEqual([]);
    const onHub = rightsOf(await installed(centre.hub), 'aidc-operator-hub');
    const there = rightsOf(await installed(centre.region('guian')), 'aidc-operator-member');
    expect(onHub.map(inWords)).toEqual(expect.arrayContaining([...FOR_FAULTS]));
    expect(unused(onHub, asked).filter((right) => !FOR_FAULTS.includes(right))).toEqual([]);
    expect(unused(there, askedThere)).toEqual(FOR_RENEWALS);
  });

  it('would have told of a right too many, and of one too few', async () => {
    const region = centre.region('guian');
    const there = rightsOf(await installed(region), 'aidc-operator-member');
    const planted = { group: '', resource: 'secrets', verb: 'list' };
    const asked = await requestsOf(region, 'aidc-operator-member');
    expect(unused([...there, planted], asked)).toEqual([...FOR_RENEWALS, 'list secrets']);
    await expect(shell.sh('kubectl --kubeconfig member.kubeconfig get secrets -A')).rejects.toThrow('forbidden');
    const seen = await requestsOf(region, 'aidc-operator-member');
    expect(refused(seen)).toEqual(['list /api/v1/secrets?limit=500']);
  });

  it('is removed with everything, as documented', async () => {
    await shell.documented('Remove everything', centre.hub);
    expect(await shell.sh('kubectl get crd -o name', centre.hub)).toBe('');
    await operator.stop();
    const region = centre.region('guian');
    await shell.documented('Uninstall', region);
    await shell.documented('Clean a region', region);
    expect(await shell.sh('kubectl get clusterrole,clusterrolebinding -o name | grep aidc || true', region)).toBe('');
    expect(await shell.sh('kubectl get sa,secret,role,cm -n aidc-system -o name | grep aidc || true', region)).toBe('');
  });
});

describe('hub and region in one cluster, as documented', () => {
  let here: KubeClient;
  let operator: OperatorProcess;
  const cluster = () => centre.region('here');
  const untilPhase = (name: string, phase: TrainingPhase) =>
    untilObject<ModelTraining & KubeObject>(
      here,
      TRAININGS,
      key(name),
      phase,
      ({ status }) => status?.phase === phase,
      PATIENCE,
    );

  beforeAll(async () => {
    here = client(cluster());
    await shell.documented('All in one', cluster());
    operator = await startInstalled(cluster());
    await writeRegion((text) => text);
    await shell.documented('The region and a queue', cluster());
    await applyAll(here, [namespace('team')]);
  }, 300_000);

  it('runs a training', async () => {
    await applyAll(here, [training('run', 2, '2s')]);
    await untilPhase('run', 'Succeeded');
  });

  it('is upgraded while a training runs, and that goes on', async () => {
    await applyAll(here, [training('long', 1, '600s')]);
    await untilPhase('long', 'Running');
    const pods = async (): Promise<string[]> =>
      (await here.list<KubeObject>(PODS, { namespace: 'team' })).items.map(({ metadata }) => metadata.uid ?? '').sort();
    const before = await pods();
    await shell.documented('Upgrade', cluster());
    await operator.stop();
    operator = await startInstalled(cluster());
    // It has seen the training when it answers to a change of it.
    await here.delete(TRAININGS, key('run'));
    await eventually('run is gone', async () => (await getOrUndefined(here, TRAININGS, 'team', 'run')) === undefined, {
      timeoutMs: PATIENCE,
    });
    const { status } = await untilPhase('long', 'Running');
    expect(status?.attempt).toBe(1);
    const [after, ...others] = await pods();
    expect(before).toContain(after);
    expect(others).toEqual([]);
    await here.delete(TRAININGS, key('long'));
    await eventually(
      'long is gone',
      async () => (await getOrUndefined(here, TRAININGS, 'team', 'long')) === undefined,
      {
        timeoutMs: PATIENCE,
      },
    );
  });

  it('was refused nothing with the rights of one account', async () => {
    const asked = await requestsOf(cluster(), 'aidc-operator');
    expect(asked.length).toBeGreaterThan(50);
    expect(refused(asked)).toEqual([]);
  });
});
