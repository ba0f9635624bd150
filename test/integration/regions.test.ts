import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { defineNodeGroup, type LocalEnvironment, startEnvironment } from '../../deploy/local/environment.ts';
import {
  GROUP,
  LABEL,
  MANAGED_BY,
  type RegionalCluster,
  type RegionalClusterStatus,
  regionalClusterSpec,
  runKey,
  VERSION,
} from '../../src/api/index.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import { EventRecorder } from '../../src/kube/events.ts';
import { parseKubeconfig } from '../../src/kube/kubeconfig.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import {
  CONFIG_MAPS,
  EVENTS,
  type KubeObject,
  NAMESPACES,
  NODES,
  PODS,
  PRIORITY_CLASSES,
  type Resource,
  SECRETS,
} from '../../src/kube/resource.ts';
import { StatusWriter } from '../../src/kube/status-writer.ts';
import { Store } from '../../src/kube/store.ts';
import { type KubeconfigSecret, MemberRegistry, regionController } from '../../src/regions/index.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { MemoryLogger } from '../../src/runtime/logger.ts';
import { noopMetrics } from '../../src/runtime/metrics.ts';

const REGIONS: Resource = {
  group: GROUP,
  version: VERSION,
  plural: 'regionalclusters',
  kind: 'RegionalCluster',
  namespaced: false,
};
const OPERATOR_NAMESPACE = 'aidc-system';
const TIMING = { probeMs: 400, retryMs: 300, timeoutMs: 1500, setupMs: 1000, graceMs: 2000, settleMs: 3000 };

const boards = (prefix: string, count: number) =>
  defineNodeGroup({ prefix, count, accelerator: { resource: 'nvidia.com/gpu', perNode: 8 } });

/** The part of the operator under test, in this process. */
interface Running {
  readonly members: MemberRegistry;
  readonly logger: MemoryLogger;
  stop(): Promise<void>;
}

async function startRegions(hub: KubeClient, hubId: string): Promise<Running> {
  const abort = new AbortController();
  const { signal } = abort;
  const logger = new MemoryLogger();
  const common = { logger, clock: systemClock, metrics: noopMetrics };
  const clusters = new Store<RegionalCluster>();
  const secrets = new Store<KubeconfigSecret>();
  const reflectors = [
    new Reflector<RegionalCluster>({ client: hub, resource: REGIONS, store: clusters, ...common }),
    new Reflector<KubeconfigSecret>({
      client: hub,
      resource: SECRETS,
      store: secrets,
      namespace: OPERATOR_NAMESPACE,
      ...common,
    }),
  ];
  const members = new MemberRegistry({
    clusters,
    secrets,
    namespace: OPERATOR_NAMESPACE,
    hubId,
    timing: TIMING,
    ...common,
  });
  const controller = regionController({
    clusters,
    members,
    status: new StatusWriter({ client: hub }),
    events: new EventRecorder({ client: hub, component: 'aidc.dev/operator', instance: 'test', ...common }),
    ...common,
  });
  const running = reflectors.map((reflector) => reflector.run(signal));
  await Promise.all(reflectors.map((reflector) => reflector.waitForSync(signal)));
  running.push(members.run(signal), controller.run(signal));
  return {
    members,
    logger,
    stop: async () => {
      abort.abort();
      await Promise.all(running);
    },
  };
}

let environment: LocalEnvironment;
let hub: KubeClient;
let hubId: string;
let regions: Running;
const clients = new Map<string, KubeClient>();

const member = (name: string): KubeClient => clients.get(name) as KubeClient;
const kubeconfigOf = (name: string): string => environment.regions.get(name)?.kubeconfig ?? '';
const clientOf = (name: string, kubeconfig: string): KubeClient =>
  new KubeClient({ cluster: name, credentials: parseKubeconfig(kubeconfig, { allowInsecure: true }) });

const putSecret = (name: string, kubeconfig: string) =>
  hub.apply(SECRETS, {
    namespace: OPERATOR_NAMESPACE,
    name: `kubeconfig-${name}`,
    fieldManager: 'test',
    body: { metadata: { name: `kubeconfig-${name}` }, stringData: { kubeconfig } },
  });

