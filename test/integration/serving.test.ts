import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelServing } from '../../src/api/index.ts';
import { SERVINGS } from '../../src/hub/index.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import {
  DEPLOYMENTS,
  type KubeObject,
  NODES,
  PODS,
  type Resource,
  SERVICES,
  STATEFUL_SETS,
} from '../../src/kube/resource.ts';
import { h100Region, useEnvironment } from '../support/environment.ts';
import {
  applyAll,
  clientOf,
  eventually,
  getOrUndefined,
  namespace,
  queue,
  type RunningOperator,
  regionSpec,
  setUpCentre,
  startOperator,
  untilObject,
} from '../support/operator.ts';

type Serving = ModelServing & KubeObject;
type Pod = KubeObject & {
  spec: { nodeName?: string; containers: { env?: { name: string; value?: string }[] }[] };
  status?: { phase?: string };
};
type Service = KubeObject & { spec: { ports: { port: number }[]; selector: Record<string, string> } };

const centre = useEnvironment({ regions: [h100Region('east', 4), h100Region('west', 4)] });

let hub: KubeClient;
let east: KubeClient;
let west: KubeClient;
let operator: RunningOperator;

beforeAll(async () => {
  const userLatency = (ms: number) => [{ region: 'shanghai', ms }];
  hub = await setUpCentre(centre.environment, {
    east: regionSpec('east', { location: { zone: 'East', jurisdiction: 'CN-SH' }, userLatency: userLatency(5) }),
    west: regionSpec('west', { userLatency: userLatency(35) }),
  });
  east = clientOf(centre.region('east'));
  west = clientOf(centre.region('west'));
  operator = await startOperator(centre.environment, { bindTimeoutSeconds: '4', nodeLostSeconds: '3' });
});

afterAll(async () => {
  await operator.stop();
  await Promise.all([hub.close(), east.close(), west.close()]);
});

const pod = (over: object = {}, main: object = {}): object => ({
  ...over,
  spec: { containers: [{ name: 'main', image: 'serve:1', resources: { limits: { cpu: '4' } }, ...main }] },
});

const serving = (name: string, spec: object = {}): object => ({
  apiVersion: 'aidc.dev/v1alpha1',
  kind: 'ModelServing',
  metadata: { name, namespace: 'team' },
  spec: {
    model: { uri: 's3://models/chat', class: 'LLM' },
    accelerators: [{ type: 'H100', countPerNode: 8 }],
    placement: { maxLatencyMs: 20, clientRegions: [{ region: 'shanghai' }] },
    template: pod(),
    ...spec,
  },
});

const key = (name: string) => ({ namespace: 'team', name });
const until = (name: string, what: string, check: (object: Serving) => boolean, timeoutMs?: number) =>
  untilObject<Serving>(hub, SERVINGS, key(name), what, check, timeoutMs);
const conditionOf = (object: Serving, type: string) => object.status?.conditions?.find((entry) => entry.type === type);
const isReady = (object: Serving): boolean =>
  conditionOf(object, 'Ready')?.status === 'True' &&
  conditionOf(object, 'Ready')?.observedGeneration === object.metadata.generation;
const listOf = async <T extends KubeObject>(client: KubeClient, resource: Resource, name: string): Promise<T[]> =>
  (await client.list<T>(resource, { namespace: 'team', labelSelector: `aidc.dev/workload=${name}` })).items;
const nodesOf = async (name: string) => (await listOf<Pod>(east, PODS, name)).map((item) => item.spec.nodeName).sort();
const patch = (name: string, spec: object) => hub.mergePatch(SERVINGS, { ...key(name), body: { spec } });

async function remove(name: string): Promise<void> {
  await hub.delete(SERVINGS, key(name));
  await eventually(
    `${name} is gone with all it had`,
    async () =>
      (await getOrUndefined(hub, SERVINGS, 'team', name)) === undefined &&
      (await listOf(east, PODS, name)).length === 0 &&
      (await listOf(east, DEPLOYMENTS, name)).length === 0 &&
      (await listOf(east, SERVICES, name)).length === 0,
  );
}

