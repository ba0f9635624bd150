import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ComputeQuote, Dataset, ModelTraining, RegionalCluster } from '../../src/api/index.ts';
import { DATASETS, QUOTES, REGIONAL_CLUSTERS, TRAININGS } from '../../src/hub/index.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import {
  CONFIG_MAPS,
  EVENTS,
  JOBS,
  type KubeObject,
  NAMESPACES,
  PODS,
  type Resource,
  SERVICES,
} from '../../src/kube/resource.ts';
import { h100Region, useEnvironment } from '../support/environment.ts';
import {
  applyAll,
  clientOf,
  eventually,
  getOrUndefined,
  kubeconfigSecret,
  queue,
  type RunningOperator,
  regionSpec,
  setUpCentre,
  startOperator,
  untilObject,
} from '../support/operator.ts';

type Quote = ComputeQuote & KubeObject;
type Training = ModelTraining & KubeObject;

const centre = useEnvironment({ regions: [h100Region('guian', 4), h100Region('lingang', 2)] });

let hub: KubeClient;
let members: KubeClient[];
let operator: RunningOperator;

/** Nobody answers there. */
const DEAD = `{apiVersion: v1, kind: Config, current-context: x,
contexts: [{name: x, context: {cluster: x, user: x}}],
clusters: [{name: x, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: x, user: {token: t}}]}`;

beforeAll(async () => {
  hub = await setUpCentre(centre.environment, {
    lingang: regionSpec('lingang', {
      location: { zone: 'East', jurisdiction: 'CN-SH' },
      accelerators: [
        {
          ...{ type: 'H100', resourceName: 'nvidia.com/gpu', boardWatts: 700, gpuHourMicros: 16_000_000 },
          throughputPermille: { LLM: 2000 },
        },
      ],
    }),
  });
  await applyAll(hub, [
    kubeconfigSecret('far', DEAD),
    { apiVersion: 'aidc.dev/v1alpha1', kind: 'RegionalCluster', metadata: { name: 'far' }, spec: regionSpec('far') },
  ]);
  members = ['guian', 'lingang'].map((name) => clientOf(centre.region(name)));
  operator = await startOperator(centre.environment);
  await eventually('both regions are ready', async () => {
    const { items } = await hub.list<RegionalCluster & KubeObject>(REGIONAL_CLUSTERS);
    const ready = items.filter((item) =>
      item.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'),
    );
    return ready.length === 2;
  });
});

afterAll(async () => {
  await operator.stop();
  await Promise.all([hub, ...members].map((client) => client.close()));
});

const quote = (name: string, spec: object = {}): object => ({
  apiVersion: 'aidc.dev/v1alpha1',
  kind: 'ComputeQuote',
  metadata: { name, namespace: 'team' },
  spec: {
    numNodes: 2,
    resourcesPerNode: { limits: { cpu: '4', memory: '8Gi' } },
    accelerators: [{ type: 'H100', countPerNode: 8 }],
    runtimeSeconds: 86_400,
    ...spec,
  },
});

const dataset = (name: string, regions: readonly string[], spec: object = {}): object => ({
  apiVersion: 'aidc.dev/v1alpha1',
  kind: 'Dataset',
  metadata: { name, namespace: 'team' },
  spec: { locations: regions.map((region) => ({ region, uri: `s3://${region}/${name}` })), ...spec },
});

const training = (name: string, datasets: readonly string[], runFor = '600s'): object => ({
  apiVersion: 'aidc.dev/v1alpha1',
  kind: 'ModelTraining',
  metadata: { name, namespace: 'team' },
  spec: {
    model: { name: 'm', class: 'LLM' },
    accelerators: [{ type: 'H100', countPerNode: 8 }],
    datasets: datasets.map((one) => ({ name: one })),
    trainer: {
      image: 'train:1',
      numNodes: 1,
      resourcesPerNode: { limits: { cpu: '4', memory: '8Gi' } },
      podTemplate: { metadata: { annotations: { 'sim.aidc.dev/run-for': runFor } } },
    },
  },
});

const key = (name: string) => ({ namespace: 'team', name });
const conditionOf = (
  object: { status?: ComputeQuote['status'] | ModelTraining['status'] | Dataset['status'] },
  type: string,
) => object.status?.conditions?.find((entry) => entry.type === type);
const answered = (name: string): Promise<Quote> =>
  untilObject<Quote>(
    hub,
    QUOTES,
    key(name),
    'Answered',
    (object) => conditionOf(object, 'Answered')?.status === 'True',
  );
