/** What workloads hold now and have used, from their status and that of the clusters. */
import type { Usage } from '../api/common.ts';
import { CONDITION } from '../api/conditions.ts';
import type { Admission } from '../api/decision.ts';
import type { ModelServing } from '../api/model-serving.ts';
import type { ModelTraining } from '../api/model-training.ts';
import type { RegionalCluster } from '../api/regional-cluster.ts';
import { rates } from '../core/money.ts';
import { addMoney, energyFactsOf, estimate, holdingOf, isEstimate, type Money, someMoney } from '../energy/index.ts';
import type { KubeObject } from '../kube/resource.ts';
import { CLUSTERS, SERVINGS, TRAININGS } from './kinds.ts';
import type { Session } from './session.ts';

export interface Sums {
  readonly gpuSeconds: number;
  readonly facilityJoules: number;
  readonly costMicros: number;
  readonly carbonGrams: number;
}

/** Nodes held in one cluster, by a training or one replica. */
export interface Held {
  readonly region: string;
  readonly gpus: number;
  /** Facility power by configuration; absent: nothing is known of the cluster. */
  readonly watts?: number;
}

export interface Account {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly tenant: string;
  readonly queue: string;
  readonly phase: string;
  readonly accelerator: string;
  readonly held: readonly Held[];
  /** Facility power as agents measured it when use was last booked; absent: not all of it was measured. */
  readonly drawWatts?: number;
  /** The booked sums and what is held since then; energy since then only where no agent measures it. */
  readonly live: Sums;
  /** Money in other currencies than that one. */
  readonly otherCosts: Money;
  /** Of the money; absent: nothing was used, or nothing is known of the cluster. */
  readonly currency?: string;
  /** Some of it was not measured. */
  readonly isEstimate: boolean;
}

type Workload = (ModelTraining | ModelServing) & KubeObject;
type Hold = Pick<Admission, 'cluster' | 'accelerator' | 'gpusPerNode' | 'admittedAt'>;

const NOTHING: Sums = { gpuSeconds: 0, facilityJoules: 0, costMicros: 0, carbonGrams: 0 };

export const add = (a: Sums, b: Sums): Sums => ({
  gpuSeconds: a.gpuSeconds + b.gpuSeconds,
  facilityJoules: a.facilityJoules + b.facilityJoules,
  costMicros: a.costMicros + b.costMicros,
  carbonGrams: a.carbonGrams + b.carbonGrams,
});

const rounded = ({ gpuSeconds, facilityJoules, costMicros, carbonGrams }: Sums): Sums => ({
  gpuSeconds: Math.round(gpuSeconds),
  facilityJoules: Math.round(facilityJoules),
  costMicros: Math.round(costMicros),
  carbonGrams: Math.round(carbonGrams),
});

/** @param clusters those that may be read; without its cluster a holding has no power */
export function accountsOf(
  trainings: readonly (ModelTraining & KubeObject)[],
  servings: readonly (ModelServing & KubeObject)[],
  clusters: readonly RegionalCluster[],
  nowMs: number,
): Account[] {
  const known = new Map(clusters.map((cluster) => [cluster.metadata.name, cluster]));
  return [
    ...trainings.map((training) => {
      const { admission } = training.status ?? {};
      return account(
        training,
        admission === undefined ? [] : [admission],
        training.spec.trainer.numNodes,
        known,
        nowMs,
      );
    }),
    ...servings.map((serving) =>
      account(serving, serving.status?.admissions ?? [], serving.spec.nodesPerReplica, known, nowMs),
    ),
  ];
}

