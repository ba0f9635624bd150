import { createHash } from 'node:crypto';
import { LABEL, MEMBER_SYSTEM_NAMESPACE } from '../api/group.ts';
import {
  AGENT_MANAGED_BY,
  type BoardSight,
  NOBODY_INDEX,
  NODE_ENERGY_FORMAT,
  NODE_ENERGY_PREFIX,
  type NodeEnergyBuckets,
  type NodeEnergyNow,
  type NodeEnergyTotals,
  type NodeSight,
} from '../api/node-energy.ts';
import type { KubeClient } from '../kube/client.ts';
import { CONFIG_MAPS } from '../kube/resource.ts';
import type { LedgerState, Share } from './ledger.ts';
import type { Amounts } from './slice.ts';
import { type Entry, NOBODY, type PodRef, podKey } from './tally.ts';

/** An object may have 1 MiB; the oldest quarters of an hour give way. */
const MAX_BUCKETS_CHARS = 700_000;
const MAX_NAME = 253;
/** Standard errors of programs can be long. */
const MAX_TROUBLE = 500;
const FIELD_MANAGER = 'aidc-agent';

export interface NodeEnergy {
  readonly node: string;
  readonly series: string;
  readonly writtenAtMs: number;
  readonly ledger: LedgerState;
  readonly now: NodeNow;
}

/** What is seen at the moment. */
export type NodeNow = NodeSight<BoardNow>;

export interface BoardNow extends BoardSight {
  readonly shares: readonly Share[];
}

/** The `data` of the ConfigMap; `src/api/node-energy.ts` describes it. */
export function nodeEnergyOf({ node, series, writtenAtMs, ledger, now }: NodeEnergy): Record<string, string> {
  const gpus = new Map(ledger.gpus.map(({ uuid }, index) => [uuid, index]));
  const pods = new Map<string, PodRef>();
  for (const { entries } of [{ entries: ledger.totals }, ...ledger.buckets.closed])
    for (const { pod } of entries) if (podKey(pod) !== podKey(NOBODY)) pods.set(podKey(pod), pod);
  for (const { shares } of now.boards) for (const { pod } of shares) pods.set(podKey(pod), pod);
  const podIndex = new Map([...pods.keys()].map((key, index) => [key, index]));
  const use = (entries: readonly Entry[]): NodeEnergyTotals['use'] =>
    entries.map((entry) => {
      const pod = podIndex.get(podKey(entry.pod)) ?? NOBODY_INDEX;
      return [pod, gpus.get(entry.gpu) ?? 0, ...rounded(entry)];
    });
  const totals: NodeEnergyTotals = {
    gpus: ledger.gpus.map((gpu) => [gpu.uuid, ...rounded(gpu)]),
    pods: [...pods.values()].map(({ uid, namespace, name, run = '' }) => [uid, namespace, name, run]),
    use: use(ledger.totals),
  };
  const buckets: NodeEnergyBuckets = ledger.buckets.closed.map(({ sequence, startMs, entries }) => ({
    sequence,
    start: new Date(startMs).toISOString(),
    use: use(entries),
  }));
  return {
    format: NODE_ENERGY_FORMAT,
    node,
    series,
    writtenAt: new Date(writtenAtMs).toISOString(),
    totals: JSON.stringify(totals),
    buckets: newest(buckets.map((bucket) => JSON.stringify(bucket))),
    now: JSON.stringify(nowOf(now, podIndex)),
  };
}

const nowOf = ({ trouble, expected, boards }: NodeNow, podIndex: ReadonlyMap<string, number>): NodeEnergyNow => ({
  trouble: trouble.slice(0, MAX_TROUBLE),
  expected,
  boards: boards.map(({ uuid, health, watts, shares }) => [
    ...([uuid, health, watts === null ? null : Math.round(watts * 1000) / 1000] as const),
    shares.map(({ pod, share }) => [podIndex.get(podKey(pod)) ?? 0, share]),
  ]),
});

/** As many of the newest as there is room for. */
function newest(buckets: readonly string[]): string {
  let first = buckets.length;
  let chars = 2;
  while (first > 0 && chars + (buckets[first - 1] ?? '').length < MAX_BUCKETS_CHARS) {
    first -= 1;
    chars += (buckets[first] ?? '').length + 1;
  }
  return `[${buckets.slice(first).join(',')}]`;
}

/** To a microjoule and a microsecond: the rest is noise and would triple the size. */
function rounded({ joules, gpuSeconds, gapSeconds }: Amounts): [number, number, number] {
  const round = (amount: number): number => Math.round(amount * 1e6) / 1e6;
  return [round(joules), round(gpuSeconds), round(gapSeconds)];
}

/** The node's name in it, or as much of it as there is room for and a hash. */
export function energyMapName(node: string): string {
  const name = `${NODE_ENERGY_PREFIX}${node}`;
  if (name.length <= MAX_NAME) return name;
  const hash = createHash('sha256').update(node).digest('hex').slice(0, 10);
  return `${name.slice(0, MAX_NAME - hash.length - 1)}-${hash}`;
}

/** Creates or replaces the node's ConfigMap. */
export async function writeEnergyMap(client: Pick<KubeClient, 'apply'>, energy: NodeEnergy): Promise<void> {
  const name = energyMapName(energy.node);
  await client.apply(CONFIG_MAPS, {
    namespace: MEMBER_SYSTEM_NAMESPACE,
    name,
    fieldManager: FIELD_MANAGER,
    body: {
      metadata: { name, namespace: MEMBER_SYSTEM_NAMESPACE, labels: { [LABEL.managedBy]: AGENT_MANAGED_BY } },
      data: nodeEnergyOf(energy),
    },
  });
}