const untilTraining = (name: string, what: string, check: (object: Training) => boolean): Promise<Training> =>
  untilObject<Training>(hub, TRAININGS, key(name), what, check);
const untilDataset = (name: string, what: string, check: (object: Dataset & KubeObject) => boolean) =>
  untilObject<Dataset & KubeObject>(hub, DATASETS, key(name), what, check);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const namesOf = async (client: KubeClient, resources: readonly Resource[]): Promise<string[]> => {
  const lists = await Promise.all(resources.map((resource) => client.list<KubeObject>(resource)));
  return lists.flatMap(({ items }, i) =>
    items.map(({ metadata }) => `${resources[i]?.kind} ${metadata.namespace}/${metadata.name}`).sort(),
  );
};

describe('a ComputeQuote on real clusters', () => {
  it('is answered with regions ranked, money, energy and CO2, and nothing else comes into being anywhere', async () => {
    const made = async (): Promise<string[][]> =>
      Promise.all([
        ...members.map((client) => namesOf(client, [PODS, JOBS, SERVICES, CONFIG_MAPS, NAMESPACES])),
        namesOf(hub, [TRAININGS, DATASETS, PODS, JOBS, CONFIG_MAPS, NAMESPACES]),
      ]);
    const before = await made();
    await applyAll(hub, [quote('day'), quote('llm', { modelClass: 'LLM' })]);
    const { status, spec } = await answered('day');
    expect(status?.offers?.map(({ rank, region }) => [rank, region])).toEqual([
      [1, 'guian'],
      [2, 'lingang'],
    ]);
    // Where it is declared that such models run twice as fast, the same run takes half as long.
    const inLingang = (one: Quote) => one.status?.offers?.find(({ region }) => region === 'lingang');
    const [plain, llm] = [inLingang({ status, spec } as Quote), inLingang(await answered('llm'))];
    expect([plain?.runtimeSeconds, llm?.runtimeSeconds]).toEqual([86_400, 43_200]);
    expect(llm?.wattHours).toBeCloseTo((plain?.wattHours ?? 0) / 2, -1);
    const guian = (await hub.get<RegionalCluster & KubeObject>(REGIONAL_CLUSTERS, { name: 'guian' })).spec;
    const kilowatts = ((16 * 700 + 2 * guian.power.nodeOverheadWatts) * guian.puePermille) / 1_000_000;
    const kWh = (kilowatts * spec.runtimeSeconds) / 3600;
    const best = status?.offers?.[0];
    expect(best).toMatchObject({ accelerator: 'H100', gpus: 16, nodes: 2, currency: guian.electricity.currency });
    expect((best?.wattHours ?? 0) / 1000).toBeCloseTo(kWh, 2);
    expect((best?.carbonGrams ?? 0) / 404).toBeCloseTo(kWh, 1);
    expect((best?.costMicros ?? 0) / 1e6).toBeCloseTo(16 * 8 * 24 + kWh * 0.4, 2);
    expect(conditionOf({ status }, 'Answered')?.reason).toBe('Offers');
    expect(conditionOf({ status }, 'Answered')?.message).toMatch(
      /^can be met now in 2 of 3 regions; best guian: 16 H100 on 2 nodes, [\d,.]+ CNY, [\d,.]+ kWh, [\d,.]+ kg CO2 for 24 h$/,
    );
    expect(status?.display).toMatchObject({ best: 'guian' });
    expect(status?.shortfalls).toMatchObject([{ cluster: 'far', reason: 'Unreachable' }]);
    await pause(500);
    expect(await made()).toEqual(before);
  });

  it('says what is short by how much, everywhere', async () => {
    await applyAll(hub, [quote('giant', { numNodes: 6 })]);
    const { status } = await answered('giant');
    expect(status?.offers).toEqual([]);
    const said = conditionOf({ status }, 'Answered');
    expect(said?.reason).toBe('NoOffer');
    expect(said?.message).toMatch(/^cannot be met now: /);
    const shortfalls = Object.fromEntries((status?.shortfalls ?? []).map((entry) => [entry.cluster, entry]));
    expect(Object.keys(shortfalls).sort()).toEqual(['far', 'guian', 'lingang']);
    expect(shortfalls.guian?.message).toMatch(/has 4 such nodes \(32 H100\): 2 nodes \(16 H100\) short/);
    expect(shortfalls.lingang?.message).toMatch(/has 2 such nodes \(16 H100\): 4 nodes \(32 H100\) short/);
    expect(shortfalls.far?.reason).toBe('Unreachable');
  });

  it('honours its limits, its placement and the quota of its queue', async () => {
    await applyAll(hub, [
      queue('small', { namespaceSelector: {}, quota: [{ nominal: 8 }] }),
      quote('cheap', { limits: { maxCostMicros: 1_000_000 } }),
      quote('eastern', { placement: { residency: { jurisdictions: ['CN-SH'] } } }),
      quote('narrow', { queue: 'small' }),
    ]);
    expect(conditionOf(await answered('cheap'), 'Answered')?.message).toMatch(
      /^cannot be met within spec.limits: guian/,
    );
    expect((await answered('eastern')).status?.offers?.map((offer) => offer.region)).toEqual(['lingang']);
    expect(conditionOf(await answered('narrow'), 'Answered')?.message).toContain('queue small can ever have');
  });

  it('is answered once: what changes later is asked by another one, also after a restart', async () => {
    await applyAll(hub, [quote('once')]);
    const first = await answered('once');
    await applyAll(hub, [queue('default', { namespaceSelector: {}, quota: [{ nominal: 8 }] })]);
    await eventually('another one is answered otherwise', async () => {
      await hub.delete(QUOTES, key('later')).catch(() => {});
      await applyAll(hub, [quote('later')]);
      return (await answered('later')).status?.offers?.length === 0;
    });
    await operator.stop();
    await applyAll(hub, [quote('meanwhile')]);
    operator = await startOperator(centre.environment);
    await answered('meanwhile');
    expect(await hub.get<Quote>(QUOTES, key('once'))).toEqual(first);
    await applyAll(hub, [queue('default', { namespaceSelector: {}, quota: [{ nominal: 1000 }] })]);
  });

  it('is deleted when its time to live is over', async () => {
    await applyAll(hub, [quote('brief', { ttlSeconds: 1 }), quote('lasting', { ttlSeconds: 600 })]);
    const lasting = await answered('lasting');
    await eventually('brief is gone', async () => (await getOrUndefined(hub, QUOTES, 'team', 'brief')) === undefined);
    expect(await hub.get<Quote>(QUOTES, key('lasting'))).toEqual(lasting);
  });

  it('is answered though all it names is made in the same breath', async () => {
    await applyAll(hub, [
      quote('early', { queue: 'late', datasets: [{ name: 'late' }] }),
      dataset('late', ['guian']),
      queue('late', { namespaceSelector: {}, quota: [{ nominal: 16 }] }),
    ]);
    expect((await answered('early')).status?.offers?.map((offer) => offer.region)).toEqual(['guian']);
    await applyAll(hub, [quote('never', { queue: 'nowhere' })]);
    expect(conditionOf(await answered('never'), 'Answered')?.message).toContain('queue nowhere does not exist');
  });
});

