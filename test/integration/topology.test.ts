import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ComputeQuote, ModelTraining } from '../../src/api/index.ts';
import { QUOTES, TRAININGS } from '../../src/hub/index.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { type KubeObject, NODES, PODS } from '../../src/kube/resource.ts';
import { h100Region, useEnvironment } from '../support/environment.ts';
import {
  applyAll,
  clientOf,
  eventually,
  getOrUndefined,
  type RunningOperator,
  setUpCentre,
  startOperator,
  trainingOf,
  untilObject,
} from '../support/operator.ts';

type Training = ModelTraining & KubeObject;
type Pod = KubeObject & { spec: { nodeName?: string } };

/** Racks r01 and r02 of four nodes each, and r03 of two. */
const centre = useEnvironment({ regions: [h100Region('west', 10)] });

let hub: KubeClient;
let west: KubeClient;
let operator: RunningOperator;

beforeAll(async () => {
  hub = await setUpCentre(centre.environment);
  west = clientOf(centre.region('west'));
  operator = await startOperator(centre.environment, { nodeLostSeconds: '3' });
});

afterAll(async () => {
  await operator.stop();
  await Promise.all([hub.close(), west.close()]);
});

const training = (name: string, numNodes: number, topology: object = {}): object =>
  trainingOf(name, {
    spec: { placement: { topology }, failurePolicy: { backoff: { initialSeconds: 1, maxSeconds: 1 } } },
    trainer: { numNodes },
  });

const until = (name: string, what: string, check: (object: Training) => boolean, timeoutMs?: number) =>
  untilObject<Training>(hub, TRAININGS, { namespace: 'team', name }, what, check, timeoutMs);
const running = (attempt: number) => (object: Training) =>
  object.status?.phase === 'Running' && object.status.attempt === attempt;
const admitted = (object: Training) => object.status?.conditions?.find(({ type }) => type === 'Admitted');
const waitsFor = async (name: string, reason: string): Promise<string> => {
  const waiting = await until(name, reason, (object) => admitted(object)?.reason === reason);
  return admitted(waiting)?.message ?? '';
};

/** Node of each pod in rank order, read from the pods themselves. */
async function nodesOf(name: string): Promise<string[]> {
  const { items } = await west.list<Pod>(PODS, { namespace: 'team', labelSelector: `aidc.dev/workload=${name}` });
  const rank = (pod: Pod): number => Number(pod.metadata.labels?.['batch.kubernetes.io/job-completion-index']);
  return items.sort((a, b) => rank(a) - rank(b)).map((pod) => pod.spec.nodeName ?? '');
}
const node = (...numbers: number[]): string[] =>
  numbers.map((number) => `west-h100-${String(number).padStart(3, '0')}`);

async function remove(...names: string[]): Promise<void> {
  for (const name of names) await hub.delete(TRAININGS, { namespace: 'team', name });
  for (const name of names) {
    await eventually(`${name} is gone`, async () => (await getOrUndefined(hub, TRAININGS, 'team', name)) === undefined);
  }
}

describe('a gang that is bound to a rack', () => {
  it('lands in the tightest one that holds it, its ranks in order, and waits where none does', async () => {
    await applyAll(hub, [training('pair', 2, { required: 'Rack' })]);
    await until('pair', 'Running', running(1));
    expect(await nodesOf('pair')).toEqual(node(9, 10));

    await applyAll(hub, [training('trio', 3, { required: 'Rack' })]);
    await until('trio', 'Running', running(1));
    expect(await nodesOf('trio')).toEqual(node(1, 2, 3));

    await applyAll(hub, [training('slices', 4, { slices: [{ size: 2, required: 'Rack' }] })]);
    await until('slices', 'Running', running(1));
    expect(await nodesOf('slices')).toEqual(node(5, 6, 7, 8));

    await remove('pair');
    await applyAll(hub, [training('second', 3, { required: 'Rack' })]);
    expect(await waitsFor('second', 'InsufficientTopology')).toBe(
      'needs 3 pods x 8 H100 = 24 in one rack; largest free gang 2 pods (16 H100) in west (west-h100-r03); ' +
        'short 1 pod (8 H100), 3 free in all of west.',
    );
    await remove('slices');
    await until('second', 'Running when a rack is free', running(1));
    expect(await nodesOf('second')).toEqual(node(5, 6, 7));
    await remove('trio', 'second');
  });

  it('says by how much when no rack could ever hold it, and a quote says the same', async () => {
    const sentence =
      'needs 5 pods x 8 H100 = 40 in one rack; the largest idle gang is 4 pods (32 H100) in west (west-h100-r01): ' +
      '1 pod (8 H100) short.';
    await applyAll(hub, [
      training('wide', 5, { required: 'Rack' }),
      {
        apiVersion: 'aidc.dev/v1alpha1',
        kind: 'ComputeQuote',
        metadata: { name: 'wide', namespace: 'team' },
        spec: {
          numNodes: 5,
          accelerators: [{ type: 'H100', countPerNode: 8 }],
          placement: { topology: { required: 'Rack' } },
        },
      },
    ]);
    expect(await waitsFor('wide', 'ExceedsEveryRegion')).toBe(sentence);
    const quote = await untilObject<ComputeQuote & KubeObject>(
      hub,
      QUOTES,
      { namespace: 'team', name: 'wide' },
      'Answered',
      (object) => object.status?.answeredAt !== undefined,
    );
    expect(quote.status?.conditions?.[0]).toMatchObject({
      reason: 'NoOffer',
      message: `cannot be met now: ${sentence}`,
    });
    await remove('wide');
  });
});

describe('a gang that loses a node', () => {
  it('keeps its healthy nodes in the next attempt, in the same rack', async () => {
    // Taken first, so that the survivor is not where it would go anew.
    await applyAll(hub, [training('pair', 2, { required: 'Rack' }), training('first', 4, { required: 'Rack' })]);
    await until('pair', 'Running', running(1));
    await until('first', 'Running', running(1));
    await applyAll(hub, [training('survivor', 3, { required: 'Rack' })]);
    await until('survivor', 'Running', running(1));
    const before = await nodesOf('survivor');
    expect(before).toEqual(node(5, 6, 7));
    await remove('first');

    const health = (lost: string | null) =>
      west.mergePatch(NODES, {
        name: node(6)[0] ?? '',
        body: { metadata: { annotations: { 'sim.aidc.dev/not-ready': lost } } },
      });
    await health('true');
    const again = await until('survivor', 'Running again', running(2), 90_000);
    expect(again.status?.attempts?.[0]).toMatchObject({ endReason: 'NodeLost' });
    expect(again.status?.previousAssignment).toBeUndefined();
    expect(await nodesOf('survivor')).toEqual(node(5, 7, 8));
    await health(null);
    await remove('pair', 'survivor');
  });
});
