import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OperatorProcess, startOperatorProcess, untilReady } from '../../deploy/local/start/operator-process.ts';
import type { ModelServing, ModelTraining, TrainingPhase } from '../../src/api/index.ts';
import { SERVINGS, TRAININGS } from '../../src/hub/index.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { DEPLOYMENTS, JOBS, type KubeObject, NODES, PODS } from '../../src/kube/resource.ts';
import { Store } from '../../src/kube/store.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { noopLogger } from '../../src/runtime/logger.ts';
import { noopMetrics } from '../../src/runtime/metrics.ts';
import { h100Region, useEnvironment } from '../support/environment.ts';
import { applyAll, clientOf, eventually, getOrUndefined, setUpCentre, untilObject } from '../support/operator.ts';

type Training = ModelTraining & KubeObject;
type Serving = ModelServing & KubeObject;
type Pod = KubeObject & { status?: { phase?: string } };

const centre = useEnvironment({ regions: [h100Region('west', 6)] });
let hub: KubeClient;
let west: KubeClient;
let operator: OperatorProcess;

/** Everything that ever was in the member, whoever made it: names to the uids seen under them. */
const jobsSeen = new Map<string, Set<string>>();
const overlaps: string[] = [];
const stopWatching = new AbortController();

async function start(): Promise<void> {
  operator = await startOperatorProcess({
    program: join(import.meta.dirname, '..', '..', 'dist', 'main.js'),
    kubeconfigPath: centre.hub.kubeconfigPath,
    dir: centre.environment.dir,
    env: {
      AIDC_CREATE_NAMESPACES: 'true',
      AIDC_LEASE_SECONDS: '2',
      AIDC_RENEW_SECONDS: '1.5',
      AIDC_RETRY_SECONDS: '0.2',
      AIDC_NODE_LOST_SECONDS: '2',
    },
  });
  await untilReady(operator, 90_000);
}

async function crash(): Promise<void> {
  process.kill(operator.pid, 'SIGKILL');
  await operator.ended;
}

beforeAll(async () => {
  hub = await setUpCentre(centre.environment);
  west = clientOf(centre.region('west'));
  const common = { client: west, logger: noopLogger, clock: systemClock, metrics: noopMetrics };
  const jobs = new Store<KubeObject>();
  const pods = new Store<Pod>();
  jobs.subscribe(({ type, key, obj }) => {
    if (type === 'added') jobsSeen.set(key, (jobsSeen.get(key) ?? new Set()).add(obj.metadata.uid ?? ''));
  });
  pods.subscribe(({ type, obj }) => {
    if (type !== 'added') return;
    const run = ({ metadata: { labels } }: Pod): string =>
      `${labels?.['aidc.dev/workload-uid']}/${labels?.['aidc.dev/replica']}`;
    const attempt = (pod: Pod): string => `${pod.metadata.labels?.['aidc.dev/attempt']}`;
    for (const other of pods.list()) {
      const live = other.status?.phase !== 'Succeeded' && other.status?.phase !== 'Failed';
      if (live && run(other) === run(obj) && attempt(other) !== attempt(obj))
        overlaps.push(`${obj.metadata.name} beside ${other.metadata.name}`);
    }
  });
  const deployments = new Store<KubeObject>();
  deployments.subscribe(({ type, key, obj }) => {
    if (type === 'added') jobsSeen.set(key, (jobsSeen.get(key) ?? new Set()).add(obj.metadata.uid ?? ''));
  });
  void new Reflector<KubeObject>({ ...common, resource: JOBS, store: jobs }).run(stopWatching.signal);
  void new Reflector<KubeObject>({ ...common, resource: DEPLOYMENTS, store: deployments }).run(stopWatching.signal);
  void new Reflector<Pod>({ ...common, resource: PODS, labelSelector: 'aidc.dev/managed-by', store: pods }).run(
    stopWatching.signal,
  );
  await start();
});

afterAll(async () => {
  stopWatching.abort();
  await operator.stop();
  await Promise.all([hub.close(), west.close()]);
});