describe('a Dataset on real clusters', () => {
  it('binds a training and a quote to where it is', async () => {
    await applyAll(hub, [
      dataset('corpus', ['lingang', 'mars']),
      training('tune', ['corpus']),
      quote('tune', { numNodes: 1, datasets: [{ name: 'corpus' }] }),
    ]);
    const running = await untilTraining('tune', 'Running', (object) => object.status?.phase === 'Running');
    expect(running.status?.placement?.region).toBe('lingang');
    expect((await answered('tune')).status?.offers?.map((offer) => offer.region)).toEqual(['lingang']);
    const pods = await members[1]?.list<KubeObject & { spec: { containers: { env?: object[] }[] } }>(PODS, {
      namespace: 'team',
    });
    expect(pods?.items[0]?.spec.containers[0]?.env).toContainEqual({
      name: 'AIDC_DATASET_CORPUS',
      value: 's3://lingang/corpus',
    });
    const used = await untilDataset('corpus', 'used', (object) => object.status?.usedBy === 1);
    expect(used.status?.usableRegions).toEqual(['lingang']);
    expect(conditionOf(used, 'Ready')).toMatchObject({
      status: 'True',
      reason: 'Usable',
      message: 'usable in lingang; no RegionalCluster is in mars.',
    });
  });

  it('tells when it is deleted in use, and the training runs on', async () => {
    await hub.delete(DATASETS, key('corpus'));
    await eventually('the event', async () => {
      const { items } = await hub.list<KubeObject & { reason?: string; note?: string }>(EVENTS, { namespace: 'team' });
      return items.find((event) => event.reason === 'DeletedInUse')?.note?.includes('tune');
    });
    expect((await hub.get<Training>(TRAININGS, key('tune'))).status?.phase).toBe('Running');
    await hub.delete(TRAININGS, key('tune'));
  });

  it('holds a training until it is there, and then counts it until it is finished', async () => {
    await applyAll(hub, [training('eager', ['weights'], '2s')]);
    await untilTraining(
      'eager',
      'DatasetNotFound',
      (object) => conditionOf(object, 'Admitted')?.reason === 'DatasetNotFound',
    );
    await applyAll(hub, [dataset('weights', ['guian'])]);
    await untilTraining('eager', 'Succeeded', (object) => object.status?.phase === 'Succeeded');
    await untilDataset('weights', 'unused', (object) => object.status?.usedBy === 0);
  });

  it('says that law or the regions leave no place, and follows a region that joins', async () => {
    await applyAll(hub, [
      dataset('foreign', ['guian', 'lingang'], { residency: { jurisdictions: ['SG'] } }),
      dataset('martian', ['mars']),
    ]);
    const ready = (name: string, reason: string) =>
      untilDataset(name, reason, (object) => conditionOf(object, 'Ready')?.reason === reason);
    const foreign = await ready('foreign', 'NoUsableRegion');
    expect(foreign.status?.usableRegions).toEqual([]);
    expect(conditionOf(foreign, 'Ready')?.message).toContain('residency allows SG, not guian (CN-GZ), lingang (CN-SH)');
    expect(conditionOf(await ready('martian', 'UnknownRegion'), 'Ready')?.message).toContain('mars');
    await applyAll(hub, [
      {
        apiVersion: 'aidc.dev/v1alpha1',
        kind: 'RegionalCluster',
        metadata: { name: 'mars' },
        spec: regionSpec('mars'),
      },
    ]);
    expect((await ready('martian', 'Usable')).status?.usableRegions).toEqual(['mars']);
    await hub.delete(REGIONAL_CLUSTERS, { name: 'mars' });
    await ready('martian', 'UnknownRegion');
  });
});

