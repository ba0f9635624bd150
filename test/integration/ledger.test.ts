import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelTraining, RegionalCluster, Usage } from '../../src/api/index.ts';
import { ANNOTATION, LABEL } from '../../src/api/index.ts';
import { REGIONAL_CLUSTERS, TRAININGS } from '../../src/hub/index.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import { CONFIG_MAPS, EVENTS, type KubeObject, PODS } from '../../src/kube/resource.ts';
import { h100Region, useEnvironment } from '../support/environment.ts';
import { getOrUndefined } from '../support/hub.ts';
import { NodeMeter } from '../support/node-meter.ts';
import {
  applyAll,
  clientOf,
  eventually,
  type RunningOperator,
  regionSpec,
  setUpCentre,
  startOperator,
  trainingOf,
  untilObject,
} from '../support/operator.ts';

type Training = ModelTraining & KubeObject;
type Region = RegionalCluster & KubeObject;
type Pod = KubeObject & { spec: { nodeName?: string } };

const PATIENCE = 90_000;
const KEY = { namespace: 'team', name: 'run' };

/** Nothing is metered but what the meters of these nodes write, so that every joule is known. */
describe('the ledger', () => {
  const centre = useEnvironment({ regions: [h100Region('guian', 2)] });
  let hub: KubeClient;
  let guian: KubeClient;
  let operator: RunningOperator;
  let meters: NodeMeter[];
  const start = () => startOperator(centre.environment, { ledgerSeconds: '0.3' });

  const series = async (name: string, labels: Record<string, string> = {}): Promise<number | undefined> => {
    await operator.metrics.expose((error) => expect(error).toBeUndefined());
    const { values } = (await operator.metrics.registry.getSingleMetric(name)?.get()) ?? { values: [] };
    const wanted = (value: { labels: object }): boolean =>
      Object.entries(labels).every(([key, label]) => (value.labels as Record<string, string>)[key] === label);
    return values.find(wanted)?.value;
  };
  const joules = (source: string): Promise<number | undefined> =>
    series('aidc_workload_energy_joules_total', { workload: 'run', scope: 'gpu', source });
  const metered = async () => {
    const region = await hub.get<Region>(REGIONAL_CLUSTERS, { name: 'guian' });
    return region.status?.conditions?.find(({ type }) => type === 'Metered');
  };
  const until = (what: string, check: (object: Training) => boolean) =>
    untilObject<Training>(hub, TRAININGS, KEY, what, check, PATIENCE);
  const untilBooked = (wanted: number) =>
    eventually(`${wanted} J are booked`, async () => (await joules('integrated')) === wanted, { timeoutMs: PATIENCE });

  beforeAll(async () => {
    hub = await setUpCentre(centre.environment, {
      guian: regionSpec('guian', {
        puePermille: 1200,
        power: { nodeOverheadWatts: 800 },
        carbon: { gramsPerKWh: 9, hourly: Array.from({ length: 24 }, () => 500), greenPowerPermille: 400 },
      }),
    });
    guian = clientOf(centre.region('guian'));
    await applyAll(guian, [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'aidc-system' } }]);
    meters = ['guian-h100-001', 'guian-h100-002'].map((node) => new NodeMeter(guian, node));
    // Well before the run is admitted: times of admission are whole seconds, so what came within one is reckoned.
    await Promise.all(meters.map((meter) => meter.write(Date.now() - 5000)));
    operator = await start();
  });

  afterAll(async () => {
    await operator?.stop();
    await Promise.all([hub?.close(), guian?.close()]);
  });

  it('says of a region that its nodes report', async () => {
    await eventually('Metered', async () => (await metered())?.status === 'True', { timeoutMs: PATIENCE });
  });

  it('books what the nodes of a run measured, and says so in its status', async () => {
    await applyAll(hub, [training('run')]);
    await until('Running', ({ status }) => status?.phase === 'Running');
    const { items } = await guian.list<Pod>(PODS, { namespace: 'team' });
    expect(items).toHaveLength(2);
    for (const meter of meters) {
      const pod = items.find(({ spec }) => spec.nodeName === meter.node);
      meter.use(pod, 1000, 10);
      meter.use(undefined, 5, 1);
      await meter.write();
    }
    const { status } = await until('Integrated', (object) => object.status?.usage?.source === 'Integrated');
    // Nothing was reckoned for nodes that report.
    expect(status?.usage?.reckoned).toMatchObject({ gpuJoules: 0 });
    await untilBooked(2000);
    expect(await joules('estimate')).toBe(0);
  });

  it('says what region and run draw, and on the hub that a board is lost', async () => {
    const { items } = await guian.list<Pod>(PODS, { namespace: 'team' });
    for (const meter of meters) {
      const pod = items.find(({ spec }) => spec.nodeName === meter.node);
      if (pod !== undefined) meter.hold(pod, 8, { watts: 500 });
      await meter.write();
    }
    const draw = { workload: 'run', scope: 'facility' };
    // Two nodes of 8 boards of 500 W and 800 W of overhead, times PUE.
    const watts = 2 * (8 * 500 + 800) * 1.2;
    await eventually('its power', async () => (await series('aidc_workload_power_draw_watts', draw)) === watts, {
      timeoutMs: PATIENCE,
    });
    expect(await series('aidc_region_power_draw_watts', { cluster: 'guian', scope: 'facility' })).toBe(watts);
    expect(await series('aidc_region_gpu_health', { cluster: 'guian', state: 'lost' })).toBe(0);
    const [meter] = meters;
    const pod = items.find(({ spec }) => spec.nodeName === meter?.node);
    if (pod !== undefined) meter?.hold(pod, 1, { health: 'lost', watts: null });
    await meter?.write();
    const condition = async () => {
      const { status } = await hub.get<Region>(REGIONAL_CLUSTERS, { name: 'guian' });
      return status?.conditions?.find(({ type }) => type === 'AcceleratorsHealthy');
    };
    await eventually('BoardsLost', async () => (await condition())?.reason === 'BoardsLost', { timeoutMs: PATIENCE });
    expect((await condition())?.message).toBe(
      'of 16 boards that agents tell of: 1 lost (GPU-guian-h100-001-0 on guian-h100-001)',
    );
    expect(await series('aidc_region_gpu_health', { cluster: 'guian', state: 'lost' })).toBe(1);
    expect(await series('aidc_workload_power_draw_watts', draw)).toBeUndefined();
    const lost = async () => {
      const { items: events } = await hub.list<KubeObject & { reason: string; note: string }>(EVENTS, {});
      return events.filter(({ reason }) => reason === 'GPULost' || reason === 'BoardsLost').map(({ note }) => note);
    };
    await eventually('both events', async () => (await lost()).length === 2, { timeoutMs: PATIENCE });
    expect((await lost()).join()).toContain('board GPU-guian-h100-001-0 on guian-h100-001 in guian does not answer');
    if (pod !== undefined) meter?.hold(pod, 1, { watts: 500 });
    await meter?.write();
    await eventually('AllHealthy', async () => (await condition())?.reason === 'AllHealthy', { timeoutMs: PATIENCE });
  });

  it('says of an agent that cannot measure why', async () => {
    const [meter] = meters;
    if (meter === undefined) return;
    meter.trouble = 'nvidia-smi has been silent for 15 s.';
    await meter.write();
    await eventually('NoSamples', async () => (await metered())?.reason === 'NoSamples', { timeoutMs: PATIENCE });
    expect((await metered())?.message).toBe(
      'of 2 accelerator nodes 1 cannot measure (guian-h100-001; guian-h100-001: nvidia-smi has been silent for 15 s): their energy is an estimate',
    );
    expect(await series('aidc_region_metered_nodes', { cluster: 'guian', state: 'blind' })).toBe(1);
    meter.trouble = '';
    await meter.write();
    await eventually('AllReport', async () => (await metered())?.reason === 'AllReport', { timeoutMs: PATIENCE });
  });

  it('names a node whose clock is wrong', async () => {
    const [meter] = meters;
    await meter?.write(Date.now() + 3_600_000);
    await eventually('ClocksOff', async () => (await metered())?.reason === 'ClocksOff', { timeoutMs: PATIENCE });
    expect((await metered())?.message).toMatch(/\(guian-h100-001 by 3\d\d\d s\)/);
    await meter?.write();
    await eventually('AllReport', async () => (await metered())?.reason === 'AllReport', { timeoutMs: PATIENCE });
  });

  it('removes what the agent of a node that is long gone has left', async () => {
    const gone = new NodeMeter(guian, 'guian-h100-gone');
    await gone.write(Date.now() - 49 * 3_600_000);
    const key = { namespace: 'aidc-system', name: 'aidc-energy-guian-h100-gone' };
    await eventually(
      'it is gone',
      async () => (await getOrUndefined(guian, CONFIG_MAPS, key.namespace, key.name)) === undefined,
      { timeoutMs: PATIENCE },
    );
    for (const { node } of meters) await guian.get(CONFIG_MAPS, { ...key, name: `aidc-energy-${node}` });
  });

  it('is told of a checkpoint by a pod of the run', async () => {
    const { items } = await guian.list<Pod>(PODS, { namespace: 'team' });
    const checkpointMs = Date.now();
    // Longer than it has run: all since it was ready went into it.
    const annotations = {
      [ANNOTATION.lastCheckpoint]: new Date(checkpointMs).toISOString(),
      [ANNOTATION.lastCheckpointSeconds]: '3600',
    };
    const { name } = items[0]?.metadata ?? { name: '' };
    await guian.mergePatch(PODS, { namespace: 'team', name, body: { metadata: { annotations } } });
    const key = { namespace: 'aidc-system', name: 'aidc-ledger-guian-0' };
    const isBooked = async (): Promise<boolean> => {
      const { data } = await hub.get<KubeObject & { data: { runs: string } }>(CONFIG_MAPS, key);
      return data.runs.includes(`"checkpointMs":${checkpointMs}`);
    };
    await eventually('it is in the books', isBooked, { timeoutMs: PATIENCE });
  });

  it('goes on where it was after a restart, whatever was reported meanwhile', async () => {
    await untilBooked(2000);
    await operator.stop();
    const { items } = await guian.list<Pod>(PODS, { namespace: 'team' });
    const [meter] = meters;
    const pod = items.find(({ spec }) => spec.nodeName === meter?.node);
    for (let time = 0; time < 3; time += 1) {
      meter?.use(pod, 100, 1);
      await meter?.write();
    }
    operator = await start();
    await untilBooked(2300);
    meter?.use(pod, 7, 1);
    await meter?.write();
    await untilBooked(2307);
    expect(await series('aidc_region_unallocated_energy_joules_total', { scope: 'gpu' })).toBe(10);
    expect(await series('aidc_region_energy_joules_total', { scope: 'gpu' })).toBe(2317);
  });

  it('takes an agent that lost its state for one that begins anew', async () => {
    const { items } = await guian.list<Pod>(PODS, { namespace: 'team' });
    const [meter] = meters;
    meter?.begin();
    meter?.use(
      items.find(({ spec }) => spec.nodeName === meter.node),
      50,
      1,
    );
    await meter?.write();
    await untilBooked(2357);
    const told = async () => {
      const { items: events } = await hub.list<KubeObject & { reason: string; note: string }>(EVENTS, {});
      return events.find(({ reason }) => reason === 'MeterReset')?.note.includes('guian-h100-001') === true;
    };
    await eventually('an event', told, { timeoutMs: PATIENCE });
  });

  it('refuses a report that is none or without a board, and books on when it is mended', async () => {
    const name = `aidc-energy-${meters[0]?.node}`;
    await guian.mergePatch(CONFIG_MAPS, { namespace: 'aidc-system', name, body: { data: { totals: '{' } } });
    await eventually('refused', async () => ((await series('aidc_energy_refused_reports_total')) ?? 0) > 0, {
      timeoutMs: PATIENCE,
    });
    const empty = JSON.stringify({ gpus: [], pods: [], use: [] });
    const now = JSON.stringify({ trouble: 'nvidia-smi cannot be started', expected: 0, boards: [] });
    await guian.mergePatch(CONFIG_MAPS, {
      namespace: 'aidc-system',
      name,
      body: { data: { totals: empty, buckets: '[]', now } },
    });
    await eventually(
      'says so',
      async () => (await metered())?.message.includes(`sees no board: nvidia-smi cannot be started`) === true,
      {
        timeoutMs: PATIENCE,
      },
    );
    const { items } = await guian.list<Pod>(PODS, { namespace: 'team' });
    const [meter] = meters;
    meter?.use(
      items.find(({ spec }) => spec.nodeName === meter.node),
      3,
      1,
    );
    await meter?.write();
    await untilBooked(2360);
  });

  it('books what comes after the end, and what it was good for', async () => {
    const { items } = await guian.list<Pod>(PODS, { namespace: 'team' });
    await Promise.all(items.map(({ metadata: { name, namespace } }) => finish(guian, namespace ?? '', name)));
    await until('Succeeded', ({ status }) => status?.phase === 'Succeeded');
    const [, meter] = meters;
    meter?.use(
      items.find(({ spec }) => spec.nodeName === meter.node),
      40,
      1,
    );
    await meter?.write();
    const { status } = await until('the last joules', ({ status: now }) => now?.usage?.measured?.gpuJoules === 2400);
    const { facilityJoules = 0, lostJoules, measured, ...usage }: Partial<Usage> = status?.usage ?? {};
    const { usefulJoules = 0, startupJoules = 0, checkpointJoules = 0 } = usage;
    // 27 s of one of 8 boards: an eighth of the overhead.
    const itJoules = 2400 + (27 * 800) / 8;
    expect(measured).toMatchObject({ itJoules, facilityJoules: itJoules * 1.2 });
    expect(measured?.carbonMarketGrams).toBe(Math.round(((itJoules * 1.2) / 3.6e6) * 500 * 0.6));
    expect(lostJoules).toBe(0);
    expect(usefulJoules).toBeGreaterThan(0);
    expect(checkpointJoules).toBeGreaterThan(0);
    const classed = usefulJoules + startupJoules + checkpointJoules;
    expect(Math.abs(classed - (measured?.facilityJoules ?? 0))).toBeLessThanOrEqual(2);
    expect(facilityJoules).toBe(measured?.facilityJoules);
    const tenant = { tenant: 'team', scope: 'gpu' };
    const ofCheckpoints = await series('aidc_tenant_classed_energy_joules_total', { class: 'checkpoint' });
    expect(Math.round(ofCheckpoints ?? 0)).toBe(checkpointJoules);
    await eventually('the tenant', async () => (await series('aidc_tenant_energy_joules_total', tenant)) === 2400);
  });

  it('keeps its books under its label, in the operator’s namespace', async () => {
    const { items } = await hub.list(CONFIG_MAPS, { namespace: 'aidc-system', labelSelector: LABEL.ledger });
    expect(items.map(({ metadata }) => metadata.name)).toContain('aidc-ledger-guian-0');
  });
});

const training = (name: string): object => trainingOf(name, { trainer: { numNodes: 2 } });

/** Its program ends well. */
async function finish(member: KubeClient, namespace: string, name: string): Promise<void> {
  await member.mergePatch(PODS, { namespace, name, subresource: 'status', body: { status: { phase: 'Succeeded' } } });
}
