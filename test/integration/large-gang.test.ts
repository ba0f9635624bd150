import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelTraining } from '../../src/api/index.ts';
import { decodeAssignment } from '../../src/core/assignment.ts';
import { TRAININGS } from '../../src/hub/index.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { type KubeObject, PODS } from '../../src/kube/resource.ts';
import { h100Region, useEnvironment } from '../support/environment.ts';
import {
  applyAll,
  clientOf,
  queue,
  type RunningOperator,
  setUpCentre,
  startOperator,
  trainingOf,
  untilObject,
} from '../support/operator.ts';

type Training = ModelTraining & KubeObject;

const NODES = 64;
const centre = useEnvironment({ regions: [h100Region('west', NODES)] });
let hub: KubeClient;
let west: KubeClient;
let operator: RunningOperator;

beforeAll(async () => {
  hub = await setUpCentre(centre.environment);
  west = clientOf(centre.region('west'));
  const preemption = { withinQueue: 'LowerPriority' };
  await applyAll(hub, [
    { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'urgent' }, value: 1000 },
    queue('all', { namespaceSelector: {}, quota: [{ nominal: NODES * 8 }], preemption }),
  ]);
  operator = await startOperator(centre.environment);
});

afterAll(async () => {
  await operator.stop();
  await Promise.all([hub.close(), west.close()]);
});

const training = (name: string, numNodes: number, spec: object = {}): object =>
  trainingOf(name, { spec: { queue: 'all', ...spec }, trainer: { numNodes } });
const until = (name: string, what: string, check: (object: Training) => boolean): Promise<Training> =>
  untilObject<Training>(hub, TRAININGS, { namespace: 'team', name }, what, check, 120_000);
const running = (name: string) => until(name, 'Running', (object) => object.status?.phase === 'Running');

describe('a gang of 64 nodes', () => {
  it('pushes out whoever is on them, and has all of them, each pod on the node of its rank', async () => {
    const low = Array.from({ length: 8 }, (_, i) => `low-${i}`);
    await applyAll(
      hub,
      low.map((name) => training(name, 8)),
    );
    for (const name of low) await running(name);
    await applyAll(hub, [training('hero', NODES, { priorityClassName: 'urgent' })]);
    const hero = await running('hero');
    expect(hero.status?.attempt).toBe(1);
    expect(hero.status?.placement?.decision?.victims?.toSorted()).toEqual(low.map((name) => `team/${name}`));
    const wanted = decodeAssignment(hero.status?.admission?.assignment ?? '');
    expect(new Set(wanted).size).toBe(NODES);
    const { items } = await west.list<KubeObject & { spec: { nodeName?: string } }>(PODS, {
      namespace: 'team',
      labelSelector: 'aidc.dev/workload=hero',
    });
    const index = ({ metadata }: KubeObject) =>
      Number(metadata.annotations?.['batch.kubernetes.io/job-completion-index']);
    const placed = items.toSorted((a, b) => index(a) - index(b)).map(({ spec }) => spec.nodeName);
    expect(placed).toEqual(wanted);
    for (const name of low) {
      const loser = await until(name, 'queued again', (object) => object.status?.attempts?.length === 1);
      expect(loser.status?.attempts?.[0]).toMatchObject({ endReason: 'Preempted' });
      expect(loser.status?.admission).toBeUndefined();
    }
  });
});
