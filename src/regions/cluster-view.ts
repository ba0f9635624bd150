import type { RegionalCluster } from '../api/index.ts';
import type { ClusterView } from '../core/model.ts';
import { carbonFactsOf } from '../core/money.ts';
import type { Inventory } from './inventory.ts';

/** A cluster as the pure core sees it. */
export function clusterView(
  cluster: RegionalCluster,
  inventory: Inventory,
  unusable: { reason: string; message: string } | undefined,
): ClusterView {
  const { spec } = cluster;
  const { budgetWatts } = spec.power;
  return {
    name: cluster.metadata.name,
    region: spec.region,
    jurisdiction: spec.location.jurisdiction,
    labels: cluster.metadata.labels ?? {},
    ...(unusable === undefined ? {} : { unusable }),
    accelerators: spec.accelerators,
    currency: spec.electricity.currency,
    tariff: spec.electricity.tariff,
    puePermille: spec.puePermille,
    ...carbonFactsOf(spec),
    nodeOverheadWatts: spec.power.nodeOverheadWatts,
    ...(budgetWatts === undefined ? {} : { power: { budgetWatts, reserved: inventory.power() } }),
    userLatency: Object.fromEntries(spec.userLatency.map((entry) => [entry.region, entry.ms])),
    nodes: inventory.table(),
  };
}