const key = (name: string) => ({ namespace: 'team', name });
const training = (name: string, over: object = {}, annotations: object = {}): object => ({
  apiVersion: 'aidc.dev/v1alpha1',
  kind: 'ModelTraining',
  metadata: { name, namespace: 'team' },
  spec: {
    model: { name: 'm' },
    accelerators: [{ type: 'H100', countPerNode: 8 }],
    failurePolicy: { backoff: { initialSeconds: 0, maxSeconds: 0 } },
    ...over,
    trainer: {
      image: 'train:1',
      numNodes: 3,
      podTemplate: { metadata: { annotations: { 'sim.aidc.dev/run-for': '3s', ...annotations } } },
    },
  },
});
const get = (name: string) => getOrUndefined<Training>(hub, TRAININGS, 'team', name);

/** Kills the operator the moment the training is seen in this phase (or past it), and starts another. */
async function crashAt(name: string, phase: TrainingPhase): Promise<void> {
  await eventually(
    `${name} in ${phase}`,
    async () => (await get(name))?.status?.phase === phase || (await past(name, phase)),
    { everyMs: 5 },
  );
  await crash();
  await sleep(100);
  await start();
}

const ORDER: TrainingPhase[] = ['Pending', 'Queued', 'Binding', 'Starting', 'Running', 'Succeeded'];
async function past(name: string, phase: TrainingPhase): Promise<boolean> {
  const now = (await get(name))?.status?.phase;
  return now !== undefined && ORDER.indexOf(now) > ORDER.indexOf(phase) && ORDER.includes(phase);
}

const jobsOf = (name: string): [string, Set<string>][] =>
  [...jobsSeen].filter(([job]) => job.startsWith(`team/${name}-`));

