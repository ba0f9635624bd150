import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalEnvironment, startEnvironment } from '../../deploy/local/environment.ts';
import { startTimeOf } from '../../deploy/local/process-identity.ts';
import { eventually, h100Region, handleOf, useEnvironment } from '../support/environment.ts';

const run = promisify(execFile);

interface Pod {
  metadata: { name: string; labels: Record<string, string>; deletionTimestamp?: string };
  spec: { nodeName?: string };
  status: {
    phase: string;
    podIP?: string;
    hostIP?: string;
    containerStatuses?: { state: { terminated?: { exitCode: number }; running?: object; waiting?: object } }[];
  };
}

interface Node {
  metadata: { name: string; labels: Record<string, string> };
  status: {
    allocatable: Record<string, string>;
    nodeInfo: { bootID: string };
    conditions: { type: string; status: string }[];
  };
}

function readyOf(node: Node): string | undefined {
  return node.status.conditions.find(({ type }) => type === 'Ready')?.status;
}

function pod(name: string, annotations: Record<string, string>, spec: object = {}): string {
  const containers = [{ name: 'main', image: 'registry.local/none' }];
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', annotations },
    spec: { containers, ...spec },
  });
}

function gang(name: string, size: number): string {
  return JSON.stringify({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: 'default' },
    spec: {
      completions: size,
      parallelism: size,
      completionMode: 'Indexed',
      backoffLimit: 0,
      podReplacementPolicy: 'Failed',
      template: {
        metadata: { annotations: { 'sim.aidc.dev/run-for': '2s' } },
        spec: {
          restartPolicy: 'Never',
          schedulingGates: [{ name: 'aidc.dev/bind' }],
          containers: [
            { name: 'main', image: 'registry.local/none', resources: { limits: { 'nvidia.com/gpu': '8' } } },
          ],
        },
      },
    },
  });
}

/** Pins a gated pod to one node and lifts its gate, in one patch. */
function bindTo(node: string): string {
  const term = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] };
  return JSON.stringify({
    spec: {
      schedulingGates: [{ name: 'aidc.dev/bind', $patch: 'delete' }],
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } } },
    },
  });
}

/** A kind of the hub that is none of the operator's: this test is about the environment alone. */
const widgets = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
};
const crdDirectory = mkdtempSync(join(tmpdir(), 'aidc-environment-crds-'));
writeFileSync(join(crdDirectory, 'widgets.yaml'), JSON.stringify(widgets));
afterAll(() => rm(crdDirectory, { recursive: true, force: true }));