describe('a power budget on a real cluster', () => {
  /** A node of eight H100 there: (8 * 700 W + 1500 W) * PUE, in whole watts. */
  const setBudget = async (watts: number | null): Promise<number> => {
    const { spec } = await hub.get<RegionalCluster & KubeObject>(REGIONAL_CLUSTERS, { name: 'lingang' });
    await hub.mergePatch(REGIONAL_CLUSTERS, { name: 'lingang', body: { spec: { power: { budgetWatts: watts } } } });
    return ((8 * 700 + spec.power.nodeOverheadWatts) * spec.puePermille) / 1000;
  };
  const inLingang = (name: string): object => {
    const made = training(name, []) as { spec: object };
    return { ...made, spec: { ...made.spec, placement: { regions: { allowed: ['lingang'] } } } };
  };
  const untilPower = (watts: number) =>
    eventually(`${watts} W are reserved`, async () => {
      const { status } = await hub.get<RegionalCluster & KubeObject>(REGIONAL_CLUSTERS, { name: 'lingang' });
      return status?.powerWatts === watts;
    });

  it('holds up what would go beyond it, and admits it when it is raised', async () => {
    const node = Math.ceil(await setBudget(1));
    await setBudget(node);
    await applyAll(hub, [inLingang('first')]);
    await untilTraining('first', 'Running', (object) => object.status?.phase === 'Running');
    await untilPower(node);
    await applyAll(hub, [
      inLingang('second'),
      quote('powerless', { numNodes: 1, placement: { regions: { allowed: ['lingang'] } } }),
    ]);
    const waits = await untilTraining(
      'second',
      'InsufficientPower',
      (object) => conditionOf(object, 'Admitted')?.reason === 'InsufficientPower',
    );
    const kw = (node / 1000).toFixed(2);
    expect(conditionOf(waits, 'Admitted')?.message).toContain(
      `needs ${kw} kW in lingang, and 0.00 kW of its power budget of ${kw} kW are free.`,
    );
    const { status } = await untilObject<Quote>(hub, QUOTES, key('powerless'), 'answered', (object) => {
      return (object.status?.shortfalls?.length ?? 0) > 0;
    });
    expect(status?.shortfalls).toContainEqual(
      expect.objectContaining({ cluster: 'lingang', reason: 'InsufficientPower' }),
    );
    await setBudget(2 * node);
    await untilTraining('second', 'Running', (object) => object.status?.phase === 'Running');
    await untilPower(2 * node);
    for (const name of ['first', 'second']) await hub.delete(TRAININGS, key(name));
    await untilPower(0);
    await setBudget(null);
  });
});