describe('an operator that is killed', () => {
  for (const phase of ['Pending', 'Queued', 'Binding', 'Starting', 'Running'] as const) {
    it(`while a training is ${phase}: nothing is lost, nothing runs twice`, async () => {
      const name = `kill-${phase.toLowerCase()}`;
      await applyAll(hub, [training(name)]);
      await crashAt(name, phase);
      const done = await untilObject<Training>(
        hub,
        TRAININGS,
        key(name),
        'Succeeded',
        (object) => object.status?.phase === 'Succeeded',
        60_000,
      );
      expect(done.status?.attempt).toBe(1);
      expect(jobsOf(name).map(([job, uids]) => [job, uids.size])).toEqual([[`team/${name}-1`, 1]]);
    });
  }

  it('while an attempt is being removed after a lost node: the next attempt comes once, after the first is gone', async () => {
    await applyAll(hub, [training('kill-recovering', {}, { 'sim.aidc.dev/run-for': '600s' })]);
    const running = await untilObject<Training>(
      hub,
      TRAININGS,
      key('kill-recovering'),
      'Running',
      (object) => object.status?.phase === 'Running',
    );
    const node = running.status?.placement?.nodes[0] ?? '';
    await west.mergePatch(NODES, {
      name: node,
      body: { metadata: { annotations: { 'sim.aidc.dev/not-ready': 'true' } } },
    });
    await eventually('Recovering', async () => (await get('kill-recovering'))?.status?.phase === 'Recovering', {
      everyMs: 5,
      timeoutMs: 90_000,
    });
    await crash();
    await start();
    const again = await untilObject<Training>(
      hub,
      TRAININGS,
      key('kill-recovering'),
      'Running again',
      (object) => object.status?.phase === 'Running' && object.status.attempt === 2,
      90_000,
    );
    expect(again.status?.attempts).toHaveLength(1);
    expect(again.status?.restarts).toMatchObject({ infra: 1 });
    await west.mergePatch(NODES, {
      name: node,
      body: { metadata: { annotations: { 'sim.aidc.dev/not-ready': null } } },
    });
  });

  it('while one is being deleted: the member is empty when the object is gone', async () => {
    await hub.delete(TRAININGS, key('kill-recovering'));
    await crash();
    await start();
    await eventually('gone', async () => (await get('kill-recovering')) === undefined);
    const left = await west.list<Pod>(PODS, { namespace: 'team', labelSelector: 'aidc.dev/workload=kill-recovering' });
    expect(left.items).toEqual([]);
  });

  it('while a suspended one is being stopped: it is stopped, and resumes as a new attempt', async () => {
    await applyAll(hub, [training('kill-suspending', {}, { 'sim.aidc.dev/run-for': '600s' })]);
    await untilObject<Training>(
      hub,
      TRAININGS,
      key('kill-suspending'),
      'Running',
      (object) => object.status?.phase === 'Running',
    );
    await hub.mergePatch(TRAININGS, { ...key('kill-suspending'), body: { spec: { suspend: true } } });
    await eventually(
      'Suspending',
      async () => ['Suspending', 'Suspended'].includes((await get('kill-suspending'))?.status?.phase ?? ''),
      { everyMs: 5 },
    );
    await crash();
    await start();
    await untilObject<Training>(
      hub,
      TRAININGS,
      key('kill-suspending'),
      'Suspended',
      (object) => object.status?.phase === 'Suspended',
      60_000,
    );
    await hub.mergePatch(TRAININGS, { ...key('kill-suspending'), body: { spec: { suspend: false } } });
    const again = await untilObject<Training>(
      hub,
      TRAININGS,
      key('kill-suspending'),
      'Running',
      (object) => object.status?.phase === 'Running',
      60_000,
    );
    expect(again.status?.attempt).toBe(2);
    // Nobody sees that it was suspended meanwhile, and asks for fewer pods.
    await crash();
    await hub.mergePatch(TRAININGS, { ...key('kill-suspending'), body: { spec: { suspend: true } } });
    const smaller = { suspend: false, trainer: { numNodes: 2 } };
    await hub.mergePatch(TRAININGS, { ...key('kill-suspending'), body: { spec: smaller } });
    await start();
    const third = await untilObject<Training>(
      hub,
      TRAININGS,
      key('kill-suspending'),
      'Running with two pods',
      (object) => object.status?.phase === 'Running' && object.status.attempt === 3,
    );
    expect(third.status?.attempts?.at(-1)?.endReason).toBe('SpecChanged');
    const pods = await west.list<Pod>(PODS, { namespace: 'team', labelSelector: 'aidc.dev/workload=kill-suspending' });
    expect(pods.items).toHaveLength(2);
    await hub.delete(TRAININGS, key('kill-suspending'));
    await eventually('gone', async () => (await get('kill-suspending')) === undefined);
  });

  it('while a serving loads, and while it is updated: every replica is made once, and taken up as it is', async () => {
    const image = (tag: string) => ({ template: { spec: { containers: [{ name: 'main', image: `serve:${tag}` }] } } });
    const status = async () => (await getOrUndefined<Serving>(hub, SERVINGS, 'team', 'kill-serving'))?.status;
    const isReady = (object: Serving): boolean =>
      object.status?.phase === 'Ready' && object.status.updatedReplicas === 2;
    const untilReadyAgain = () => untilObject<Serving>(hub, SERVINGS, key('kill-serving'), 'Ready', isReady, 60_000);
    await applyAll(hub, [
      {
        apiVersion: 'aidc.dev/v1alpha1',
        kind: 'ModelServing',
        metadata: { name: 'kill-serving', namespace: 'team' },
        spec: {
          model: { uri: 's3://m' },
          accelerators: [{ type: 'H100', countPerNode: 8 }],
          replicas: 2,
          ...image('1'),
        },
      },
    ]);
    await eventually('admitted', async () => (await status())?.admissions !== undefined, { everyMs: 5 });
    await crash();
    await start();
    expect((await untilReadyAgain()).status?.attempt).toBe(2);
    await hub.mergePatch(SERVINGS, { ...key('kill-serving'), body: { spec: image('2') } });
    await eventually('updating', async () => (await status())?.rollingReplica !== undefined, { everyMs: 5 });
    await crash();
    await start();
    const updated = await untilReadyAgain();
    expect(updated.status).toMatchObject({ attempt: 4, readyReplicas: 2 });
    await hub.delete(SERVINGS, key('kill-serving'));
    await crash();
    await start();
    await eventually('gone', async () => (await status()) === undefined);
    const left = await west.list<Pod>(PODS, { namespace: 'team', labelSelector: 'aidc.dev/workload=kill-serving' });
    expect(left.items).toEqual([]);
  });

  it('never had two attempts of one training side by side, nor a Job or a Deployment made twice', () => {
    expect(overlaps).toEqual([]);
    for (const [job, uids] of jobsSeen) expect([job, uids.size]).toEqual([job, 1]);
  });
});