describe('a hub and one region', () => {
  const handle = useEnvironment({ regions: [h100Region('guian', 8)], crdDirectory });
  const { kubectl, getJson } = handle;
  const getPod = (name: string) => getJson<Pod>(['pod', name], 'guian');
  const getNode = (name: string) => getJson<Node>(['node', name], 'guian');
  const inPhase = (name: string, phase: string) =>
    eventually(
      async () => {
        const found = await getPod(name);
        return found.status.phase === phase ? found : undefined;
      },
      { what: `pod ${name} ${phase}` },
    );

  it("has the given kinds and the operator's namespace on the hub", async () => {
    expect(await kubectl(['get', 'widgets', '--all-namespaces', '-o', 'name'], 'hub')).toBe('');
    expect(await kubectl(['get', 'namespace', 'aidc-system', '-o', 'name'], 'hub')).toBe('namespace/aidc-system\n');
  });

  it('has nodes with accelerators, racks and blocks', async () => {
    const { items } = await getJson<{ items: Node[] }>(['nodes'], 'guian');
    expect(items).toHaveLength(8);
    const last = items.find(({ metadata }) => metadata.name === 'guian-h100-008');
    expect(last?.status.allocatable['nvidia.com/gpu']).toBe('8');
    expect(last?.metadata.labels).toMatchObject({
      'topology.kubernetes.io/region': 'guian',
      'aidc.dev/rack': 'guian-h100-r02',
      'aidc.dev/block': 'guian-h100-b1',
      'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3',
    });
  });

  it('runs a gang whose gated pods are each bound to an exact node', async () => {
    await kubectl(['apply', '-f', '-'], 'guian', gang('gang', 8));
    const pods = await eventually(async () => {
      const { items } = await getJson<{ items: Pod[] }>(['pods', '-l', 'job-name=gang'], 'guian');
      return items.length === 8 ? items : undefined;
    });
    const nodeFor = (found: Pod) =>
      `guian-h100-00${8 - Number(found.metadata.labels['batch.kubernetes.io/job-completion-index'])}`;
    await Promise.all(
      pods.map((found) => kubectl(['patch', 'pod', found.metadata.name, '-p', bindTo(nodeFor(found))], 'guian')),
    );
    await kubectl(['wait', 'job/gang', '--for=condition=Complete', '--timeout=30s'], 'guian');
    const { items } = await getJson<{ items: Pod[] }>(['pods', '-l', 'job-name=gang'], 'guian');
    for (const found of items) {
      expect(found.spec.nodeName).toBe(nodeFor(found));
      expect(found.status.phase).toBe('Succeeded');
      expect(found.status.podIP).toMatch(/^10\./);
      expect(found.status.containerStatuses?.[0]?.state.terminated?.exitCode).toBe(0);
    }
  });

  it('lets a pod fail with the exit code it asks for', async () => {
    const annotations = { 'sim.aidc.dev/run-for': '1s', 'sim.aidc.dev/exit-code': '42' };
    await kubectl(['apply', '-f', '-'], 'guian', pod('fails', annotations, { restartPolicy: 'Never' }));
    const failed = await inPhase('fails', 'Failed');
    expect(failed.status.containerStatuses?.[0]?.state.terminated?.exitCode).toBe(42);
  });

  it('keeps a pod Pending that never starts, until it may', async () => {
    await kubectl(['apply', '-f', '-'], 'guian', pod('hangs', { 'sim.aidc.dev/never-start': 'true' }));
    const waiting = await eventually(async () => {
      const found = await getPod('hangs');
      return found.status.containerStatuses?.[0]?.state.waiting ? found : undefined;
    });
    expect(waiting.status.phase).toBe('Pending');
    await kubectl(['annotate', 'pod', 'hangs', 'sim.aidc.dev/never-start-'], 'guian');
    await inPhase('hangs', 'Running');
    await kubectl(['delete', 'pod', 'hangs', '--timeout=10s'], 'guian');
  });

  it('lets a kubelet die: its pods stay until forced, and go on when it boots again', async () => {
    const name = 'guian-h100-001';
    const before = await getNode(name);
    const pinned = { nodeName: name, restartPolicy: 'Never' };
    await kubectl(['apply', '-f', '-'], 'guian', pod('deleted', {}, { nodeName: name }));
    await kubectl(['apply', '-f', '-'], 'guian', pod('working', { 'sim.aidc.dev/run-for': '3s' }, pinned));
    await inPhase('working', 'Running');
    await inPhase('deleted', 'Running');

    await kubectl(['annotate', 'node', name, 'sim.aidc.dev/not-ready=true'], 'guian');
    await eventually(async () => readyOf(await getNode(name)) !== 'True', { within: 5000, what: 'a NotReady node' });
    await kubectl(['delete', 'pod', 'deleted', '--wait=false', '--grace-period=1'], 'guian');
    await new Promise((resolve) => setTimeout(resolve, 4000));
    expect((await getPod('deleted')).metadata.deletionTimestamp).toBeDefined();
    expect((await getPod('working')).status.phase).toBe('Running');
    await kubectl(['delete', 'pod', 'deleted', '--force', '--grace-period=0', '--timeout=5s'], 'guian');

    await kubectl(['annotate', 'node', name, 'sim.aidc.dev/not-ready-'], 'guian');
    await inPhase('working', 'Succeeded');
    const after = await getNode(name);
    expect(readyOf(after)).toBe('True');
    expect(after.status.nodeInfo.bootID).not.toBe(before.status.nodeInfo.bootID);
  });

  it('deletes namespaces, on the hub too', async () => {
    for (const cluster of ['hub', 'guian']) {
      await kubectl(['create', 'namespace', 'team-a'], cluster);
      await kubectl(['create', 'configmap', 'x', '-n', 'team-a'], cluster);
      await kubectl(['delete', 'namespace', 'team-a', '--timeout=20s'], cluster);
    }
  });

  it('pauses, resumes, stops and starts a region under the same address', async () => {
    const { environment } = handle;
    const { server } = handle.region('guian');
    const ask = () => kubectl(['get', '--raw', '/readyz', '--request-timeout=2s'], 'guian');
    await environment.pauseRegion('guian');
    await expect(ask()).rejects.toThrow();
    await environment.resumeRegion('guian');
    expect(await ask()).toBe('ok');

    await environment.stopRegion('guian');
    await expect(ask()).rejects.toThrow(/refused/);
    await environment.startRegion('guian');
    expect(handle.region('guian').server).toBe(server);
    await kubectl(['apply', '-f', '-'], 'guian', pod('again', {}));
    await inPhase('again', 'Running');
  });
});

