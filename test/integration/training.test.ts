import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelTraining } from '../../src/api/index.ts';
import { REGIONAL_CLUSTERS, TRAININGS } from '../../src/hub/index.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { JOBS, type KubeObject, NODES, PODS, SERVICES } from '../../src/kube/resource.ts';
import { h100Region, useEnvironment } from '../support/environment.ts';
import {
  applyAll,
  clientOf,
  eventually,
  getOrUndefined,
  queue,
  type RunningOperator,
  regionSpec,
  setUpCentre,
  startOperator,
  trainingOf,
  untilObject,
} from '../support/operator.ts';

type Training = ModelTraining & KubeObject;
type Pod = KubeObject & {
  spec: { nodeName?: string; containers: { env?: { name: string; value?: string }[] }[] };
  status?: { phase?: string };
};

const centre = useEnvironment({ regions: [h100Region('west', 6), h100Region('east', 2)] });

const EAST = regionSpec('east', {
  location: { zone: 'East', jurisdiction: 'CN-SH' },
  accelerators: [{ type: 'H100', resourceName: 'nvidia.com/gpu', boardWatts: 700, gpuHourMicros: 16_000_000 }],
});

let hub: KubeClient;
let west: KubeClient;
let operator: RunningOperator;

beforeAll(async () => {
  hub = await setUpCentre(centre.environment, {
    east: EAST,
  });
  west = clientOf(centre.region('west'));
  operator = await startOperator(centre.environment, { bindTimeoutSeconds: '4', nodeLostSeconds: '3' });
});

afterAll(async () => {
  await operator.stop();
  await Promise.all([hub.close(), west.close()]);
});

const training = (
  name: string,
  over: { spec?: object; trainer?: object; annotations?: Record<string, string> } = {},
): object =>
  trainingOf(name, {
    spec: { placement: { regions: { allowed: ['west'] } }, ...over.spec },
    trainer: { numNodes: 2, ...over.trainer },
    annotations: over.annotations ?? {},
    runFor: '3s',
  });

const key = (name: string) => ({ namespace: 'team', name });
const until = (name: string, what: string, check: (object: Training) => boolean, timeoutMs?: number) =>
  untilObject<Training>(hub, TRAININGS, key(name), what, check, timeoutMs);
const phase = (wanted: string) => (object: Training) => object.status?.phase === wanted;
const conditionOf = (object: Training, type: string) => object.status?.conditions?.find((entry) => entry.type === type);
const podsOf = async (name: string): Promise<Pod[]> =>
  (await west.list<Pod>(PODS, { namespace: 'team', labelSelector: `aidc.dev/workload=${name}` })).items;
const remove = (name: string) => hub.delete(TRAININGS, key(name));

