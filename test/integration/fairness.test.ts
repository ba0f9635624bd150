import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { ComputeQueue, ModelServing, ModelTraining } from '../../src/api/index.ts';
import { QUEUES, SERVINGS, TRAININGS } from '../../src/hub/index.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { type KubeObject, PODS } from '../../src/kube/resource.ts';
import { h100Region, useEnvironment } from '../support/environment.ts';
import {
  applyAll,
  clientOf,
  eventually,
  getOrUndefined,
  queue,
  type RunningOperator,
  setUpCentre,
  startOperator,
  trainingOf,
  untilObject,
} from '../support/operator.ts';

type Training = ModelTraining & KubeObject;
type Serving = ModelServing & KubeObject;

/** Six nodes of eight boards. */
const centre = useEnvironment({ regions: [h100Region('west', 6)] });
let hub: KubeClient;
let west: KubeClient;
let operator: RunningOperator;

const priorityClass = (name: string, value: number) => ({
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  metadata: { name },
  value,
});
const team = (name: string, nominal: number, over: object = {}): object =>
  queue(name, { parent: 'root', namespaceSelector: {}, quota: [{ accelerator: 'H100', nominal }], ...over });

beforeAll(async () => {
  hub = await setUpCentre(centre.environment);
  west = clientOf(centre.region('west'));
  await applyAll(hub, [
    priorityClass('urgent', 1000),
    queue('root', { stopPolicy: 'None' }),
    team('alpha', 24, { preemption: { withinQueue: 'LowerPriority', reclaim: 'Any' } }),
    team('beta', 24, { preemption: { reclaim: 'Any' } }),
  ]);
  operator = await startOperator(centre.environment);
});

afterAll(async () => {
  await operator.stop();
  await Promise.all([hub.close(), west.close()]);
});

const training = (name: string, of: string, numNodes: number, spec: object = {}): object =>
  trainingOf(name, { spec: { queue: of, ...spec }, trainer: { numNodes } });
const key = (name: string) => ({ namespace: 'team', name });
const until = (name: string, what: string, check: (object: Training) => boolean, timeoutMs?: number) =>
  untilObject<Training>(hub, TRAININGS, key(name), what, check, timeoutMs);
const phase = (wanted: string) => (object: Training) => object.status?.phase === wanted;
const now = async (name: string) => (await getOrUndefined<Training>(hub, TRAININGS, 'team', name))?.status;
const admitted = (object: Training) => object.status?.conditions?.find((entry) => entry.type === 'Admitted');
/** The scheduler looked at it and said why not. */
const waits = (object: Training) => /^(Insufficient|Quota)/.test(admitted(object)?.reason ?? '');
const remove = async (...names: string[]): Promise<void> => {
  await Promise.all(names.map((name) => hub.delete(TRAININGS, key(name))));
  for (const name of names) await eventually(`${name} is gone`, async () => (await now(name)) === undefined);
};

/** The block of YAML in docs/concepts.md that has these words. */
const blockWith = async (words: string): Promise<string> => {
  const page = await readFile(join(import.meta.dirname, '..', '..', 'docs', 'concepts.md'), 'utf8');
  const found = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);
  return found.find((text) => text.includes(words)) ?? '';
};

