import type { Condition, ConditionType, Inventory, RegionalCluster, RegionalClusterStatus } from '../api/index.ts';
import { CONDITION } from '../api/index.ts';
import { iso } from '../core/iso.ts';
import { carbonFactsOf, gramsPerKWhAt } from '../core/money.ts';
import { MEMBER_REASON, type Problem, REGION_REASON } from './reasons.ts';

export interface Verdict {
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
}

/** What the controller knows of a member at one moment. Absent: not known now, what was written before stays. */
export interface Observed {
  readonly nowMs: number;
  readonly reachable: Verdict;
  /** Why it is not usable; undefined: Ready. */
  readonly problem: Problem | undefined;
  readonly metered?: Verdict;
  /** Whether its boards are healthy. */
  readonly boards?: Verdict;
  /** Facility power as it is measured; undefined: nobody measures. */
  readonly powerDrawWatts?: number | undefined;
  /** Something short of a problem, said in Ready's message. */
  readonly note?: string;
  readonly clusterUID?: string;
  readonly version?: string;
  readonly inventory?: readonly Inventory[];
  readonly powerWatts?: number;
  readonly skewMs?: number;
  readonly lastAnswerMs?: number;
  readonly pricePerKWhMicros?: number;
}

export function deriveStatus(cluster: RegionalCluster, observed: Observed): RegionalClusterStatus {
  const old = cluster.status ?? {};
  const clusterUID = old.clusterUID ?? observed.clusterUID;
  const version = observed.version ?? old.version;
  const inventory = observed.inventory ?? old.inventory;
  const powerWatts = observed.powerWatts ?? old.powerWatts;
  const lastSyncTime = syncTime(old.lastSyncTime, observed.lastAnswerMs);
  const powerDrawWatts = drawOf(old, observed, lastSyncTime);
  const clockSkewSeconds = skewSeconds(old.clockSkewSeconds, observed.skewMs);
  return {
    ...(cluster.metadata.generation === undefined ? {} : { observedGeneration: cluster.metadata.generation }),
    conditions: conditions(cluster, observed),
    ...(clusterUID === undefined ? {} : { clusterUID }),
    ...(version === undefined ? {} : { version: version.slice(0, 64) }),
    ...(inventory === undefined ? {} : { inventory: [...inventory] }),
    ...(powerWatts === undefined ? {} : { powerWatts }),
    ...(powerDrawWatts === undefined ? {} : { powerDrawWatts }),
    ...(lastSyncTime === undefined ? {} : { lastSyncTime }),
    ...(clockSkewSeconds === undefined ? {} : { clockSkewSeconds }),
    display: display(cluster, inventory, powerDrawWatts, observed),
  };
}

function conditions(cluster: RegionalCluster, observed: Observed): Condition[] {
  const ready: Verdict =
    observed.problem === undefined
      ? { status: 'True', reason: REGION_REASON.Ready, message: readyMessage(observed.note) }
      : { status: 'False', ...observed.problem };
  const result = new Map((cluster.status?.conditions ?? []).map((condition) => [condition.type, condition]));
  set(result, CONDITION.Ready, ready, cluster, observed.nowMs);
  set(result, CONDITION.Reachable, observed.reachable, cluster, observed.nowMs);
  if (observed.metered !== undefined) set(result, CONDITION.Metered, observed.metered, cluster, observed.nowMs);
  if (observed.boards !== undefined) {
    set(result, CONDITION.AcceleratorsHealthy, observed.boards, cluster, observed.nowMs);
  }
  return [...result.values()];
}

const readyMessage = (note: string | undefined): string => `It can be given work.${note ? ` ${note}` : ''}`;

function set(
  into: Map<string, Condition>,
  type: ConditionType,
  verdict: Verdict,
  cluster: RegionalCluster,
  nowMs: number,
): void {
  const before = into.get(type);
  const { generation } = cluster.metadata;
  into.set(type, {
    type,
    status: verdict.status,
    reason: verdict.reason,
    message: before !== undefined && isSameOutage(before, verdict) ? before.message : verdict.message.slice(0, 4096),
    lastTransitionTime: before?.status === verdict.status ? before.lastTransitionTime : iso(nowMs),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  });
}

/** While one outage lasts its first report stands, so that its cause and time survive a restart of ours. */
function isSameOutage(before: Condition, now: Verdict): boolean {
  if (now.reason !== MEMBER_REASON.Unreachable && now.reason !== MEMBER_REASON.CredentialsRefused) return false;
  const server = (message: string): string => message.slice(0, message.indexOf(' '));
  return before.status === now.status && before.reason === now.reason && server(before.message) === server(now.message);
}

const MINUTE = 60_000;

/** At most one new value a minute. */
function syncTime(old: string | undefined, lastAnswerMs: number | undefined): string | undefined {
  if (lastAnswerMs === undefined) return old;
  if (old !== undefined && Math.abs(lastAnswerMs - Date.parse(old)) < MINUTE) return old;
  return iso(lastAnswerMs);
}

/** A new value with the time of contact, as it is never the same twice. */
function drawOf(
  { lastSyncTime, powerDrawWatts: old }: RegionalClusterStatus,
  { powerDrawWatts }: Observed,
  nextSyncTime: string | undefined,
): number | undefined {
  if (powerDrawWatts === undefined) return undefined;
  return old === undefined || lastSyncTime !== nextSyncTime ? Math.round(powerDrawWatts) : old;
}

/** In steps of 10 s, and unmoved while the step before is still about right, so that it does not flap. */
export function skewSeconds(old: number | undefined, skewMs: number | undefined): number | undefined {
  if (skewMs === undefined) return old;
  const seconds = skewMs / 1000;
  if (old !== undefined && Math.abs(seconds - old) < 8) return old;
  return Math.round(seconds / 10) * 10 + 0;
}

function display(
  cluster: RegionalCluster,
  inventory: readonly Inventory[] | undefined,
  powerDrawWatts: number | undefined,
  { nowMs, pricePerKWhMicros: price }: Observed,
): NonNullable<RegionalClusterStatus['display']> {
  const { spec } = cluster;
  const sum = (of: (line: Inventory) => number): number => (inventory ?? []).reduce((all, line) => all + of(line), 0);
  return {
    ...(inventory === undefined ? {} : { gpus: `${sum((line) => line.free)}/${sum((line) => line.allocatable)}` }),
    ...(price === undefined ? {} : { price: `${(price / 1_000_000).toFixed(3)} ${spec.electricity.currency}/kWh` }),
    pue: (spec.puePermille / 1000).toFixed(2),
    co2: `${gramsPerKWhAt(carbonFactsOf(spec), nowMs)} g/kWh`,
    ...(powerDrawWatts === undefined ? {} : { power: `${(powerDrawWatts / 1000).toFixed(1)} kW` }),
  };
}
