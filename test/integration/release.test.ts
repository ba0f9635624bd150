import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OperatorProcess, startOperatorProcess, untilReady } from '../../deploy/local/start/operator-process.ts';
import { kubeconfigOf, type Manifest, manifests, openShell, type Shell } from '../support/chart.ts';
import { eventually, h100Region, useEnvironment } from '../support/environment.ts';
import { FakeKubelet } from '../support/fake-kubelet.ts';
import { FakeNvidiaSmi } from '../support/fake-nvidia-smi.ts';
import { refused, requestsOf, rightsOf, unused } from '../support/rights.ts';

/**
 * What the chart's hooks and its agent do, as processes with nothing but a token of the account that the chart gives
 * them. That the simulated nodes "run" a hook's pod proves only that Helm waits for it.
 */
const centre = useEnvironment({
  regions: [h100Region('here', 1)],
  crdDirectory: '/none',
  audited: 'system:serviceaccounts:aidc-system',
});
const PROGRAM = join(import.meta.dirname, '..', '..', 'dist', 'main.js');
const BOARD = 'GPU-00000000-0000-0000-0000-00000000000a';
const VALUES = '--namespace aidc-system --set mode=all,crds.keep=false,agent.podMonitor.enabled=false';
const here = () => centre.region('here');
let shell: Shell;
let rendered: Manifest[] = [];
let agent: OperatorProcess | undefined;
let kubelet: FakeKubelet | undefined;

beforeAll(async () => {
  shell = await openShell();
  rendered = await shell.render(VALUES);
  await shell.sh(`helm install aidc-operator charts/aidc-operator ${VALUES} --create-namespace`, here());
  await shell.sh('kubectl wait crd --all --for=condition=Established --timeout=60s', here());
}, 300_000);
afterAll(async () => {
  await agent?.stop();
  kubelet?.stop();
  await shell.remove();
});

