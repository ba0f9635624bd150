import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelServing, ModelTraining } from '../../src/api/index.ts';
import { SERVINGS, TRAININGS } from '../../src/hub/index.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { DEPLOYMENTS, JOBS, type KubeObject } from '../../src/kube/resource.ts';
import { h100Region, useEnvironment } from '../support/environment.ts';
import {
  applyAll,
  clientOf,
  eventually,
  getOrUndefined,
  kubeconfigSecret,
  type RunningOperator,
  setUpCentre,
  startOperator,
  trainingOf,
  untilObject,
} from '../support/operator.ts';
import { type Road, roadTo } from '../support/partition.ts';

type Training = ModelTraining & KubeObject;
type Serving = ModelServing & KubeObject;
type Job = KubeObject & {
  spec: { activeDeadlineSeconds?: number };
  status?: { conditions?: { type: string; status: string; reason?: string }[] };
};

/** The shortest that the API takes. */
const LOST_SECONDS = 30;
const centre = useEnvironment({ regions: [h100Region('west', 3), h100Region('east', 3)] });

let hub: KubeClient;
let west: KubeClient;
let road: Road;
let operator: RunningOperator;

beforeAll(async () => {
  hub = await setUpCentre(centre.environment);
  west = clientOf(centre.region('west'));
  road = await roadTo(centre.region('west'));
  await applyAll(hub, [kubeconfigSecret('west', road.kubeconfig)]);
  operator = await startOperator(centre.environment, { skewBoundSeconds: '3' });
});

afterAll(async () => {
  await operator.stop();
  await road.close();
  await Promise.all([hub.close(), west.close()]);
});

const placement = (onRegionLost: string) => ({
  regions: { preferred: ['west', 'east'] },
  onRegionLost,
  regionLostSeconds: LOST_SECONDS,
});

const training = (name: string, onRegionLost: string): object =>
  trainingOf(name, {
    spec: { placement: placement(onRegionLost) },
    pod: { spec: { terminationGracePeriodSeconds: 1 } },
  });

const serving = (name: string): object => ({
  apiVersion: 'aidc.dev/v1alpha1',
  kind: 'ModelServing',
  metadata: { name, namespace: 'team' },
  spec: {
    model: { uri: 's3://models/chat', class: 'LLM' },
    accelerators: [{ type: 'H100', countPerNode: 4 }],
    placement: placement('Relocate'),
    template: { spec: { containers: [{ name: 'main', image: 'serve:1' }] } },
  },
});

const key = (name: string) => ({ namespace: 'team', name });
const until = (name: string, what: string, check: (object: Training) => boolean, timeoutMs = 120_000) =>
  untilObject<Training>(hub, TRAININGS, key(name), what, check, timeoutMs);
const untilServing = (name: string, what: string, check: (object: Serving) => boolean) =>
  untilObject<Serving>(hub, SERVINGS, key(name), what, check, 120_000);
const runsIn = (cluster: string, attempt: number) => (object: Training) =>
  object.status?.phase === 'Running' &&
  object.status.attempt === attempt &&
  object.status.placement?.cluster === cluster;
const jobOf = (name: string) => getOrUndefined<Job>(west, JOBS, 'team', name);

describe('a region that does not answer', () => {
  it('while it does, its runs live on beyond their deadline', async () => {
    await applyAll(hub, [training('mover', 'Relocate'), training('stayer', 'Wait'), serving('chat')]);
    await Promise.all(['mover', 'stayer'].map((name) => until(name, 'Running in west', runsIn('west', 1))));
    await untilServing(
      'chat',
      'Ready in west',
      (o) => o.status?.phase === 'Ready' && o.status.placement?.cluster === 'west',
    );
    const first = await jobOf('mover-1');
    expect((await jobOf('stayer-1'))?.spec.activeDeadlineSeconds).toBeUndefined();
    expect(first?.spec.activeDeadlineSeconds).toBe(LOST_SECONDS);
    const renewed = async () => ((await jobOf('mover-1'))?.spec.activeDeadlineSeconds ?? 0) > LOST_SECONDS;
    await eventually('the deadline is renewed', renewed);
    expect((await jobOf('mover-1'))?.metadata.uid).toBe(first?.metadata.uid);
  });

  it('is left when its runs are over there, and not before; who is to wait waits', async () => {
    road.cut();
    const told = await until('mover', 'told of the wait', (o) =>
      (o.status?.conditions ?? []).some(({ type, reason }) => type === 'PodsReady' && reason === 'ClusterUnreachable'),
    );
    expect(told.status?.conditions?.find(({ type }) => type === 'PodsReady')?.message).toMatch(
      /the attempt is given up if that is still so at 20\d\d-/,
    );
    const moved = until('mover', 'Running in east', runsIn('east', 2));
    let overAt: number | undefined;
    await eventually(
      'the Job has ended itself',
      async () => {
        const failed = (await jobOf('mover-1'))?.status?.conditions?.find(({ type }) => type === 'Failed');
        if (failed?.status !== 'True') return false;
        overAt = Date.now();
        // While the old run could still be there, the new one must not be.
        return failed.reason === 'DeadlineExceeded';
      },
      { timeoutMs: 60_000 },
    );
    const { status } = await moved;
    const record = status?.attempts?.at(-1);
    expect(record).toMatchObject({ attempt: 1, cluster: 'west', endReason: 'RegionLost' });
    expect(overAt).toBeLessThan(Date.parse(status?.admission?.admittedAt ?? ''));
    expect(status?.restarts?.infra).toBe(1);
    const served = await untilServing(
      'chat',
      'Ready in east',
      (o) => o.status?.phase === 'Ready' && o.status.placement?.cluster === 'east',
    );
    expect(served.status?.admissions).toHaveLength(1);
    const stays = await until('stayer', 'still held by west', () => true);
    expect(stays.status).toMatchObject({ phase: 'Running', attempt: 1, admission: { cluster: 'west' } });
  });

  it('is cleared of what was given up when it is back, and of nothing else', async () => {
    expect(await jobOf('mover-1')).toBeDefined();
    road.mend();
    await eventually('the old Job is gone', async () => (await jobOf('mover-1')) === undefined, { timeoutMs: 120_000 });
    const left = async () =>
      (await west.list<KubeObject>(DEPLOYMENTS, { namespace: 'team', labelSelector: 'aidc.dev/workload=chat' })).items;
    await eventually('the old replica is gone', async () => (await left()).length === 0);
    expect(await jobOf('stayer-1')).toBeDefined();
    await until(
      'stayer',
      'Running where it was',
      (o) =>
        runsIn('west', 1)(o) &&
        (o.status?.conditions ?? []).some(({ type, status }) => type === 'PodsReady' && status === 'True'),
    );
    await until('mover', 'Running where it went', runsIn('east', 2));
  });
});