describe('a ModelTraining on real clusters', () => {
  it('runs its gang on exactly the nodes of its admission, in rank order, and succeeds', async () => {
    await applyAll(hub, [training('gang', { trainer: { numNodes: 3 } })]);
    const running = await until('gang', 'Running', phase('Running'));
    expect(running.status).toMatchObject({
      attempt: 1,
      tenant: 'team',
      queue: 'default',
      placement: { region: 'west', gpus: 24, nodeCount: 3 },
      display: { gpus: '24/24', nodes: '3/3' },
    });
    const pods = await podsOf('gang');
    const byRank = pods.sort(
      (a, b) =>
        Number(a.metadata.labels?.['batch.kubernetes.io/job-completion-index']) -
        Number(b.metadata.labels?.['batch.kubernetes.io/job-completion-index']),
    );
    expect(byRank.map((pod) => pod.spec.nodeName)).toEqual(running.status?.placement?.nodes);
    const env = Object.fromEntries(
      (byRank[1]?.spec.containers[0]?.env ?? []).map((entry) => [entry.name, entry.value]),
    );
    expect(env).toMatchObject({
      PET_NNODES: '3',
      PET_NPROC_PER_NODE: '8',
      MASTER_ADDR: 'gang-1-0.gang-1',
      AIDC_REGION: 'west',
      AIDC_ATTEMPT: '1',
    });
    const service = await west.get<KubeObject>(SERVICES, { namespace: 'team', name: 'gang-1' });
    expect(service.metadata.ownerReferences?.[0]?.kind).toBe('Job');
    await centre.kubectl(['-n', 'team', 'wait', 'mt/gang', '--for=condition=Complete', '--timeout=60s'], 'hub');
    const done = await until('gang', 'Complete', phase('Succeeded'));
    expect(conditionOf(done, 'Complete')?.status).toBe('True');
    expect(done.status?.admission).toBeUndefined();
    expect(done.status?.usage?.gpuSeconds).toBeGreaterThan(0);
  });

  it('says what is short by how much, and runs when that is changed', async () => {
    await applyAll(hub, [training('giant', { trainer: { numNodes: 7 } })]);
    const waiting = await until(
      'giant',
      'a reason',
      (object) => conditionOf(object, 'Admitted')?.reason === 'ExceedsEveryRegion',
    );
    expect(conditionOf(waiting, 'Admitted')?.message).toMatch(/7 nodes x 8 H100 = 56.*1 nodes? \(8 H100\) short/s);
    await remove('giant');
  });

  it('refuses what it cannot obey, in a sentence', async () => {
    await applyAll(hub, [training('host', { trainer: { podTemplate: { spec: { hostNetwork: true } } } })]);
    const refused = await until(
      'host',
      'SpecHonoured',
      (object) => conditionOf(object, 'SpecHonoured')?.status === 'False',
    );
    expect(conditionOf(refused, 'SpecHonoured')?.message).toContain(
      'spec.trainer.podTemplate.spec.hostNetwork is refused',
    );
    await applyAll(hub, [
      training('typo', { trainer: { podTemplate: { spec: { terminationGracePeriodSecond: 3 } } } }),
    ]);
    const typo = await until(
      'typo',
      'SpecHonoured',
      (object) => conditionOf(object, 'SpecHonoured')?.status === 'False',
    );
    expect(conditionOf(typo, 'SpecHonoured')?.message).toContain('unknown field');
    expect(await podsOf('typo')).toEqual([]);
    await remove('host');
    await remove('typo');
  });

  it('names a missing queue and a missing priority class', async () => {
    await applyAll(hub, [
      training('lost-queue', { spec: { queue: 'nowhere' } }),
      training('lost-class', { spec: { priorityClassName: 'nobody' } }),
    ]);
    const queueless = await until(
      'lost-queue',
      'QueueNotFound',
      (object) => conditionOf(object, 'Admitted')?.reason === 'QueueNotFound',
    );
    expect(conditionOf(queueless, 'Admitted')?.message).toContain('nowhere');
    await until(
      'lost-class',
      'PriorityClassNotFound',
      (object) => conditionOf(object, 'Admitted')?.reason === 'PriorityClassNotFound',
    );
    await applyAll(hub, [queue('nowhere', { namespaceSelector: {}, quota: [{ nominal: 64 }] })]);
    await until('lost-queue', 'Succeeded once the queue is there', phase('Succeeded'));
    await remove('lost-class');
  });

  it('stops when suspended, holds nothing, and runs a new attempt when resumed', async () => {
    await applyAll(hub, [training('pause', { annotations: { 'sim.aidc.dev/run-for': '600s' } })]);
    await until('pause', 'Running', phase('Running'));
    await hub.mergePatch(TRAININGS, { ...key('pause'), body: { spec: { suspend: true } } });
    const stopped = await until('pause', 'Suspended', phase('Suspended'));
    expect(stopped.status?.admission).toBeUndefined();
    expect(await podsOf('pause')).toEqual([]);
    await hub.mergePatch(TRAININGS, { ...key('pause'), body: { spec: { suspend: false } } });
    const again = await until('pause', 'Running again', phase('Running'));
    expect(again.status?.attempt).toBe(2);
    await remove('pause');
    await eventually(
      'pause is gone',
      async () => (await getOrUndefined(hub, TRAININGS, 'team', 'pause')) === undefined,
    );
    expect(await podsOf('pause')).toEqual([]);
  });

  it('tries again after an error, then fails for good, naming the exit code', async () => {
    const spec = { failurePolicy: { maxErrorRestarts: 1, backoff: { initialSeconds: 1, maxSeconds: 1 } } };
    await applyAll(hub, [
      training('crash', { spec, annotations: { 'sim.aidc.dev/run-for': '1s', 'sim.aidc.dev/exit-code': '3' } }),
    ]);
    const failed = await until('crash', 'Failed', phase('Failed'));
    expect(conditionOf(failed, 'Failed')).toMatchObject({ status: 'True', reason: 'ReachedMaxRestarts' });
    expect(conditionOf(failed, 'Failed')?.message).toContain('code 3');
    expect(failed.status?.attempts?.map((attempt) => attempt.endReason)).toEqual(['AppFailed', 'AppFailed']);
    expect(await getOrUndefined(west, JOBS, 'team', 'crash-1')).toBeUndefined();
    expect(await getOrUndefined(west, JOBS, 'team', 'crash-2')).toBeDefined();
  });

  it('leaves a lost node and runs elsewhere', async () => {
    await applyAll(hub, [training('survivor', { annotations: { 'sim.aidc.dev/run-for': '600s' } })]);
    const running = await until('survivor', 'Running', phase('Running'));
    const lost = running.status?.placement?.nodes[0] ?? '';
    await west.mergePatch(NODES, {
      name: lost,
      body: { metadata: { annotations: { 'sim.aidc.dev/not-ready': 'true' } } },
    });
    const moved = await until(
      'survivor',
      'Running on other nodes',
      (object) => object.status?.phase === 'Running' && object.status.attempt === 2,
      90_000,
    );
    expect(moved.status?.placement?.nodes).not.toContain(lost);
    expect(moved.status?.restarts).toMatchObject({ infra: 1 });
    expect(moved.status?.attempts?.[0]).toMatchObject({ endReason: 'NodeLost' });
    expect(moved.status?.avoid).toMatchObject([{ node: lost, reason: 'NodeLost' }]);
    await west.mergePatch(NODES, {
      name: lost,
      body: { metadata: { annotations: { 'sim.aidc.dev/not-ready': null } } },
    });
    await remove('survivor');
    await eventually(
      'survivor is gone',
      async () => (await getOrUndefined(hub, TRAININGS, 'team', 'survivor')) === undefined,
    );
  });

  it('counts what others use, and runs when they are gone', async () => {
    const all = await west.list<KubeObject>(NODES);
    const target = all.items.map((node) => node.metadata.name).sort()[0] ?? '';
    await west.create(PODS, {
      namespace: 'team',
      body: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'foreign', namespace: 'team' },
        spec: {
          nodeName: target,
          containers: [{ name: 'x', image: 'x', resources: { limits: { 'nvidia.com/gpu': '1' } } }],
        },
      },
    });
    await applyAll(hub, [
      training('rival', { trainer: { numNodes: 6 }, annotations: { 'sim.aidc.dev/run-for': '600s' } }),
    ]);
    const waiting = await until(
      'rival',
      'InsufficientGPU',
      (object) => conditionOf(object, 'Admitted')?.reason === 'InsufficientGPU',
    );
    expect(conditionOf(waiting, 'Admitted')?.message).toMatch(/needs 6 pods? x 8 H100/);
    await west.delete(PODS, { namespace: 'team', name: 'foreign', gracePeriodSeconds: 0 });
    await until('rival', 'Running when the node is free', phase('Running'));
    await remove('rival');
    await eventually(
      'rival is gone',
      async () => (await getOrUndefined(hub, TRAININGS, 'team', 'rival')) === undefined,
    );
  });

  it('gives up nodes that the member’s scheduler does not grant, free of charge, and avoids them', async () => {
    const limits = { cpu: '4', memory: '8Gi', 'ephemeral-storage': '900Ti' };
    await applyAll(hub, [training('conflict', { trainer: { resourcesPerNode: { limits } } })]);
    const second = await until(
      'conflict',
      'a second attempt',
      (object) => (object.status?.restarts?.free ?? 0) >= 1,
      60_000,
    );
    expect(second.status?.attempts?.[0]).toMatchObject({ endReason: 'BindConflict' });
    expect(second.status?.attempts?.[0]?.message).toMatch(/ephemeral-storage/);
    expect(second.status?.restarts).toMatchObject({ infra: 0, application: 0 });
    expect(second.status?.avoid?.[0]).toMatchObject({ cluster: 'west', reason: 'BindConflict' });
    await remove('conflict');
    await eventually(
      'conflict is gone',
      async () => (await getOrUndefined(hub, TRAININGS, 'team', 'conflict')) === undefined,
    );
  });

  it('is deleted after its time to live', async () => {
    await applyAll(hub, [
      training('brief', { spec: { ttlSecondsAfterFinished: 1 }, annotations: { 'sim.aidc.dev/run-for': '1s' } }),
    ]);
    await eventually('brief ran and is gone', async () => {
      const left = await getOrUndefined<Training>(hub, TRAININGS, 'team', 'brief');
      return left === undefined;
    });
    expect(await getOrUndefined(west, JOBS, 'team', 'brief-1')).toBeUndefined();
  });

  it('fails when it waited longer for its first run than it may', async () => {
    await applyAll(hub, [training('late', { spec: { preRunningDeadlineSeconds: 2 }, trainer: { numNodes: 7 } })]);
    const failed = await until('late', 'Failed', phase('Failed'));
    expect(conditionOf(failed, 'Failed')?.reason).toBe('PreRunningDeadlineExceeded');
    expect(failed.status?.attempt).toBe(0);
  });

  it('fails when it ran longer than its deadline', async () => {
    await applyAll(hub, [
      training('slow', { spec: { activeDeadlineSeconds: 2 }, annotations: { 'sim.aidc.dev/run-for': '600s' } }),
    ]);
    const failed = await until('slow', 'Failed', phase('Failed'));
    expect(conditionOf(failed, 'Failed')?.reason).toBe('DeadlineExceeded');
    expect(await podsOf('slow')).toEqual([]);
  });
});