/** A RegionalCluster as the API server stores it, with every default. */
const region = (name: string, over: object = {}): object => ({
  metadata: { name },
  spec: regionalClusterSpec.parse({
    region: name,
    kubeconfigSecretRef: { name: `kubeconfig-${name}` },
    location: { zone: 'West', jurisdiction: 'CN-GZ' },
    accelerators: [{ type: 'H100', resourceName: 'nvidia.com/gpu', boardWatts: 700, gpuHourMicros: 8_000_000 }],
    electricity: { tariff: [{ pricePerKWhMicros: 335_000 }] },
    carbon: { gramsPerKWh: 404 },
    puePermille: 1200,
    ...over,
  }),
});

const statusOf = async (name: string): Promise<RegionalClusterStatus> =>
  (await hub.get<RegionalCluster & KubeObject>(REGIONS, { name })).status ?? {};
const conditionOf = (status: RegionalClusterStatus, type: string) =>
  status.conditions?.find((condition) => condition.type === type);

/** Waits until the status says so; fails with the status that was seen last. */
async function until(
  name: string,
  what: string,
  wanted: (status: RegionalClusterStatus) => boolean,
  timeoutMs = 90_000,
): Promise<RegionalClusterStatus> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const status = await statusOf(name);
    if (wanted(status)) return status;
    if (performance.now() > deadline) {
      throw new Error(`${name} did not become ${what} in ${timeoutMs} ms: ${JSON.stringify(status, undefined, 1)}`);
    }
    await systemClock.sleep(50);
  }
}
const ready = (name: string, reason: string, timeoutMs?: number) =>
  until(name, reason, (status) => conditionOf(status, 'Ready')?.reason === reason, timeoutMs);
const inventory = (
  name: string,
  what: string,
  wanted: (line: Record<string, unknown>) => boolean,
  timeoutMs?: number,
) => until(name, what, (status) => status.inventory?.[0] !== undefined && wanted(status.inventory[0]), timeoutMs);

const pod = (name: string, gpus: number, labels: Record<string, string> = {}): object => ({
  metadata: { name, namespace: 'default', labels },
  spec: {
    containers: [
      {
        name: 'main',
        image: 'busybox',
        resources: { limits: { 'nvidia.com/gpu': String(gpus) }, requests: { cpu: '1', memory: '1Gi' } },
      },
    ],
  },
});
const createPod = (cluster: string, body: object) => member(cluster).create(PODS, { namespace: 'default', body });
const deletePod = (cluster: string, name: string) =>
  member(cluster).delete(PODS, { namespace: 'default', name, gracePeriodSeconds: 0 });
const patchNode = (cluster: string, name: string, body: object) => member(cluster).mergePatch(NODES, { name, body });

beforeAll(async () => {
  environment = await startEnvironment({
    regions: [
      { name: 'guian', nodeGroups: [boards('gpu', 4)] },
      { name: 'shanghai', nodeGroups: [boards('gpu', 3)] },
    ],
  });
  hub = clientOf('hub', environment.hub.kubeconfig);
  for (const [name, cluster] of environment.regions) clients.set(name, clientOf(name, cluster.kubeconfig));
  hubId = (await hub.get(NAMESPACES, { name: 'kube-system' })).metadata.uid ?? '';
  regions = await startRegions(hub, hubId);
  for (const name of environment.regions.keys()) {
    await putSecret(name, kubeconfigOf(name));
    await hub.create(REGIONS, { body: region(name) });
  }
});

afterAll(async () => {
  await regions?.stop();
  await Promise.all([hub?.close(), ...[...clients.values()].map((client) => client.close())]);
  await environment?.stop();
});