describe('two tenants', () => {
  it('borrow what is idle, and it shows in the queue', async () => {
    await applyAll(hub, [training('b1', 'beta', 2), training('b2', 'beta', 2), training('b3', 'beta', 2)]);
    for (const name of ['b1', 'b2', 'b3']) await until(name, 'Running', phase('Running'));
    const beta = await eventually('usage', async () => {
      const { status } = await hub.get<ComputeQueue & KubeObject>(QUEUES, { name: 'beta' });
      return status?.usage?.[0]?.usedMilliGpus === 48_000 && status;
    });
    expect(beta.usage).toMatchObject([{ accelerator: 'H100', nominal: 24, borrowedMilliGpus: 24_000 }]);
  });

  it('get back their own: the borrower that loses least makes room, and both records say so', async () => {
    // b1 and b3 have just written a checkpoint, of 16 boards each; b2 has done some work since it started.
    const saved = new Date().toISOString();
    for (const name of ['b1', 'b3']) {
      const pods = await west.list<KubeObject>(PODS, { namespace: 'team', labelSelector: `aidc.dev/workload=${name}` });
      for (const { metadata } of pods.items) {
        const body = { metadata: { annotations: { 'aidc.dev/last-checkpoint-time': saved } } };
        await west.mergePatch(PODS, { ...key(metadata.name), body });
      }
    }
    await applyAll(hub, [training('a1', 'alpha', 2)]);
    const winner = await until('a1', 'Running', phase('Running'));
    expect(winner.status?.nomination).toBeUndefined();
    const [victim] = winner.status?.placement?.decision?.victims ?? [];
    expect(['team/b1', 'team/b3']).toContain(victim);
    await operator.metrics.expose((error) => expect(error).toBeUndefined());
    const preemptions = await operator.metrics.registry.getSingleMetric('aidc_preemptions_total')?.get();
    expect(preemptions?.values.filter(({ value }) => value > 0)).toMatchObject([
      { value: 1, labels: { queue: 'alpha', reason: 'reclaim' } },
    ]);
    const name = victim?.slice('team/'.length) ?? '';
    const loser = await until(name, 'queued again', (object) => object.status?.attempts?.length === 1);
    expect(loser.status?.attempts?.[0]).toMatchObject({ endReason: 'Preempted' });
    expect(loser.status?.attempts?.[0]?.message).toBe('preempted by ModelTraining team/a1 (queue alpha, priority 0)');
    expect(loser.status?.restarts).toMatchObject({ infra: 0, application: 0, preemption: 1 });
    expect((await now('b2'))?.phase).toBe('Running');
  });

  it('never lose their own: what stays within its quota is not taken', async () => {
    await applyAll(hub, [training('a2', 'alpha', 2)]);
    const waiting = await until(
      'a2',
      'waits',
      (object) => admitted(object)?.status === 'False' && object.status?.phase === 'Queued',
    );
    expect(admitted(waiting)?.reason).not.toBe('Preempting');
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect((await now('b2'))?.phase).toBe('Running');
    await remove('a1', 'a2', 'b1', 'b2', 'b3');
  });

  it('are held to their limits of borrowing and lending', async () => {
    await applyAll(hub, [
      queue('beta', {
        parent: 'root',
        namespaceSelector: {},
        quota: [{ accelerator: 'H100', nominal: 24, borrowingLimit: 8 }],
      }),
    ]);
    await applyAll(hub, [training('c1', 'beta', 4)]);
    await until('c1', 'Running', phase('Running'));
    await applyAll(hub, [training('c2', 'beta', 1)]);
    const second = await until('c2', 'QuotaExceeded', (object) => admitted(object)?.reason === 'QuotaExceeded');
    expect(admitted(second)?.message).toMatch(/may borrow 8/);
    await remove('c1', 'c2');
    await applyAll(hub, [team('beta', 24)]);
  });
});

describe('a quota that is lowered below its use', () => {
  it('drains after its delay, what loses least first, down to the new quota and no further', async () => {
    await applyAll(hub, [training('d1', 'beta', 2), training('d2', 'beta', 1)]);
    for (const name of ['d1', 'd2']) await until(name, 'Running', phase('Running'));
    await applyAll(hub, [
      queue('root', { stopPolicy: 'None' }),
      team('alpha', 0, { preemption: { withinQueue: 'LowerPriority', reclaim: 'Any' } }),
      team('beta', 16, { quotaDrainSeconds: 1 }),
    ]);
    await applyAll(hub, [queue('root', { stopPolicy: 'None', quotaDrainSeconds: 1 })]);
    const ended = await until('d2', 'stopped', (object) => object.status?.attempts?.length === 1);
    expect(ended.status?.attempts?.[0]?.message).toMatch(
      /^queue (root|beta) uses 8 H100 beyond its quota, which was lowered/,
    );
    expect((await now('d1'))?.phase).toBe('Running');
    expect((await now('d1'))?.attempt).toBe(1);
    await remove('d1', 'd2');
    await applyAll(hub, [
      queue('root', { stopPolicy: 'None' }),
      team('alpha', 24, { preemption: { withinQueue: 'LowerPriority', reclaim: 'Any' } }),
      team('beta', 24, { preemption: { reclaim: 'Any' } }),
    ]);
  });
});

