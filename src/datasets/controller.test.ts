import { describe, expect, it } from 'vitest';
import { type Dataset, datasetSpec, type ModelTraining, type RegionalCluster } from '../api/index.ts';
import type { HubStores } from '../hub/index.ts';
import { Store } from '../kube/store.ts';
import { FakeClock } from '../runtime/clock.ts';
import { noopLogger } from '../runtime/logger.ts';
import { noopMetrics } from '../runtime/metrics.ts';
import { datasetController } from './controller.ts';

const dataset = (regions: string[]): Dataset => ({
  metadata: { name: 'corpus', namespace: 'ns', uid: 'uid-corpus', resourceVersion: '1', generation: 1 },
  spec: datasetSpec.parse({ locations: regions.map((region) => ({ region, uri: 's3://corpus' })) }),
});

const training = (name: string, resourceVersion: string, over: { namespace?: string; done?: boolean } = {}) =>
  ({
    metadata: { name, namespace: over.namespace ?? 'ns', uid: `uid-${name}`, resourceVersion, generation: 1 },
    spec: { datasets: [{ name: 'corpus' }] },
    status: { conditions: over.done === true ? [{ type: 'Complete', status: 'True' }] : [] },
  }) as unknown as ModelTraining;

const region = (name: string): RegionalCluster =>
  ({
    metadata: { name, uid: `uid-${name}`, resourceVersion: '1', generation: 1 },
    spec: { region: name, location: { zone: 'West', jurisdiction: 'CN-GZ' } },
  }) as unknown as RegionalCluster;

function setUp() {
  const clock = new FakeClock();
  const hub = {
    datasets: new Store<Dataset>(),
    trainings: new Store<ModelTraining>(),
    clusters: new Store<RegionalCluster>(),
  };
  const written: { usableRegions?: string[]; usedBy?: number }[] = [];
  const events: string[] = [];
  let version = 1;
  const controller = datasetController({
    hub: hub as unknown as HubStores,
    status: {
      writeObject: async (_resource, object, status, store) => {
        if (JSON.stringify(object.status) === JSON.stringify(status)) return { outcome: 'unchanged' };
        written.push(status);
        version += 1;
        const metadata = { ...object.metadata, resourceVersion: String(version) };
        const stored = { ...object, metadata, status };
        store?.applyIfCurrent(stored, object.metadata.resourceVersion);
        return { outcome: 'written', object: stored };
      },
    },
    events: { event: (_object, type, reason, note) => void events.push(`${type} ${reason}: ${note}`) },
    clock,
    logger: noopLogger,
    metrics: noopMetrics,
  });
  const abort = new AbortController();
  const ended = controller.run(abort.signal);
  const stop = async (): Promise<void> => {
    abort.abort();
    await ended;
  };
  return { ...hub, clock, written, events, stop };
}

describe('the dataset controller', () => {
  it('follows the regions there are', async () => {
    const { datasets, clusters, clock, written, stop } = setUp();
    datasets.apply(dataset(['guian']));
    await clock.advance(100);
    expect(written.at(-1)).toMatchObject({ usableRegions: [], usedBy: 0 });
    clusters.apply(region('guian'));
    await clock.advance(100);
    expect(written.at(-1)).toMatchObject({ usableRegions: ['guian'] });
    clusters.remove('guian');
    await clock.advance(100);
    expect(written.at(-1)).toMatchObject({ usableRegions: [] });
    await stop();
  });

  it('counts unfinished trainings of its namespace, a burst of them in one write', async () => {
    const { datasets, trainings, clock, written, stop } = setUp();
    datasets.apply(dataset(['guian']));
    await clock.advance(100);
    for (let i = 0; i < 50; i += 1) trainings.apply(training(`t${i}`, '1'));
    trainings.apply(training('stranger', '1', { namespace: 'other' }));
    await clock.advance(1000);
    expect(written.map((status) => status.usedBy)).toEqual([0, 50]);
    trainings.apply(training('t0', '2', { done: true }));
    trainings.remove('ns/t1');
    await clock.advance(1000);
    expect(written.map((status) => status.usedBy)).toEqual([0, 50, 48]);
    await stop();
  });

  it('tells by an event that it is deleted while in use, and only then', async () => {
    const { datasets, trainings, clock, events, stop } = setUp();
    datasets.apply(dataset(['guian']));
    trainings.apply(training('done', '1', { done: true }));
    datasets.remove('ns/corpus');
    expect(events).toEqual([]);
    datasets.apply(dataset(['guian']));
    trainings.apply(training('tuning', '1'));
    datasets.remove('ns/corpus');
    await clock.advance(1000);
    expect(events).toEqual([expect.stringMatching(/^Warning DeletedInUse: unfinished trainings name it: tuning;/)]);
    await stop();
  });
});