/** The container that a hook of this name runs, with the account and the rights that the chart gives it. */
async function runHook(name: string, env: Record<string, string> = {}): Promise<{ code: number | null; said: string }> {
  const own = rendered.filter(({ metadata }) => metadata.name === name);
  const rights = own.filter(({ kind }) => kind !== 'Pod' && kind !== 'Job');
  await shell.sh('kubectl apply -f -', here(), JSON.stringify({ apiVersion: 'v1', kind: 'List', items: rights }));
  const runs = own.find(({ kind }) => kind === 'Pod' || kind === 'Job') as unknown as {
    spec: { template?: { spec: PodSpec } } & PodSpec;
  };
  const { containers, serviceAccountName } = runs.spec.template?.spec ?? runs.spec;
  expect(serviceAccountName).toBe(name);
  const [container] = containers;
  const given = Object.fromEntries((container?.env ?? []).map((one) => [one.name, one.value]));
  const kubeconfig = await kubeconfigOf(shell, here(), name);
  const child = spawn(process.execPath, [PROGRAM, ...(container?.args ?? [])], {
    env: { ...process.env, ...given, AIDC_KUBECONFIG: kubeconfig, ...env },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      said += text;
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, said };
}
interface PodSpec {
  readonly serviceAccountName: string;
  readonly containers: readonly { readonly args: string[]; readonly env: readonly { name: string; value: string }[] }[];
}

/** Every right of the hook's account was used, and none was missing. */
async function expectExactRights(account: string, notSeen: readonly string[] = []): Promise<void> {
  const asked = await requestsOf(here(), account);
  expect(refused(asked)).toEqual([]);
  expect(unused(rightsOf(rendered, account), asked)).toEqual(notSeen);
}

describe('the agent, with the rights that the chart gives it', () => {
  it('publishes what a pod of the node has used', async () => {
    const boards = new FakeNvidiaSmi(shell.folder, { gpus: [{ uuid: BOARD }] });
    kubelet = new FakeKubelet(join(shell.folder, 'kubelet.sock'));
    kubelet.pods = [{ namespace: 'default', name: 'one', resource: 'nvidia.com/gpu', ids: [BOARD] }];
    await kubelet.start();
    const node = (await shell.sh('kubectl get nodes -o name', here())).trim().replace('node/', '');
    const spec = { nodeName: node, containers: [{ name: 'main', image: 'train:1' }] };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'one', namespace: 'default' }, spec };
    await shell.sh('kubectl create -f -', here(), JSON.stringify(pod));
    agent = await startOperatorProcess({
      program: PROGRAM,
      args: ['agent'],
      kubeconfigPath: await kubeconfigOf(shell, here(), 'aidc-operator-agent'),
      dir: shell.folder,
      env: {
        ...boards.env,
        AIDC_NODE: node,
        AIDC_NVIDIA_SMI: FakeNvidiaSmi.command,
        AIDC_INTERVAL_SECONDS: '1',
        AIDC_PUBLISH_SECONDS: '2',
        AIDC_POD_RESOURCES_SOCKET: kubelet.socket,
        AIDC_STATE_FILE: join(shell.folder, 'state.json'),
      },
    });
    await untilReady(agent, 90_000);
    const uid = await shell.sh('kubectl get pod one -o jsonpath={.metadata.uid}', here());
    await eventually(
      async () =>
        (await shell.sh(`kubectl get cm aidc-energy-${node} -n aidc-system -o yaml 2>&1 || true`, here())).includes(
          uid,
        ),
      { within: 90_000, what: 'the pod in the ConfigMap' },
    );
    boards.play({ gpus: [{ uuid: BOARD, isLost: true }] });
    await eventually(
      async () => (await shell.sh(`kubectl describe node ${node}`, here())).includes(`board ${BOARD} (`),
      { within: 90_000, what: 'the Event on the Node' },
    );
    // The log has an apply that makes an object as a patch; the right to create it is asked for all the same. An Event
    // is told again after ten minutes.
    const NOT_SEEN = ['create configmaps in aidc-system', 'patch events.events.k8s.io in default'];
    await expectExactRights('aidc-operator-agent', NOT_SEEN);
    const account = 'system:serviceaccount:aidc-system:aidc-operator-agent';
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'new', namespace: 'aidc-system' } };
    const apply = `kubectl apply --server-side --validate=false --dry-run=server --as=${account} -f -`;
    expect(await shell.sh(apply, here(), JSON.stringify(map))).toContain('configmap/new');
    await shell.sh(
      `kubectl patch role aidc-operator-agent -n aidc-system --type=json -p '[{"op": "replace", "path": "/rules/0/verbs", "value": ["patch"]}]'`,
      here(),
    );
    // The authorizer has the role from a watch.
    await eventually(
      async () => (await shell.sh(`${apply} 2>&1 || true`, here(), JSON.stringify(map))).includes('cannot create'),
      { within: 60_000, what: 'the refusal' },
    );
  }, 300_000);

  it('answers to the test of the release', async () => {
    expect(await runHook('aidc-operator-test-agents')).toEqual({
      code: 1,
      said: 'no agent runs: no node has the labels of agent.nodeSelector\n',
    });
    const daemonSet = rendered.find(({ kind }) => kind === 'DaemonSet') as unknown as {
      spec: { template: { metadata: { labels: object } } };
    };
    const { labels } = daemonSet.spec.template.metadata;
    const port = (name: string, url: string) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'aidc-system', labels },
      spec: {
        // Nobody takes it: its address is ours to say.
        schedulerName: 'none',
        containers: [
          { name: 'agent', image: 'x', ports: [{ name: 'http', containerPort: Number(new URL(url).port) }] },
        ],
      },
    });
    const add = async (name: string, url: string): Promise<void> => {
      await shell.sh('kubectl create -f -', here(), JSON.stringify(port(name, url)));
      const status = { status: { podIP: '127.0.0.1', podIPs: [{ ip: '127.0.0.1' }] } };
      await shell.sh(
        `kubectl patch pod ${name} -n aidc-system --subresource=status --type=merge -p '${JSON.stringify(status)}'`,
        here(),
      );
    };
    await add('agent-one', agent?.url ?? '');
    expect(await runHook('aidc-operator-test-agents')).toEqual({ code: 0, said: 'check-agents: done\n' });
    await add('agent-two', 'http://127.0.0.1:1');
    const { code, said } = await runHook('aidc-operator-test-agents');
    expect(code).toBe(1);
    expect(said).toContain('the agent agent-two on node none yet does not answer: ');
    await expectExactRights('aidc-operator-test-agents');
  }, 120_000);
});

