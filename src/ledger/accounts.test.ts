import { describe, expect, it } from 'vitest';
import { aHeldReplica, anAdmission, aServing, aTraining } from '../../test/support/builders.ts';
import type { ModelServing, ModelTraining, RegionalCluster, Usage } from '../api/index.ts';
import { Store } from '../kube/store.ts';
import { aRegion } from '../regions/testing.ts';
import { noopLogger } from '../runtime/logger.ts';
import { Accounts } from './accounts.ts';
import { fakeClient } from './testing.ts';

const at = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
const usage = (minute: number, gpuSeconds: number, costMicros: number): Usage => ({
  ...{ gpuSeconds, costMicros, facilityJoules: 0, carbonGrams: 0 },
  ...{ currency: 'CNY', until: at(minute), source: 'Estimate' },
});

function aHub() {
  const clusters = new Store<RegionalCluster & { metadata: { resourceVersion: string } }>();
  for (const name of ['guian', 'lingang']) {
    const electricity = { ...aRegion(name).spec.electricity, ...(name === 'lingang' ? { currency: 'USD' } : {}) };
    const region = aRegion(name, { electricity });
    clusters.apply({ ...region, metadata: { ...region.metadata, resourceVersion: '1' } } as never);
  }
  const hub = {
    ...{ trainings: new Store<ModelTraining>(), servings: new Store<ModelServing>(), clusters },
    namespaces: new Store(),
  };
  const client = fakeClient();
  const open = async (): Promise<Accounts> => {
    const options = { hub: hub as never, client: client as never, namespace: 'aidc-system', logger: noopLogger };
    const accounts = new Accounts(options);
    await accounts.load();
    return accounts;
  };
  let version = 10;
  const metadata = () => {
    version += 1;
    return { resourceVersion: `${version}` };
  };
  return {
    ...{ hub, open },
    training: (status: ModelTraining['status'] & object) =>
      hub.trainings.apply(aTraining({ status: { tenant: 't', ...status }, metadata: metadata() })),
    serving: (status: ModelServing['status'] & object) => {
      const serving = aServing({ status: { tenant: 't', ...status } });
      hub.servings.apply({ ...serving, metadata: { ...serving.metadata, ...metadata() } });
    },
  };
}
const byRegion = (accounts: Accounts, key: 'gpuSeconds' | 'failed' = 'gpuSeconds') =>
  Object.fromEntries(accounts.told.map((one) => [one.region, one[key]]));

const west = aHeldReplica(0, { attempt: 1, cluster: 'guian', assignment: 'gpu-1:1', admittedAt: at(0) });
const east = aHeldReplica(1, { attempt: 2, cluster: 'lingang', assignment: 'gpu-1:1', admittedAt: at(10) });
const placement = { region: 'guian', cluster: 'guian' } as NonNullable<ModelServing['status']>['placement'] & object;

describe('accounts of tenants', () => {
  it('give each region of a serving what it used there', async () => {
    const { open, serving } = aHub();
    const accounts = await open();
    serving({ placement, admissions: [west], usage: usage(10, 600, 0) });
    await accounts.turn();
    serving({ placement, admissions: [west, east], usage: usage(10, 600, 0) });
    await accounts.turn();
    const otherCosts = [{ currency: 'USD', costMicros: 9, reckonedMicros: 8 }];
    serving({ placement, admissions: [west, east], usage: { ...usage(20, 1800, 100), otherCosts } });
    await accounts.turn();
    expect(byRegion(accounts)).toEqual({ guian: 1200, lingang: 600 });
    const money = accounts.told.map(({ region, currency, reckoned }) => [region, currency, reckoned.costMicros]);
    expect(money).toEqual([
      ['guian', 'CNY', 100],
      ['lingang', 'USD', 8],
    ]);
  });

  it('give the region the last minutes of a serving that holds nothing any more, also after a restart', async () => {
    const { hub, open, serving } = aHub();
    let accounts = await open();
    serving({ placement, admissions: [west], usage: usage(10, 600, 0) });
    await accounts.turn();
    accounts = await open();
    // In the write that closes its use it has no place any more.
    serving({ admissions: [], usage: usage(12, 720, 0) });
    await accounts.turn();
    expect(byRegion(accounts)).toEqual({ guian: 720 });
    serving({ admissions: [], usage: usage(12, 721, 0) });
    hub.servings.remove('team/chat');
    await accounts.turn();
    expect(byRegion(accounts)).toEqual({ guian: 721 });
  });

  it('give the next attempt its own region', async () => {
    const { open, training } = aHub();
    const accounts = await open();
    const first = anAdmission({ assignment: 'gpu-1:1', admittedAt: at(0) });
    training({ admission: first, usage: usage(10, 4800, 0) });
    await accounts.turn();
    training({ usage: usage(11, 5280, 0) });
    await accounts.turn();
    const next = anAdmission({ attempt: 2, cluster: 'lingang', assignment: 'gpu-1:1', admittedAt: at(60) });
    // Both between two looks: nothing was held meanwhile.
    training({ admission: next, usage: usage(61, 5760, 0) });
    await accounts.turn();
    expect(byRegion(accounts)).toEqual({ guian: 5280, lingang: 480 });
  });

  it('count a training that failed before it held anything, once', async () => {
    const { open, training } = aHub();
    let accounts = await open();
    const failed = { type: 'Failed', status: 'True', reason: 'R', message: '', lastTransitionTime: at(0) } as const;
    training({ conditions: [failed] });
    await accounts.turn();
    expect(byRegion(accounts, 'failed')).toEqual({ '': 1 });
    accounts = await open();
    await accounts.turn();
    expect(byRegion(accounts, 'failed')).toEqual({ '': 1 });
  });
});