describe('a region that is deleted', () => {
  const region = () => getOrUndefined<KubeObject>(hub, REGIONAL_CLUSTERS, '', 'east');
  const inEast = { placement: { regions: { allowed: ['east'] } } };
  const again = () =>
    applyAll(hub, [
      { apiVersion: 'aidc.dev/v1alpha1', kind: 'RegionalCluster', metadata: { name: 'east' }, spec: EAST },
    ]);

  it('stays until what runs there has ended, and takes nothing new', async () => {
    await applyAll(hub, [training('guest', { spec: inEast, annotations: { 'sim.aidc.dev/run-for': '6s' } })]);
    await until('guest', 'Running', phase('Running'));
    await hub.delete(REGIONAL_CLUSTERS, { name: 'east' });
    await applyAll(hub, [training('newcomer', { spec: inEast })]);
    const waiting = await until('newcomer', 'no room', (object) => conditionOf(object, 'Admitted')?.status === 'False');
    expect(waiting.status?.admission).toBeUndefined();
    expect(await region()).toBeDefined();
    await until('guest', 'Succeeded', phase('Succeeded'));
    await eventually('east is gone', async () => (await region()) === undefined);
    await again();
    await until('newcomer', 'Succeeded when the region is back', phase('Succeeded'));
  });

  it('goes at once when told to abandon what runs there, which is removed when it comes back', async () => {
    const east = clientOf(centre.region('east'));
    await applyAll(hub, [training('castaway', { spec: inEast, annotations: { 'sim.aidc.dev/run-for': '600s' } })]);
    await until('castaway', 'Running', phase('Running'));
    await hub.mergePatch(REGIONAL_CLUSTERS, {
      name: 'east',
      body: { metadata: { annotations: { 'aidc.dev/abandon': 'true' } } },
    });
    await hub.delete(REGIONAL_CLUSTERS, { name: 'east' });
    await eventually('east is gone', async () => (await region()) === undefined);
    const lost = await until('castaway', 'no longer there', (object) => object.status?.admission === undefined);
    expect(lost.status?.attempts?.at(-1)).toMatchObject({ endReason: 'JobLost' });
    expect(await getOrUndefined(east, JOBS, 'team', 'castaway-1')).toBeDefined();
    await again();
    await eventually(
      'the abandoned Job is removed',
      async () => (await getOrUndefined(east, JOBS, 'team', 'castaway-1')) === undefined,
    );
    const second = await until(
      'castaway',
      'Running again',
      (o) => phase('Running')(o) && o.status?.attempt === 2,
      60_000,
    );
    expect(second.status?.placement?.cluster).toBe('east');
    await remove('castaway');
    await eventually(
      'castaway is gone',
      async () => (await getOrUndefined(hub, TRAININGS, 'team', 'castaway')) === undefined,
    );
    await east.close();
  });
});
