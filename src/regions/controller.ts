import {
  CONDITION,
  GROUP,
  REGIONAL_CLUSTER,
  type RegionalCluster,
  type RegionalClusterStatus,
  VERSION,
} from '../api/index.ts';
import { QUARTER_HOUR_MS } from '../core/local-time.ts';
import { pricePerKWhMicrosAt } from '../core/money.ts';
import { facilityWatts } from '../core/power/budget.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { KubeObject, Resource } from '../kube/resource.ts';
import type { StatusWriter } from '../kube/status-writer.ts';
import type { Store } from '../kube/store.ts';
import type { Clock } from '../runtime/clock.ts';
import { Controller, type ReconcileResult } from '../runtime/controller.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RuntimeMetrics } from '../runtime/metrics.ts';
import type { MemberConnection } from './member.ts';
import type { RegionProtection } from './protection.ts';
import type { MemberRegistry } from './registry.ts';
import { deriveStatus, type Observed, type Verdict } from './status.ts';

const RESOURCE: Resource = {
  group: GROUP,
  version: VERSION,
  plural: REGIONAL_CLUSTER.plural,
  kind: REGIONAL_CLUSTER.kind,
  namespaced: REGIONAL_CLUSTER.namespaced,
};

/** What agents tell. */
export interface Told {
  /** What conditions Metered and AcceleratorsHealthy say. */
  readonly metered: Verdict;
  readonly boards: Verdict;
  readonly powerDrawWatts: number | undefined;
}

export interface RegionControllerOptions {
  readonly clusters: Store<RegionalCluster>;
  readonly members: MemberRegistry;
  readonly status: Pick<StatusWriter, 'writeObject'>;
  readonly events: Pick<EventRecorder, 'event'>;
  /** Keeps a cluster that is in use from being deleted. */
  readonly protection?: RegionProtection;
  /** What agents tell of a member. */
  readonly metering?: (member: MemberConnection) => Told;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly metrics: RuntimeMetrics;
}

/** At most one write of inventory so often, in milliseconds. */
const INVENTORY_MS = 1_000;
/** Looked at so often while nothing else happens, in ms: `lastSyncTime` and power move once a minute, and not much later. */
const LOOK_MS = 15_000;
/** The registry hears of a new RegionalCluster about when we do. */
const SOON_MS = 50;

/** Keeps the status of every RegionalCluster true to what its connection sees. */
export function regionController(options: RegionControllerOptions): Controller {
  const { clusters, members, logger, clock, metrics } = options;
  const controller = new Controller({
    name: 'regional-cluster',
    reconcile: (key) => reconcile(key, options),
    concurrency: 4,
    logger,
    clock,
    metrics,
  });
  clusters.subscribe((event) => {
    if (event.type === 'updated' && !isNews(event.old, event.obj)) return;
    if (event.type !== 'deleted') controller.enqueue(event.key);
  });
  members.subscribe({
    attach: (member) => {
      controller.enqueue(member.name);
      return (member as MemberConnection).inventory.onChange(() => controller.enqueueAfter(member.name, INVENTORY_MS));
    },
    changed: (member) => controller.enqueue(member.name),
  });
  return controller;
}

async function reconcile(key: string, options: RegionControllerOptions): Promise<ReconcileResult> {
  const { clusters, members, clock, status, protection } = options;
  const object = clusters.get(key);
  if (object === undefined) return;
  const deleted = object.metadata.deletionTimestamp !== undefined;
  if (!deleted) await protection?.hold(RESOURCE, object);
  const member = members.get(key);
  if (member === undefined || member.object.metadata.uid !== object.metadata.uid) return { requeueAfterMs: SOON_MS };
  // A restart of ours, or a new token, is no news of the region.
  if (member.settling && object.status?.observedGeneration === object.metadata.generation) {
    return { requeueAfterMs: INVENTORY_MS };
  }
  const nowMs = clock.now();
  const wanted = deriveStatus(object, observe(object, member, nowMs, options.metering));
  const { outcome } = await status.writeObject(RESOURCE, object as RegionalCluster & KubeObject, wanted, clusters);
  if (outcome === 'conflict') return { requeueAfterMs: SOON_MS };
  if (outcome === 'written') tell(object, wanted, options);
  const again = deleted ? await protection?.release(RESOURCE, object) : undefined;
  return { requeueAfterMs: again ?? untilNext(nowMs) };
}

/** Our own status comes back, too: only what others change needs an answer. A delete is no new generation of its own. */
const isNews = ({ metadata: a }: RegionalCluster, { metadata: b }: RegionalCluster): boolean =>
  a.generation !== b.generation ||
  a.deletionTimestamp !== b.deletionTimestamp ||
  JSON.stringify(a.annotations) !== JSON.stringify(b.annotations);

function observe(
  object: RegionalCluster,
  member: MemberConnection,
  nowMs: number,
  metering: RegionControllerOptions['metering'],
): Observed {
  const { tariff, timezone } = object.spec.electricity;
  const price = pricePerKWhMicrosAt(tariff, timezone, nowMs);
  const { acceptedUid, version, clockSkewMs, lastAnswerMs, note } = member;
  return {
    nowMs,
    reachable: member.reachability(),
    problem: member.unusable(),
    ...(note === undefined ? {} : { note }),
    ...(acceptedUid === undefined ? {} : { clusterUID: acceptedUid }),
    ...(version === undefined ? {} : { version }),
    // Before the first full list it would count what was seen so far as all there is.
    ...(member.synced ? { inventory: member.inventory.summary(), powerWatts: powerOf(object, member) } : {}),
    ...(member.synced ? metering?.(member) : {}),
    ...(clockSkewMs === undefined ? {} : { skewMs: clockSkewMs }),
    ...(lastAnswerMs === undefined ? {} : { lastAnswerMs }),
    ...(price === null ? {} : { pricePerKWhMicros: price }),
  };
}

/** Facility watts, rounded up: a budget that is full is not shown as almost full. */
const powerOf = ({ spec }: RegionalCluster, { inventory }: MemberConnection): number =>
  Math.ceil(
    facilityWatts(inventory.power(), {
      puePermille: spec.puePermille,
      nodeOverheadWatts: spec.power.nodeOverheadWatts,
    }) - 1e-6,
  );

/** Until a price may change (tariffs do so on the quarter hour), at the latest until the time of contact is due. */
function untilNext(nowMs: number): number {
  const next = (Math.floor(nowMs / QUARTER_HOUR_MS) + 1) * QUARTER_HOUR_MS;
  return Math.min(LOOK_MS, next - nowMs + 1);
}

/** An event for each change of Ready and Reachable, and where boards are lost or degraded and well again. */
function tell(
  object: RegionalCluster,
  wanted: RegionalClusterStatus,
  { events, logger }: RegionControllerOptions,
): void {
  for (const type of [CONDITION.Ready, CONDITION.Reachable, CONDITION.AcceleratorsHealthy]) {
    const before = object.status?.conditions?.find((condition) => condition.type === type);
    const after = wanted.conditions?.find((condition) => condition.type === type);
    if (after === undefined || (before?.status === after.status && before.reason === after.reason)) continue;
    logger.info('region changed', { cluster: object.metadata.name, type, status: after.status, reason: after.reason });
    if (type === CONDITION.Reachable && after.status !== 'True') continue;
    // Boards are well until somebody says otherwise.
    if (type === CONDITION.AcceleratorsHealthy && after.status === 'True' && before?.status !== 'False') continue;
    if (after.status === 'Unknown' || after.reason === 'Connecting') continue;
    events.event(object, after.status === 'True' ? 'Normal' : 'Warning', after.reason, after.message);
  }
}