describe('within a queue', () => {
  it('an urgent gang pushes out no more than it needs, and takes the place itself though others wait', async () => {
    await applyAll(hub, [training('low-1', 'alpha', 1), training('low-2', 'alpha', 1), training('low-4', 'alpha', 4)]);
    for (const name of ['low-1', 'low-2', 'low-4']) await until(name, 'Running', phase('Running'));
    await applyAll(hub, [
      training('waiting', 'alpha', 1),
      training('hero', 'alpha', 2, { priorityClassName: 'urgent' }),
    ]);
    const hero = await until('hero', 'Running', phase('Running'));
    expect(hero.status?.placement?.decision?.victims?.toSorted()).toEqual(['team/low-1', 'team/low-2']);
    expect((await now('low-4'))?.phase).toBe('Running');
    expect((await now('low-4'))?.attempt).toBe(1);
    expect((await now('waiting'))?.attempt).toBe(0);
    await remove('hero', 'waiting', 'low-1', 'low-2', 'low-4');
  });

  it('a place that is being cleared outlives the operator: the next one goes on with it, nobody else is stopped', async () => {
    await applyAll(hub, [training('old-1', 'alpha', 3), training('old-2', 'alpha', 3)]);
    for (const name of ['old-1', 'old-2']) await until(name, 'Running', phase('Running'));
    await applyAll(hub, [training('boss', 'alpha', 3, { priorityClassName: 'urgent' })]);
    await eventually('nominated', async () => (await now('boss'))?.nomination !== undefined, { everyMs: 5 });
    await operator.stop();
    operator = await startOperator(centre.environment);
    await until('boss', 'Running', phase('Running'));
    const ended = (await Promise.all(['old-1', 'old-2'].map(now))).map((status) => status?.attempts?.length ?? 0);
    expect(ended.sort()).toEqual([0, 1]);
    await remove('boss', 'old-1', 'old-2');
  });

  it('a strict queue keeps its order, and its limit of workloads', async () => {
    await applyAll(hub, [team('alpha', 48, { ordering: 'StrictFIFO', limits: { maxRunning: 2 } })]);
    await applyAll(hub, [training('s1', 'alpha', 4)]);
    await until('s1', 'Running', phase('Running'));
    await applyAll(hub, [training('s2', 'alpha', 3)]);
    await until('s2', 'InsufficientGPU', (object) => admitted(object)?.reason === 'InsufficientGPU');
    // Ages are whole seconds: two of one second stand in no order that a user could name.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await applyAll(hub, [training('s3', 'alpha', 1)]);
    const behind = await until('s3', 'BehindHead', (object) => admitted(object)?.reason === 'BehindHead');
    expect(admitted(behind)?.message).toContain('waits behind team/s2');
    await applyAll(hub, [team('alpha', 48, { limits: { maxRunning: 2 } })]);
    await until('s3', 'Running, now that it may pass', phase('Running'));
    await applyAll(hub, [training('s4', 'alpha', 1)]);
    const full = await until('s4', 'QueueFull', (object) => admitted(object)?.reason === 'QueueFull');
    expect(admitted(full)?.message).toMatch(/limits.maxRunning is 2/);
    // s2 came first and takes the only place of those that wait; without it s4 moves up by itself.
    await applyAll(hub, [team('alpha', 48, { limits: { maxRunning: 2, maxPending: 1 } })]);
    const beyond = await until('s4', 'not considered', (object) => admitted(object)?.reason === 'BeyondMaxPending');
    expect(admitted(beyond)?.message).toMatch(/^2 workloads wait in queue alpha, and its limits.maxPending is 1/);
    await remove('s2');
    await until('s4', 'moved up', (object) => admitted(object)?.reason === 'QueueFull');
    await remove('s1');
    await until('s4', 'Running', phase('Running'));
    await remove('s3', 's4');
    await applyAll(hub, [team('alpha', 24, { preemption: { withinQueue: 'LowerPriority', reclaim: 'Any' } })]);
  });

  it('a queue that goes by the shortest remaining work starts the small one first, though it came last', async () => {
    await applyAll(hub, [team('alpha', 48, { ordering: 'ShortestRemaining', agingSeconds: 86_400 })]);
    const { trainer } = parse(await blockWith('serviceAccountToken')) as {
      trainer: { env: object[]; podTemplate: object };
    };
    const { podTemplate, env } = trainer;
    const block = { spec: { queue: 'alpha' }, trainer: { numNodes: 6, env }, pod: podTemplate };
    await applyAll(hub, [trainingOf('block', block)]);
    await until('block', 'Running', phase('Running'));
    await applyAll(hub, [training('large', 'alpha', 6)]);
    await until('large', 'waits', waits);
    await applyAll(hub, [training('small', 'alpha', 1)]);
    await until('small', 'waits', waits);
    const head = await eventually('its place in the queue', async () => {
      const { status } = await hub.get<ComputeQueue & KubeObject>(QUEUES, { name: 'alpha' });
      return status?.head?.length === 2 && status.head.map(({ name }) => name);
    });
    expect(head).toEqual(['small', 'large']);
    await until('small', 'its position', ({ status }) => status?.display?.position === '1');
    expect((await now('block'))?.display).not.toHaveProperty('position');
  });

  it('whose runs tell their progress, shows it, and knows when those that wait will start', async () => {
    // The program's own words, by its own account and as the page says.
    await centre.kubectl(['apply', '-f', '-'], 'west', await blockWith('kind: RoleBinding'));
    const [pod] = (await west.list<KubeObject>(PODS, { namespace: 'team', labelSelector: 'aidc.dev/workload=block' }))
      .items;
    expect(JSON.stringify(pod)).toContain('serviceAccountToken');
    const tell = (annotations: Record<string, string>) => {
      const [as, words] = ['--as=system:serviceaccount:team:default', JSON.stringify({ metadata: { annotations } })];
      return centre.kubectl(['patch', 'pod', pod?.metadata.name ?? '', '-n', 'team', as, '-p', words], 'west');
    };
    await tell({ 'aidc.dev/progress': '37.5', 'aidc.dev/remaining-seconds': '5400' });
    const told = await until('block', 'its progress', ({ status }) => status?.trainerStatus !== undefined);
    expect(told.status).toMatchObject({
      trainerStatus: { progressPercentage: 37, estimatedRemainingSeconds: 5400 },
      display: { progress: '37%' },
    });
    const series = await eventually('its metric', async () => {
      await operator.metrics.expose((error) => expect(error).toBeUndefined());
      const progress = await operator.metrics.registry.getSingleMetric('aidc_workload_progress_ratio')?.get();
      return progress?.values.length === 1 && progress.values[0];
    });
    expect(series).toMatchObject({ value: 0.37, labels: { workload: 'block' } });
    // Before, it could only be guessed from how long it has run.
    const end = Date.parse(told.status?.trainerStatus?.lastUpdatedTime ?? '') + 5_400_000;
    await eventually('a start when it will have ended', async () => {
      const { status } = await hub.get<ComputeQueue & KubeObject>(QUEUES, { name: 'alpha' });
      return Math.abs(Date.parse(status?.head?.[0]?.expectedStartTime ?? '') - end) < 120_000;
    });
    const [header = '', row = ''] = (await centre.kubectl(['get', 'mt', 'block', '-n', 'team'], 'hub')).split('\n');
    expect(header).toMatch(/PHASE +QUEUE +POS +GPUS +MODEL +REGION +PROGRESS +KWH +WAIT +AGE/);
    expect(row).toMatch(/^block +Running +alpha +48\/48 +H100 +west +37% /);

    await remove('block');
    const small = await until('small', 'Running', phase('Running'));
    expect((await now('large'))?.attempt).toBe(0);
    expect(small.status?.display).not.toHaveProperty('position');
    expect(small.status?.display?.wait).toMatch(/^\d+s$|^\d+m$/);
    await remove('small', 'large');
    await applyAll(hub, [team('alpha', 24, { preemption: { withinQueue: 'LowerPriority', reclaim: 'Any' } })]);
  });

  it('a serving makes room only where it may be stopped, and an urgent one has room made', async () => {
    const serving = (name: string, of: string, spec: object): object => ({
      apiVersion: 'aidc.dev/v1alpha1',
      kind: 'ModelServing',
      metadata: { name, namespace: 'team' },
      spec: {
        model: { uri: 's3://m' },
        queue: of,
        accelerators: [{ type: 'H100', countPerNode: 8 }],
        template: { spec: { containers: [{ name: 'main', image: 'serve:1' }] } },
        ...spec,
      },
    });
    const ready = (name: string) =>
      untilObject<Serving>(hub, SERVINGS, key(name), 'Ready', (object) => object.status?.phase === 'Ready', 60_000);
    await applyAll(hub, [serving('spare', 'beta', { replicas: 5, preemptible: true })]);
    await ready('spare');
    await applyAll(hub, [serving('chat', 'alpha', { replicas: 3, priorityClassName: 'urgent' })]);
    await ready('chat');
    const spare = await untilObject<Serving>(
      hub,
      SERVINGS,
      key('spare'),
      'back to its own',
      (object) => object.status?.readyReplicas === 3,
      60_000,
    );
    expect(spare.status?.conditions?.find((entry) => entry.type === 'Admitted')?.message).toMatch(/^3 of 5 replicas/);
    for (const name of ['spare', 'chat']) await hub.delete(SERVINGS, key(name));
  });
});