function account(
  workload: Workload,
  holds: readonly Hold[],
  pods: number,
  clusters: ReadonlyMap<string, RegionalCluster>,
  nowMs: number,
): Account {
  const { metadata, spec, status, kind = '' } = workload;
  const { usage, placement } = status ?? {};
  const namespace = metadata.namespace ?? '';
  const parts = holds.map((hold) => holding(hold, pods, clusters.get(hold.cluster), usage, placement?.region, nowMs));
  const currency = usage?.currency ?? clusters.get(holds[0]?.cluster ?? '')?.spec.electricity.currency;
  const booked = [usage, ...(usage?.otherCosts ?? [])].map((one) => one && { [one.currency]: one.costMicros });
  const spent = parts.map(({ money }) => money);
  const { [currency ?? '']: micros = 0, ...otherCosts } = [...booked, ...spent].reduce<Money>(addMoney, {});
  const costMicros = Math.round(micros);
  return {
    kind,
    namespace,
    name: metadata.name,
    tenant: status?.tenant ?? namespace,
    queue: status?.queue ?? spec.queue ?? '',
    phase: status?.phase ?? 'Pending',
    accelerator: holds[0]?.accelerator ?? placement?.accelerator ?? '',
    held: parts.map(({ held }) => held),
    ...(usage?.drawWatts === undefined || parts.length === 0 ? {} : { drawWatts: usage.drawWatts }),
    live: { ...rounded(parts.map(({ open }) => open).reduce(add, usage ?? NOTHING)), costMicros },
    otherCosts: someMoney(otherCosts),
    ...(currency === undefined ? {} : { currency }),
    isEstimate: usage === undefined || isEstimate(usage) || parts.some(({ open }) => open.facilityJoules > 0),
  };
}

/**
 * One hold now, and what it has used since the last booking, by the same formula as the operator's own metrics. Energy
 * that agents measure is in the next booking: an estimate of it would be taken back then.
 */
function holding(
  hold: Hold,
  pods: number,
  cluster: RegionalCluster | undefined,
  usage: Usage | undefined,
  region: string | undefined,
  nowMs: number,
): { held: Held; open: Sums; money?: Money } {
  const gpus = hold.gpusPerNode * pods;
  if (cluster === undefined) return { held: { region: region ?? hold.cluster, gpus }, open: NOTHING };
  const { total = 0, nodes = 0 } = cluster.status?.inventory?.find(({ type }) => type === hold.accelerator) ?? {};
  const what = holdingOf(hold, pods, nodes === 0 ? 0 : total / nodes);
  const facts = energyFactsOf(cluster);
  const accelerator = facts.accelerators.find(({ type }) => type === hold.accelerator) ?? null;
  const { watts } = rates({ cluster: facts, accelerator, gpus, nodeShare: what.nodeShare }, nowMs);
  const fromMs = Math.max(Date.parse(hold.admittedAt), Date.parse(usage?.until ?? hold.admittedAt));
  const unmetered = () => (usage?.source === 'Integrated' || isAllMetered(cluster) ? 0 : 1);
  const { gpuSeconds, gpuMicros, energy } = estimate({ facts, holding: what, unmetered }, fromMs, nowMs);
  const { facilityJoules, carbonGrams } = energy;
  const open = { ...NOTHING, gpuSeconds, facilityJoules, carbonGrams };
  const money = { [facts.currency]: gpuMicros + energy.costMicros };
  return { held: { region: cluster.spec.region, gpus, watts }, open, money };
}

/** The agents of all its accelerator nodes measure. */
export const isAllMetered = ({ status }: RegionalCluster): boolean =>
  status?.conditions?.some((one) => one.type === CONDITION.Metered && one.status === 'True') === true;

/** Reads what the accounts follow from. Without the right to read RegionalClusters they are told as far as they go. */
export async function readAccounts({
  connect,
  io,
}: Session): Promise<{ accounts: Account[]; clusters: RegionalCluster[] }> {
  const hub = connect();
  const [trainings, servings, clusters] = await Promise.all([
    hub.list<ModelTraining>(TRAININGS),
    hub.list<ModelServing>(SERVINGS),
    hub.ifAllowed(hub.list<RegionalCluster>(CLUSTERS)),
  ]);
  if (clusters === null) {
    io.note('You may not read RegionalClusters: power is not known, and use is what status.usage has booked.\n');
  }
  return { accounts: accountsOf(trainings, servings, clusters ?? [], io.now()), clusters: clusters ?? [] };
}

/** Rows by a key, in the order of the key. */
export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): [key: string, items: T[]][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
}