describe('two environments side by side', () => {
  let both: LocalEnvironment[] = [];
  beforeAll(async () => {
    const regions = [h100Region('guian', 2)];
    both = await Promise.all([
      startEnvironment({ regions, crdDirectory }),
      startEnvironment({ regions, crdDirectory }),
    ]);
  });
  afterAll(() => Promise.all(both.map((environment) => environment.stop())));

  it('share nothing, and ending one leaves the other', async () => {
    const [first, second] = both.map((environment) => handleOf(() => environment));
    await first?.kubectl(['create', 'namespace', 'only-here'], 'guian');
    await expect(second?.kubectl(['get', 'namespace', 'only-here'], 'guian')).rejects.toThrow(/not found/);
    await first?.environment.stop();
    expect(existsSync(first?.environment.dir ?? '')).toBe(false);
    expect(await second?.kubectl(['get', '--raw', '/readyz'], 'guian')).toBe('ok');
  });
});

describe('an environment whose owner was killed', () => {
  const script = join(tmpdir(), `aidc-environment-test-${process.pid}.ts`);
  let child: ChildProcess | undefined;
  afterAll(async () => {
    child?.kill('SIGKILL');
    await rm(script, { force: true });
  });

  it('leaves no process and no folder', async () => {
    await writeFile(script, ownerScript());
    child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (
      await new Promise<string>((resolve) => child?.stdout?.once('data', (data) => resolve(String(data))))
    ) //
      .split('\n');
    const { dir, pids } = JSON.parse(line ?? '') as { dir: string; pids: number[] };
    const startTimes = new Map(pids.map((pid) => [pid, startTimeOf(pid)]));
    expect(pids).toHaveLength(8);
    expect([...startTimes.values()]).not.toContain(undefined);

    child.kill('SIGKILL');
    await eventually(async () => !existsSync(dir) && pids.every((pid) => startTimeOf(pid) !== startTimes.get(pid)), {
      within: 90_000,
      what: 'nothing left of the killed run',
    });
    // Also not under another name, and not only out of sight of our own list.
    await eventually(async () => !(await run('ps', ['-eo', 'args'])).stdout.includes(dir), {
      within: 90_000,
      what: 'no process that names the folder',
    });
  });
});

function ownerScript(): string {
  const environment = join(import.meta.dirname, '../../deploy/local/environment.ts');
  return `
    import { defineNodeGroup, startEnvironment } from ${JSON.stringify(environment)};
    const nodeGroups = [defineNodeGroup({ prefix: 'a', count: 2 })];
    const { dir, hub, regions } = await startEnvironment({ regions: [{ name: 'guian', nodeGroups }], crdDirectory: ${JSON.stringify(crdDirectory)} });
    const pids = [hub, ...regions.values()].flatMap((cluster) => cluster.pids);
    console.log(JSON.stringify({ dir, pids }));
    setInterval(() => {}, 1000);
  `;
}