describe('two regions', () => {
  it('become Ready with what they have', async () => {
    const [guian, shanghai] = await Promise.all([ready('guian', 'Ready'), ready('shanghai', 'Ready')]);
    expect(guian.inventory).toEqual([
      {
        type: 'H100',
        nodes: 4,
        total: 32,
        allocatable: 32,
        reserved: 0,
        usedByOthers: 0,
        free: 32,
        largestFreeGang: 4,
      },
    ]);
    expect(shanghai.inventory?.[0]).toMatchObject({ nodes: 3, free: 24 });
    expect(guian).toMatchObject({
      observedGeneration: 1,
      clockSkewSeconds: 0,
      version: expect.stringMatching(/^v1\./),
      display: { gpus: '32/32', price: '0.335 CNY/kWh', pue: '1.20', co2: '404 g/kWh' },
    });
    const system = await member('guian').get(NAMESPACES, { name: 'kube-system' });
    expect(guian.clusterUID).toBe(system.metadata.uid);
    expect(conditionOf(guian, 'Reachable')).toMatchObject({ status: 'True', reason: 'Answering' });
    expect(regions.members.get('guian')).toMatchObject({ synced: true });
    expect(regions.members.get('guian')?.unusable()).toBeUndefined();
  });

  it('are claimed and set up', async () => {
    const claim = await member('guian').get<KubeObject & { data: object }>(CONFIG_MAPS, {
      namespace: 'aidc-system',
      name: 'aidc-hub-claim',
    });
    expect(claim.data).toEqual({ hubId });
    expect(await member('guian').get(PRIORITY_CLASSES, { name: 'aidc-workload' })).toMatchObject({
      value: 0,
      preemptionPolicy: 'Never',
    });
  });

  it('tell of it in an event', async () => {
    await expect
      .poll(async () => {
        const { items } = await hub.list<KubeObject & { regarding: { name: string }; reason: string }>(EVENTS);
        return items.filter((event) => event.regarding.name === 'guian').map((event) => event.reason);
      })
      .toContain('Ready');
  });

  it('are not written again while nothing changes', async () => {
    const before = await hub.get(REGIONS, { name: 'guian' });
    await systemClock.sleep(3000);
    const after = await hub.get(REGIONS, { name: 'guian' });
    expect(after.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });
});

describe('what pods take', () => {
  it('foreign pods are counted while they are there', async () => {
    await createPod('guian', pod('foreign', 3));
    await inventory('guian', 'used by others', (line) => line.usedByOthers === 3 && line.free === 29);
    await deletePod('guian', 'foreign');
    await inventory('guian', 'free again', (line) => line.usedByOthers === 0 && line.free === 32);
  });

  it('a foreign pod that has finished takes nothing', async () => {
    await createPod('guian', pod('ended', 2));
    await inventory('guian', 'used by others', (line) => line.usedByOthers === 2);
    const body = { status: { phase: 'Succeeded' } };
    await member('guian').mergePatch(PODS, { namespace: 'default', name: 'ended', subresource: 'status', body });
    await inventory('guian', 'free again', (line) => line.usedByOthers === 0);
    await deletePod('guian', 'ended');
  });

  it('pods of ours are reserved, once, whether the reservation or the pod is seen', async () => {
    const labels = { [LABEL.managedBy]: MANAGED_BY, [LABEL.workloadUid]: 'w1', [LABEL.attempt]: '1' };
    const connection = regions.members.get('guian');
    const held = regions.members.inventory('guian');
    const perPod = { cpuMilli: 1000, memoryMi: 1024, gpuMilli: 2000 };
    held?.reserve({ run: runKey('w1', 1), nodes: ['gpu-001'], perPod });
    await inventory('guian', 'reserved', (line) => line.reserved === 2 && line.free === 30);
    const body = pod('ours', 2, labels) as { spec: object };
    await createPod('guian', { ...body, spec: { ...body.spec, nodeName: 'gpu-001' } });
    await expect.poll(() => connection?.pods.byIndex('workload', 'w1').length).toBe(1);
    await systemClock.sleep(1500);
    expect((await statusOf('guian')).inventory?.[0]).toMatchObject({ reserved: 2, free: 30, usedByOthers: 0 });
    held?.release(runKey('w1', 1));
    await systemClock.sleep(1500);
    expect((await statusOf('guian')).inventory?.[0]).toMatchObject({ reserved: 2, free: 30 });
    await deletePod('guian', 'ours');
    await inventory('guian', 'free again', (line) => line.reserved === 0 && line.free === 32);
  });
});

describe('nodes that cannot be used', () => {
  it('a cordoned node leaves allocatable', async () => {
    await patchNode('guian', 'gpu-002', { spec: { unschedulable: true } });
    await inventory('guian', 'smaller', (line) => line.allocatable === 24 && line.total === 32 && line.free === 24);
    await patchNode('guian', 'gpu-002', { spec: { unschedulable: null } });
    await inventory('guian', 'whole again', (line) => line.allocatable === 32);
  });

  it('a node that is not ready leaves allocatable', async () => {
    const annotate = (value: string | null) =>
      patchNode('guian', 'gpu-003', { metadata: { annotations: { 'sim.aidc.dev/not-ready': value } } });
    await annotate('true');
    const smaller = await inventory('guian', 'smaller', (line) => line.allocatable === 24);
    expect(smaller.inventory?.[0]).toMatchObject({ total: 32, largestFreeGang: 3 });
    await annotate(null);
    await inventory('guian', 'whole again', (line) => line.allocatable === 32, 90_000);
  });
});

describe('a kubeconfig that changes', () => {
  it('is taken up without a restart, a wrong one as well as the right one', async () => {
    const connection = regions.members.get('guian');
    const nodes = connection?.nodes;
    const right = kubeconfigOf('guian');
    const { clusterUID } = await statusOf('guian');

    await putSecret('guian', 'a: [not yaml');
    expect(conditionOf(await ready('guian', 'BadKubeconfig'), 'Ready')?.message).toContain('no valid YAML');
    expect(() => connection?.client).toThrow('cannot be used');

    const wrong = parse(right) as { users: { user: object }[] };
    wrong.users = wrong.users.map((entry) => ({ ...entry, user: { token: 'wrong' } }));
    await putSecret('guian', stringify(wrong));
    const refused = await ready('guian', 'CredentialsRefused');
    expect(conditionOf(refused, 'Reachable')).toMatchObject({ status: 'False', reason: 'CredentialsRefused' });

    await putSecret('guian', kubeconfigOf('shanghai'));
    const other = await ready('guian', 'ClusterIdentityChanged');
    expect(other.clusterUID).toBe(clusterUID);
    expect([...(connection?.nodes.keys() ?? [])].length).toBe(4);

    expect(conditionOf(await statusOf('shanghai'), 'Ready')).toMatchObject({ status: 'True' });

    await putSecret('guian', right);
    await ready('guian', 'Ready');
    expect(regions.members.get('guian')).toBe(connection);
    expect(connection?.nodes).toBe(nodes);
    await createPod('guian', pod('after-rotation', 1));
    await inventory('guian', 'up to date', (line) => line.usedByOthers === 1);
    await deletePod('guian', 'after-rotation');
  });

  it('a missing Secret is named, and found when it comes', async () => {
    await hub.delete(SECRETS, { namespace: OPERATOR_NAMESPACE, name: 'kubeconfig-guian' });
    const status = await ready('guian', 'BadKubeconfig');
    expect(conditionOf(status, 'Ready')?.message).toContain('Secret aidc-system/kubeconfig-guian does not exist');
    await putSecret('guian', kubeconfigOf('guian'));
    await ready('guian', 'Ready');
  });
});

describe('a region that is lost', () => {
  it.each([
    ['is stopped', (name: string) => environment.stopRegion(name), (name: string) => environment.startRegion(name)],
    ['hangs', (name: string) => environment.pauseRegion(name), (name: string) => environment.resumeRegion(name)],
  ])(
    'when its API server %s, is Unreachable soon and disturbs no other',
    async (what, lose, restore) => {
      const before = await statusOf('shanghai');
      await lose('shanghai');
      const startedAt = performance.now();
      const lost = await ready('shanghai', 'Unreachable', 60_000);
      const tookMs = performance.now() - startedAt;
      expect(tookMs).toBeLessThan(10_000);
      expect(conditionOf(lost, 'Reachable')).toMatchObject({ status: 'False' });
      expect(lost.inventory).toEqual(before.inventory);
      expect(regions.members.get('shanghai')?.reachable()).toBe(false);
      expect(regions.members.get('shanghai')?.nodes.size).toBe(3);

      const name = `meanwhile-${what.replaceAll(' ', '-')}`;
      await createPod('guian', pod(name, 4));
      await inventory('guian', 'up to date', (line) => line.usedByOthers === 4, 6000);
      await deletePod('guian', name);

      await restore('shanghai');
      await ready('shanghai', 'Ready', 60_000);
      expect(regions.members.get('shanghai')?.reachable()).toBe(true);
    },
    120_000,
  );
});

describe('identity', () => {
  it('of two RegionalClusters that are one cluster the younger is a duplicate', async () => {
    // creationTimestamp is in whole seconds.
    await systemClock.sleep(1100);
    await hub.create(REGIONS, { body: region('a-copy', { kubeconfigSecretRef: { name: 'kubeconfig-guian' } }) });
    const copy = await ready('a-copy', 'DuplicateCluster');
    expect(conditionOf(copy, 'Ready')?.message).toContain('RegionalCluster guian');
    expect(copy).not.toHaveProperty('clusterUID');
    expect(conditionOf(await statusOf('guian'), 'Ready')?.status).toBe('True');
    expect(regions.members.get('a-copy')?.unusable()?.reason).toBe('DuplicateCluster');
    await hub.delete(REGIONS, { name: 'a-copy' });
    await expect.poll(() => regions.members.get('a-copy')).toBeUndefined();
  });

  it('a cluster of another hub is left alone until it is free', async () => {
    await hub.delete(REGIONS, { name: 'shanghai' });
    await expect.poll(() => regions.members.get('shanghai')).toBeUndefined();
    const where = { namespace: 'aidc-system', name: 'aidc-hub-claim' };
    await member('shanghai').mergePatch(CONFIG_MAPS, { ...where, body: { data: { hubId: 'another' } } });
    await hub.create(REGIONS, { body: region('shanghai') });
    const status = await ready('shanghai', 'ManagedByOtherHub');
    expect(conditionOf(status, 'Ready')?.message).toContain('another');
    expect(status).not.toHaveProperty('clusterUID');
    await member('shanghai').delete(CONFIG_MAPS, where);
    await ready('shanghai', 'Ready');
    expect(await member('shanghai').get(CONFIG_MAPS, where)).toMatchObject({ data: { hubId } });
  });
});

describe('the spec', () => {
  it('with an hour that has no price is InvalidSpec until it has one', async () => {
    const tariff = (hours: number[]) => ({
      spec: { electricity: { tariff: [{ months: [], hours, pricePerKWhMicros: 500_000 }] } },
    });
    await hub.mergePatch(REGIONS, { name: 'guian', body: tariff([0, 1, 2]) });
    const invalid = await ready('guian', 'InvalidSpec');
    expect(conditionOf(invalid, 'Ready')?.message).toContain('no price for 03:00 to 03:59 in month 1');
    await hub.mergePatch(REGIONS, { name: 'guian', body: tariff([]) });
    const valid = await ready('guian', 'Ready');
    expect(valid).toMatchObject({ observedGeneration: 3, display: { price: '0.500 CNY/kWh' } });
  });

  it('with another accelerator type is counted anew', async () => {
    const accelerator = {
      type: 'A800',
      resourceName: 'nvidia.com/gpu',
      nodeSelector: {},
      boardWatts: 400,
      gpuHourMicros: 1,
    };
    await hub.mergePatch(REGIONS, { name: 'guian', body: { spec: { accelerators: [accelerator] } } });
    await inventory('guian', 'of the new type', (line) => line.type === 'A800' && line.total === 32);
  });
});

describe('a restart of the operator', () => {
  it('is no news of a region, and what was recorded still holds', async () => {
    const before = await statusOf('guian');
    await regions.stop();
    regions = await startRegions(hub, hubId);
    await expect.poll(() => regions.members.get('guian')?.unusable(), { timeout: 60_000 }).toBeUndefined();
    await systemClock.sleep(1500);
    const after = await statusOf('guian');
    expect(after.conditions).toEqual(before.conditions);
  });

  it('in an outage keeps what was said of it, and sees its end', async () => {
    await environment.stopRegion('shanghai');
    const lost = await ready('shanghai', 'Unreachable');
    await regions.stop();
    await systemClock.sleep(1500);
    regions = await startRegions(hub, hubId);
    await expect
      .poll(() => regions.members.get('shanghai')?.unusable()?.reason, { timeout: 60_000 })
      .toBe('Unreachable');
    await systemClock.sleep(500);
    const after = await statusOf('shanghai');
    expect(after.conditions).toEqual(lost.conditions);
    expect(after.inventory).toEqual(lost.inventory);
    await environment.startRegion('shanghai');
    await ready('shanghai', 'Ready', 60_000);
  });

  it('a deleted RegionalCluster ends its connection', async () => {
    const connection = regions.members.get('guian');
    await hub.delete(REGIONS, { name: 'guian' });
    await expect.poll(() => regions.members.get('guian')).toBeUndefined();
    await createPod('guian', pod('unseen', 1));
    await systemClock.sleep(1000);
    expect([...(connection?.foreignPods.keys() ?? [])]).not.toContain('default/unseen');
    await expect(hub.get(REGIONS, { name: 'guian' })).rejects.toSatisfy(isNotFound);
  });
});