describe('the test of the kinds', () => {
  it('passes after an installation, with every right used', async () => {
    expect(await runHook('aidc-operator-test-kinds')).toEqual({ code: 0, said: 'check-kinds: done\n' });
    expect(await shell.sh('kubectl get mt -A -o name', here())).toBe('');
    await expectExactRights('aidc-operator-test-kinds');
  }, 120_000);

  it('names a CRD that is missing', async () => {
    const quotes = await shell.sh('kubectl get crd computequotes.aidc.dev -o yaml', here());
    await shell.sh('kubectl delete crd computequotes.aidc.dev', here());
    expect(await runHook('aidc-operator-test-kinds')).toEqual({
      code: 1,
      said: 'CRD computequotes.aidc.dev is missing: apply it, or set crds.install to true\n',
    });
    const [crd] = manifests(quotes);
    const { name, labels, annotations } = crd?.metadata ?? { name: '' };
    await shell.sh('kubectl create -f -', here(), JSON.stringify({ ...crd, metadata: { name, labels, annotations } }));
  }, 120_000);
});

describe('uninstalling a release whose CRDs go with it', () => {
  const held = (kind: string, name: string, spec: object, ...finalizers: string[]) => ({
    apiVersion: 'aidc.dev/v1alpha1',
    kind,
    metadata: { name, ...(kind === 'ModelTraining' ? { namespace: 'default' } : {}), finalizers },
    spec,
  });

  it('lets go of what nobody else lets go of, and names what somebody else holds', async () => {
    const region = (await readFile(join(import.meta.dirname, '../../deploy/samples/01-regions.yaml'), 'utf8')).split(
      '---',
    );
    const [sample] = manifests(region.find((text) => text.includes('kind: RegionalCluster')) ?? '');
    const items = [
      held(
        'ModelTraining',
        'run',
        { model: { name: 'm' }, trainer: { image: 'train:1' }, accelerators: [{ type: 'H100', countPerNode: 1 }] },
        'aidc.dev/member-cleanup',
      ),
      held('RegionalCluster', 'guian', sample?.spec as object, 'aidc.dev/member-cleanup', 'example.com/other'),
      held('ComputeQueue', 'default', { quota: [{ nominal: 1 }] }),
    ];
    await shell.sh('kubectl create -f -', here(), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    const first = await runHook('aidc-operator-let-go', { AIDC_WAIT_SECONDS: '1' });
    expect(first.code).toBe(1);
    expect(first.said).toContain('modeltrainings.aidc.dev default/run was not let go by the operator');
    expect(first.said).toContain(
      'regionalclusters.aidc.dev guian (example.com/other) is still there: take away these finalizers of others',
    );
    await shell.sh(`kubectl patch regionalcluster guian --type=merge -p '{"metadata": {"finalizers": null}}'`, here());
    expect(await runHook('aidc-operator-let-go')).toEqual({ code: 0, said: 'let-go: done\n' });
    expect(await shell.sh('kubectl get aidc -A -o name', here())).toBe('');
    // Only where a finalizer moves in its list is an object read again. Of each kind there was not one object.
    const notSeen = unused(
      rightsOf(rendered, 'aidc-operator-let-go'),
      await requestsOf(here(), 'aidc-operator-let-go'),
    );
    expect(notSeen.filter((right) => !/^(get|delete|patch) (model|data|computequotes)/.test(right))).toEqual([
      'get regionalclusters.aidc.dev',
    ]);
    expect(refused(await requestsOf(here(), 'aidc-operator-let-go'))).toEqual([]);
  }, 120_000);

  it('ends at once, with nothing left of the release', async () => {
    await shell.sh('helm uninstall aidc-operator -n aidc-system --timeout 200s', here());
    // Objects with dependents go in the background.
    const patient = { timeout: 60_000, interval: 500 };
    await expect.poll(() => shell.sh('kubectl get crd -o name', here()), patient).toBe('');
    const left = 'kubectl get clusterrole,clusterrolebinding -o name | grep aidc || true';
    await expect.poll(() => shell.sh(left, here()), patient).toMatch(/^(.*test-(kinds|agents)\n)*$/);
    const runs = 'kubectl get job,deployment,daemonset -n aidc-system -o name';
    await expect.poll(() => shell.sh(runs, here()), patient).toBe('');
  }, 300_000);
});