describe('a ModelServing on real clusters', () => {
  it('runs one Deployment a replica, each on its node, near its users, behind one Service', async () => {
    await applyAll(hub, [serving('chat', { replicas: 2 })]);
    await centre.kubectl(['-n', 'team', 'wait', 'msv/chat', '--for=condition=Ready', '--timeout=60s'], 'hub');
    const ready = await until('chat', 'Ready', isReady);
    expect(ready.status).toMatchObject({
      phase: 'Ready',
      replicas: 2,
      readyReplicas: 2,
      updatedReplicas: 2,
      tenant: 'team',
      url: 'http://chat.team.svc:8000',
      addresses: [{ region: 'east', url: 'http://chat.team.svc:8000' }],
      placement: { region: 'east', gpus: 16, nodeCount: 2 },
      display: { ready: '2/2', gpus: '16/16' },
    });
    expect(ready.status?.placement?.decision?.filtered).toMatchObject([{ cluster: 'west', reason: 'LatencyTooHigh' }]);
    const deployments = await listOf<KubeObject & { spec: { replicas: number; strategy: object } }>(
      east,
      DEPLOYMENTS,
      'chat',
    );
    expect(deployments).toHaveLength(2);
    expect(deployments.map(({ spec }) => [spec.replicas, spec.strategy])).toEqual([
      [1, { type: 'Recreate' }],
      [1, { type: 'Recreate' }],
    ]);
    expect(await nodesOf('chat')).toEqual(ready.status?.placement?.nodes.toSorted());
    const service = await east.get<Service>(SERVICES, key('chat'));
    expect(service.spec.ports).toMatchObject([{ port: 8000 }]);
    expect(await getOrUndefined(west, SERVICES, 'team', 'chat')).toBeUndefined();
    for (const condition of ['SpecHonoured', 'Admitted', 'Placed', 'Ready']) {
      expect(conditionOf(ready, condition)?.status).toBe('True');
    }
  });

  it('scales by /scale without touching the replicas there are', async () => {
    const before = (await listOf<KubeObject>(east, PODS, 'chat')).map(({ metadata }) => metadata.uid).sort();
    await centre.kubectl(['-n', 'team', 'scale', 'modelserving/chat', '--replicas=3'], 'hub');
    await until('chat', 'three ready', (object) => object.status?.readyReplicas === 3 && isReady(object));
    const after = (await listOf<KubeObject>(east, PODS, 'chat')).map(({ metadata }) => metadata.uid);
    expect(after).toEqual(expect.arrayContaining(before));
    await centre.kubectl(['-n', 'team', 'scale', 'modelserving/chat', '--replicas=1'], 'hub');
    const one = await until('chat', 'one left', (object) => object.status?.replicas === 1 && isReady(object));
    expect(one.status?.admissions?.map(({ replica }) => replica)).toEqual([0]);
    await eventually('only its pod is left', async () => (await listOf(east, PODS, 'chat')).length === 1);
    const scale = JSON.parse(
      await centre.kubectl(['get', '--raw', '/apis/aidc.dev/v1alpha1/namespaces/team/modelservings/chat/scale'], 'hub'),
    ) as { spec: object; status: { replicas: number; selector: string } };
    expect(scale).toMatchObject({ spec: { replicas: 1 }, status: { replicas: 1 } });
    expect(scale.status.selector).toContain('aidc.dev/workload-uid=');
  });

  it('heals a lost pod and a lost Deployment by itself, in the same place', async () => {
    const [before] = await listOf<Pod>(east, PODS, 'chat');
    await east.delete(PODS, { ...key(before?.metadata.name ?? ''), gracePeriodSeconds: 0 });
    await eventually('another pod runs there', async () => {
      const [now] = await listOf<Pod>(east, PODS, 'chat');
      return (
        now !== undefined &&
        now.metadata.uid !== before?.metadata.uid &&
        now.spec.nodeName === before?.spec.nodeName &&
        now.status?.phase === 'Running'
      );
    });
    const [deployment] = await listOf(east, DEPLOYMENTS, 'chat');
    await east.delete(DEPLOYMENTS, { ...key(deployment?.metadata.name ?? ''), propagationPolicy: 'Background' });
    await eventually('the Deployment is made anew', async () => {
      const [now] = await listOf(east, DEPLOYMENTS, 'chat');
      return now !== undefined && now.metadata.uid !== deployment?.metadata.uid;
    });
    await until('chat', 'Ready again', isReady);
  });

  it('replaces its replicas one by one when the template changes, and the ports of its Service', async () => {
    await patch('chat', { replicas: 2 });
    await until('chat', 'two ready', (object) => object.status?.readyReplicas === 2 && isReady(object));
    const seen: number[] = [];
    const watching = new AbortController();
    const watch = (async () => {
      while (!watching.signal.aborted) {
        const now = await getOrUndefined<Serving>(hub, SERVINGS, 'team', 'chat');
        seen.push(now?.status?.readyReplicas ?? 0);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    await patch('chat', { template: pod({}, { image: 'serve:2', ports: [{ name: 'http', containerPort: 9000 }] }) });
    const done = await until(
      'chat',
      'both updated',
      (object) => object.status?.updatedReplicas === 2 && isReady(object),
    );
    watching.abort();
    await watch;
    expect(Math.min(...seen)).toBe(1);
    expect(done.status?.rollingReplica).toBeUndefined();
    expect(done.status?.url).toBe('http://chat.team.svc:9000');
    const pods = await listOf<Pod & { spec: { containers: { image: string }[] } }>(east, PODS, 'chat');
    expect(pods.map(({ spec }) => spec.containers[0]?.image)).toEqual(['serve:2', 'serve:2']);
    const service = await east.get<Service>(SERVICES, key('chat'));
    expect(service.spec.ports).toMatchObject([{ port: 9000 }]);
  });

  it('keeps what runs when the new template cannot be obeyed, and says why', async () => {
    await patch('chat', {
      template: { spec: { hostNetwork: true, containers: [{ name: 'main', image: 'serve:3' }] } },
    });
    const refused = await until('chat', 'refused', (object) => conditionOf(object, 'SpecHonoured')?.status === 'False');
    expect(conditionOf(refused, 'SpecHonoured')?.message).toContain('spec.template.spec.hostNetwork is refused');
    expect(await nodesOf('chat')).toHaveLength(2);
    await patch('chat', { template: pod({}, { image: 'serve:2', ports: [{ name: 'http', containerPort: 9000 }] }) });
    await hub.mergePatch(SERVINGS, {
      ...key('chat'),
      body: { spec: { template: { spec: { hostNetwork: null } } } },
    });
    await until('chat', 'Ready again', isReady);
  });

  it('suspends and resumes, and is deleted whole', async () => {
    await patch('chat', { suspend: true });
    const stopped = await until(
      'chat',
      'suspended',
      (object) => object.status?.phase === 'Suspended' && object.status.replicas === 0,
    );
    expect(conditionOf(stopped, 'Suspended')?.status).toBe('True');
    expect(await nodesOf('chat')).toEqual([]);
    await patch('chat', { suspend: false });
    await until('chat', 'Ready', (object) => object.status?.readyReplicas === 2 && isReady(object));
    await remove('chat');
  });

  it('places the pods of a replica together, each on a node of its own, with the names they script against', async () => {
    await applyAll(hub, [serving('big', { nodesPerReplica: 2, replicas: 1 })]);
    const ready = await until('big', 'Ready', isReady);
    expect(ready.status).toMatchObject({ placement: { gpus: 16, nodeCount: 2 }, display: { ready: '1/1' } });
    const sets = await listOf<KubeObject & { spec: { replicas: number; serviceName: string } }>(
      east,
      STATEFUL_SETS,
      'big',
    );
    expect(sets.map(({ metadata, spec }) => [metadata.name, spec.replicas, spec.serviceName])).toEqual([
      ['big-1', 2, 'big-1'],
    ]);
    const pods = await listOf<Pod>(east, PODS, 'big');
    expect(new Set(pods.map(({ spec }) => spec.nodeName))).toEqual(new Set(ready.status?.placement?.nodes));
    const env = Object.fromEntries((pods[0]?.spec.containers[0]?.env ?? []).map(({ name, value }) => [name, value]));
    expect(env).toMatchObject({ LWS_GROUP_SIZE: '2', LWS_LEADER_ADDRESS: 'big-1-0.big-1', AIDC_REGION: 'east' });
    const service = await east.get<Service>(SERVICES, key('big'));
    expect(service.spec.selector).toMatchObject({ 'apps.kubernetes.io/pod-index': '0' });
    await remove('big');
  });

  it('gives workers a template of their own beside the leader', async () => {
    const worker = pod({}, { image: 'worker:1' });
    await applyAll(hub, [serving('pair', { nodesPerReplica: 2, replicas: 1, worker })]);
    await until('pair', 'Ready', isReady);
    const pods = await listOf<Pod & { spec: { containers: { image: string }[] } }>(east, PODS, 'pair');
    const images = pods.map(({ metadata, spec }) => [
      metadata.labels?.['apps.kubernetes.io/pod-index'],
      spec.containers[0]?.image,
    ]);
    expect(images.sort()).toEqual([
      ['0', 'serve:1'],
      ['1', 'worker:1'],
    ]);
    await remove('pair');
  });

  it('says how many replicas hold nodes and what is short for the next, and comes up when there is room', async () => {
    await applyAll(hub, [serving('wide', { replicas: 5 })]);
    const partly = await until(
      'wide',
      'four of five',
      (object) => object.status?.readyReplicas === 4 && conditionOf(object, 'Admitted')?.reason === 'InsufficientGPU',
    );
    expect(conditionOf(partly, 'Admitted')?.message).toMatch(/^4 of 5 replicas hold nodes; the next: .*8 H100/);
    expect(conditionOf(partly, 'Ready')).toMatchObject({ status: 'False', reason: 'NotAllReady' });
    await patch('wide', { replicas: 4 });
    await until('wide', 'Ready with four', isReady);
    await patch('wide', { replicas: 0 });
    await until(
      'wide',
      'scaled to zero',
      (object) => object.status?.phase === 'ScaledToZero' && object.status.replicas === 0,
    );
    await remove('wide');
  });

  it('waits for its quota, and starts when the queue has it', async () => {
    await applyAll(hub, [
      queue('online', { namespaceSelector: {}, quota: [{ accelerator: 'H100', nominal: 8 }] }),
      serving('metered', { replicas: 2, queue: 'online' }),
    ]);
    const half = await until(
      'metered',
      'one of two',
      (object) => object.status?.readyReplicas === 1 && conditionOf(object, 'Admitted')?.status === 'False',
    );
    expect(conditionOf(half, 'Admitted')?.reason).toMatch(/Quota/);
    await applyAll(hub, [queue('online', { namespaceSelector: {}, quota: [{ accelerator: 'H100', nominal: 16 }] })]);
    await until('metered', 'Ready', isReady);
    await applyAll(hub, [
      queue('online', {
        namespaceSelector: {},
        quota: [{ accelerator: 'H100', nominal: 16 }],
        stopPolicy: 'HoldAndDrain',
      }),
    ]);
    const drained = await until('metered', 'drained', (object) => object.status?.replicas === 0);
    expect(conditionOf(drained, 'Ready')?.status).toBe('False');
    await remove('metered');
  });

  it('leaves a lost node and serves from another', async () => {
    await applyAll(hub, [serving('mover')]);
    const first = await until('mover', 'Ready', isReady);
    const lost = first.status?.placement?.nodes[0] ?? '';
    const kubelet = (value: string | null) =>
      east.mergePatch(NODES, { name: lost, body: { metadata: { annotations: { 'sim.aidc.dev/not-ready': value } } } });
    await kubelet('true');
    const moved = await until(
      'mover',
      'Ready elsewhere',
      (object) => isReady(object) && !object.status?.placement?.nodes.includes(lost),
      60_000,
    );
    expect(moved.status?.avoid).toMatchObject([{ cluster: 'east', node: lost, reason: 'NodeLost' }]);
    expect(moved.status?.attempt).toBe(2);
    await kubelet(null);
    await until('mover', 'the node booted anew', (object) => object.status?.avoid === undefined);
    await remove('mover');
  });

  it('is taken up by the next operator as it is, and nothing runs twice', async () => {
    await applyAll(hub, [serving('steady', { replicas: 2 })]);
    await until('steady', 'Ready', isReady);
    const before = (await listOf<KubeObject>(east, PODS, 'steady')).map(({ metadata }) => metadata.uid).sort();
    await operator.stop();
    operator = await startOperator(centre.environment, { bindTimeoutSeconds: '4', nodeLostSeconds: '3' });
    await patch('steady', { replicas: 3 });
    await until('steady', 'three ready', (object) => object.status?.readyReplicas === 3 && isReady(object));
    const after = (await listOf<KubeObject>(east, PODS, 'steady')).map(({ metadata }) => metadata.uid);
    expect(after).toHaveLength(3);
    expect(after).toEqual(expect.arrayContaining(before));
    await remove('steady');
  });

  it('refuses a template without the container main, and one with a field that does not exist', async () => {
    await applyAll(hub, [
      serving('nameless', { template: { spec: { containers: [{ name: 'x', image: 'x' }] } } }),
      serving('typo', { template: pod({}, { imagePullPolice: 'Always' }) }),
    ]);
    const nameless = await until(
      'nameless',
      'refused',
      (object) => conditionOf(object, 'SpecHonoured')?.status === 'False',
    );
    expect(conditionOf(nameless, 'SpecHonoured')?.message).toContain('must have a container named main');
    const typo = await until('typo', 'refused', (object) => conditionOf(object, 'SpecHonoured')?.status === 'False');
    expect(conditionOf(typo, 'SpecHonoured')?.message).toContain('unknown field');
    await remove('nameless');
    await remove('typo');
  });

  it('reports a Service of its name that is not its own', async () => {
    await applyAll(east, [namespace('team')]);
    await east.create(SERVICES, {
      namespace: 'team',
      body: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'taken', namespace: 'team' },
        spec: { ports: [{ port: 1 }] },
      },
    });
    await applyAll(hub, [serving('taken')]);
    const refused = await until(
      'taken',
      'refused',
      (object) => conditionOf(object, 'SpecHonoured')?.status === 'False',
    );
    expect(conditionOf(refused, 'SpecHonoured')).toMatchObject({ reason: 'DispatchRefused' });
    expect(conditionOf(refused, 'SpecHonoured')?.message).toContain('a Service named taken in east/team is not ours');
    await until('taken', 'nothing held', (object) => object.status?.replicas === 0);
    await hub.delete(SERVINGS, key('taken'));
  });
});
