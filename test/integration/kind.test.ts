import { spawnSync } from 'node:child_process';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { goVersion } from '../../deploy/local/binaries/build.ts';
import { defineNodeGroup, type LocalCluster } from '../../deploy/local/environment.ts';
import { nodesOf } from '../../deploy/local/nodes.ts';
import type { KubeObject } from '../../src/kube/resource.ts';
import { openShell, type Shell } from '../support/chart.ts';
import { eventually, h100Region, useEnvironment } from '../support/environment.ts';
import { type RunningOperator, startOperator } from '../support/operator.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, 'deploy', 'kind');
const REGIONS = ['guian', 'shanghai-lingang', 'zhongwei'];
/** Its worker is a node that the test makes. */
const GPU_REGION = 'zhongwei';
const H100 = { resource: 'nvidia.com/gpu', labels: { 'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3' } };

/**
 * deploy/kind without Docker: its script runs whole, with real helm and kubectl on real API servers. What stands in for
 * kind hands out the kubeconfigs of these, and what stands in for docker knows one GPU.
 */
const centre = useEnvironment({ regions: REGIONS.map((name) => h100Region(name, 1)), crdDirectory: '/none' });
let shell: Shell;
let operator: RunningOperator | undefined;

const clusters = (): LocalCluster[] => [centre.hub, ...REGIONS.map((name) => centre.region(name))];

async function program(name: string, text: string): Promise<void> {
  await writeFile(join(shell.folder, name), `#!/bin/sh\necho "${name} $*" >> ${shell.folder}/calls\n${text}\n`);
  await chmod(join(shell.folder, name), 0o755);
}

beforeAll(async () => {
  shell = await openShell();
  const kubeconfigs = clusters().map((one) => `*aidc-${one.name}*) cat ${one.kubeconfigPath} ;;`);
  await program(
    'kind',
    `case "$*" in "get clusters") ;; "get kubeconfig"*) case "$*" in\n${kubeconfigs.join('\n')}\nesac ;; esac`,
  );
  await program('docker', 'case "$*" in *nvidia-smi*) echo "NVIDIA L4" ;; esac');
  const regions = REGIONS.map((name) => ({
    name,
    nodeGroups: [{ prefix: `${name}-sim`, count: 2, accelerator: H100 }],
  }));
  await writeFile(join(shell.folder, 'centre.yaml'), stringify({ regions }));
});
afterAll(async () => {
  await operator?.stop();
  await shell.remove();
});

const run = (script: string): Promise<string> => shell.sh(`AIDC_KIND_HOME=$PWD/home ${join(folder, script)} 2>&1`);

describe('deploy/kind', () => {
  it('has configurations that kind reads', async ({ skip }) => {
    if ((await goVersion()) === undefined) skip('Go is not installed: kind’s own types cannot be had');
    const configs = (await readdir(folder)).filter((name) => /^(hub|region).*\.yaml$/.test(name));
    expect(configs).toHaveLength(3);
    const check = (...paths: string[]) =>
      spawnSync('go', ['run', '.', ...paths], {
        cwd: join(folder, 'check'),
        encoding: 'utf8',
        env: { ...process.env, GOWORK: 'off' },
      });
    expect(check(...configs.map((name) => join(folder, name)))).toMatchObject({ stdout: '', status: 0 });
    const wrong = join(shell.folder, 'wrong.yaml');
    await writeFile(wrong, (await readFile(join(folder, 'hub.yaml'), 'utf8')).replace('role:', 'rôle:'));
    expect(check(wrong).stdout).toContain('field rôle not found');
  }, 300_000);

  it('has manifests that an API server takes', async () => {
    const guian = centre.region('guian');
    await shell.sh('kubectl create namespace kwok-system', guian);
    for (const name of ['kwok.yaml', 'nvidia-device-plugin.yaml']) {
      await shell.sh(`kubectl apply --dry-run=server --validate=strict -f ${join(folder, name)}`, guian);
    }
  });

  it('says what is wrong with its options before it does anything', async () => {
    await expect(run('up.sh --gpu nowhere')).rejects.toThrow('there is no region nowhere; it must be one of guian');
    await expect(run('up.sh --cpu')).rejects.toThrow('there is no option --cpu');
  });

  it('brings up a hub and three regions, one of them with the GPUs of the host', async () => {
    const [node] = nodesOf({ name: GPU_REGION, nodeGroups: [defineNodeGroup({ prefix: 'gpu-host', count: 1 })] });
    const worker = JSON.stringify(node).replaceAll('gpu-host-001', `aidc-${GPU_REGION}-worker`);
    await shell.sh('kubectl create -f -', centre.region(GPU_REGION), worker);
    const up = run(`up.sh --gpu ${GPU_REGION} --centre ${shell.folder}/centre.yaml`);
    const installed = async () => (await shell.sh('kubectl get crd -o name', centre.hub)).split('\n').length > 6;
    await eventually(installed, { within: 120_000, what: 'the CRDs' });
    operator = await startOperator(centre.environment);
    const said = await up;
    expect(said).toContain('--- ready: export KUBECONFIG=');
    for (const name of REGIONS) {
      expect(said).toMatch(new RegExp(`^regionalcluster\\.aidc\\.dev/${name} condition met$`, 'm'));
      const nodes = await centre.getJson<{ items: KubeObject[] }>(['nodes', '-l', 'sim.aidc.dev/simulated=true'], name);
      expect(nodes.items).toHaveLength(name === GPU_REGION ? 0 : 2);
    }
    const calls = await readFile(join(shell.folder, 'calls'), 'utf8');
    expect(
      calls.match(/^kind create cluster --name aidc-[\w-]+ --config deploy\/kind\/(hub|region|region-gpu)\.yaml/gm),
    ).toHaveLength(4);
    expect(calls.match(/^kind load .*/gm)).toEqual(
      ['hub', GPU_REGION].map((name) => `kind load docker-image aidc-operator:kind --name aidc-${name}`),
    );
    // The agent runs where the GPUs of the host are, from the image that was built, and nowhere else.
    expect(said).toContain(`--- ${GPU_REGION} has NVIDIA-L4:`);
    const agents = {
      guian: [],
      'shanghai-lingang': [],
      [GPU_REGION]: [`aidc-${GPU_REGION}-worker aidc-operator:kind`],
    };
    for (const [region, expected] of Object.entries(agents)) {
      const { items } = await centre.getJson<{
        items: { spec: { nodeName: string; containers: { image: string }[] } }[];
      }>(['pods', '-n', 'aidc-system', '-l', 'app.kubernetes.io/component=agent'], region);
      expect(items.map(({ spec }) => `${spec.nodeName} ${spec.containers[0]?.image}`)).toEqual(expected);
    }
  }, 300_000);
});
