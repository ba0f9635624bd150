import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { NO_CLASSES, NO_SUMS } from '../energy/index.ts';
import type { Ledger } from '../ledger/index.ts';
import { LedgerMetrics } from './ledger-metrics.ts';

it('tells money of tenants in the currencies of the books, also of regions that were deleted', async () => {
  const registry = new Registry();
  const tenant = { measured: NO_SUMS, estimated: NO_SUMS, classes: NO_CLASSES };
  const costs = new Map([['art', { CNY: 5_000_000, USD: 2_000_000, '': 1 }]]);
  const books = { region: 'guian', costs, uses: new Map(), tenants: new Map([['art', tenant]]) };
  const told = new Map([['guian', { ...books, others: NO_SUMS, idle: NO_SUMS }]]);
  const ledger = { isLoaded: true, told, accounts: [] } as unknown as Ledger;
  // No RegionalCluster is left.
  new LedgerMetrics(registry, { clusters: new Map() } as never, { list: () => [] } as never, ledger).collect();
  const text = await registry.metrics();
  const cost = [...text.matchAll(/^aidc_tenant_energy_cost_total{(.*)} (.*)$/gm)].map(([, labels, value]) => [
    labels,
    value,
  ]);
  expect(cost).toEqual([
    ['tenant="art",region="guian",currency="CNY"', '5'],
    ['tenant="art",region="guian",currency="USD"', '2'],
  ]);
});
