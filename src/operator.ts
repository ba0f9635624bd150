import { randomUUID } from 'node:crypto';
import type { Config } from './config/index.ts';
import { datasetController } from './datasets/index.ts';
import { estimatedUse, HubGate, HubStores } from './hub/index.ts';
import { KubeClient } from './kube/client.ts';
import type { ClusterCredentials } from './kube/credentials.ts';
import { EventRecorder } from './kube/events.ts';
import { LeaderElector } from './kube/leader-elector.ts';
import { type KubeObject, NAMESPACES } from './kube/resource.ts';
import { StatusWriter } from './kube/status-writer.ts';
import { Ledger } from './ledger/index.ts';
import type { Probes } from './observability/health.http.ts';
import {
  BudgetMetrics,
  CentreMetrics,
  EventLoopWatch,
  LedgerMetrics,
  type PrometheusMetrics,
  ScrapeAccess,
  WorkloadMetrics,
  type WorkloadSeries,
} from './observability/index.ts';
import { quoteController } from './quotes/index.ts';
import { type ClusterUsers, MemberRegistry, RegionProtection, regionController } from './regions/index.ts';
import { systemClock } from './runtime/clock.ts';
import type { Controller } from './runtime/controller.ts';
import type { Logger } from './runtime/logger.ts';
import { Manager, type Runnable } from './runtime/manager.ts';
import { queueController, Scheduler } from './scheduling/index.ts';
import { servingController } from './serving/index.ts';
import { trainingControllers } from './training/index.ts';
import { HonourCheck } from './workloads/honour.ts';
import { LifeMetrics } from './workloads/life-metrics.ts';
import { MemberNamespaces } from './workloads/namespaces.ts';
import { Sweep } from './workloads/sweep.ts';
import { Tombstones } from './workloads/tombstones.ts';

export interface OperatorOptions {
  readonly config: Config;
  readonly credentials: ClusterCredentials;
  readonly logger: Logger;
  readonly metrics: PrometheusMetrics;
  /** Called once when a part ended that must not, or leadership was lost: the process must exit. */
  readonly fatal: (error: Error) => void;
}

const LEASE = 'aidc-operator';
/** Requests a second that questions about tokens may make. */
const REVIEW_QPS = 20;

export interface Operator {
  readonly manager: Manager;
  readonly probes: Probes;
  readonly hub: HubStores;
  readonly scheduler: Scheduler;
  readonly elector: LeaderElector;
  /** Who may read metrics, where that is asked. */
  readonly scrapeAccess: ScrapeAccess;
  /**
   * Runs until the signal aborts; releases the lease last, then closes the connections. Nothing is listed or led before
   * the hub has what this release needs; throws UnsuitableHub where it will not have it.
   */
  run(signal: AbortSignal): Promise<void>;
}

/**
 * The operator, wired: which part gets what, in one place. Everything below is plain classes with constructor
 * arguments. Resolves once the hub has said who it is; rejects with the client's error when it does not answer.
 */
export async function buildOperator(options: OperatorOptions): Promise<Operator> {
  const { config, credentials, logger, metrics } = options;
  const clock = systemClock;
  const base = { credentials, metrics, clock, userAgent: 'aidc-operator' };
  // The lease has a client of its own: its writes are what the guard of all others stands on.
  const leaseClient = new KubeClient({ ...base, cluster: 'hub', maxConnections: 4 });
  const hubId = await hubIdentity(leaseClient);
  const elector = new LeaderElector({
    client: leaseClient,
    namespace: config.namespace,
    name: LEASE,
    // Unique per life of the process: a restart must not take itself for the holder.
    identity: `${config.identity}_${randomUUID()}`,
    config: {
      leaseDurationMs: config.leaseSeconds * 1000,
      renewDeadlineMs: config.renewSeconds * 1000,
      retryPeriodMs: config.retrySeconds * 1000,
    },
    clock,
    logger,
    metrics,
    onLost: (reason) => options.fatal(new Error(`leadership lost: ${reason}`)),
  });
  const beforeWrite = elector.guard();
  const client = new KubeClient({ ...base, cluster: 'hub', qps: config.hubQps, maxConnections: 40, beforeWrite });
  // Asked by every replica, and by people unknown: it must not take a turn from the others.
  const reviewClient = new KubeClient({ ...base, cluster: 'hub', qps: REVIEW_QPS, maxConnections: 2 });
  const scrapeAccess = new ScrapeAccess({ client: reviewClient, clock, logger });
  const { namespace, kubeconfigSecrets: secretNames } = config;
  const hub = new HubStores({ client, namespace, secretNames, clock, logger, metrics });
  const members = new MemberRegistry({
    clusters: hub.clusters,
    secrets: hub.secrets,
    secretNames,
    namespace,
    hubId,
    hubCredentials: credentials,
    allowFileKubeconfigs: config.allowKubeconfigExec,
    qps: config.memberQps,
    beforeWrite,
    clock,
    logger,
    metrics,
  });
  const status = new StatusWriter({ client, concurrency: 40, fieldManager: 'aidc-operator', metrics });
  const events = new EventRecorder({
    client,
    component: 'aidc-operator',
    instance: config.identity,
    clock,
    logger,
    metrics,
  });
  const gate = new HubGate({ client: leaseClient, clock, logger, metrics });
  const ready = (): boolean => hub.synced && members.list().every((member) => !member.settling);
  const epoch = (): number | undefined => (elector.isLeader() ? elector.epoch : undefined);
  const scheduler = new Scheduler({
    members,
    queues: hub.queues,
    namespaces: hub.namespaces,
    epoch,
    ready,
    use: estimatedUse(members),
    clock,
    logger,
    metrics,
  });
  const ledger = new Ledger({
    hub,
    members,
    client,
    namespace: config.namespace,
    periodMs: config.ledgerSeconds * 1000,
    events,
    clock,
    logger,
    metrics,
  });
  const namespaces = new MemberNamespaces(members, config.createNamespaces);
  const life = new LifeMetrics(metrics);
  hub.queues.subscribe(({ type, obj }) => {
    if (type === 'deleted') life.forget(obj.metadata.name);
  });
  const tombstones = new Tombstones(client, config.namespace);
  const shared = { hub, client, members, scheduler, status, events, clock, logger, metrics, workers: config.workers };
  const workload = {
    ...shared,
    hubId,
    namespaces,
    energy: ledger,
    life,
    tombstones,
    honour: new HonourCheck(members, namespaces, () => clock.now()),
    settings: {
      bindTimeoutMs: config.bindTimeoutSeconds * 1000,
      nodeLostMs: config.nodeLostSeconds * 1000,
      avoidMs: config.avoidSeconds * 1000,
      skewBoundMs: config.skewBoundSeconds * 1000,
      rehearse: config.rehearse,
    },
  };
  const protection = new RegionProtection({ client, events, users: clusterUsers(scheduler, tombstones, ready) });
  const regions = regionController({
    ...shared,
    clusters: hub.clusters,
    protection,
    metering: (member) => ({
      metered: ledger.metering(member),
      boards: ledger.boards(member.name),
      powerDrawWatts: ledger.clusterDraw(member.name)?.facilityWatts,
    }),
  });
  ledger.onMetering((cluster) => regions.enqueue(cluster));
  const controllers: Controller[] = [
    regions,
    queueController({ ...shared, queues: hub.queues, workloads: [hub.trainings, hub.servings], ready }),
    datasetController(shared),
    quoteController({ ...shared, namespaces, ready }),
    ...trainingControllers(workload),
    servingController(workload),
  ];
  const known = (uid: string): boolean =>
    [...hub.trainings.list(), ...hub.servings.list()].some((object) => object.metadata.uid === uid);
  const sweep = new Sweep({ hubId, members, tombstones, known, ready, clock, logger, metrics });
  const loop = new EventLoopWatch(metrics);
  collectState(metrics, hub, members, scheduler, ledger, clock.now, {
    max: config.maxWorkloadSeries,
    labels: config.workloadLabels,
  });
  const manager = new Manager({
    leadership: elector,
    logger,
    clock,
    fatal: options.fatal,
    runnables: [
      { name: 'hub stores', run: (signal) => hub.run(signal), ready: (signal) => hub.waitForSync(signal) },
      { name: 'members', run: (signal) => members.run(signal) },
      { name: 'CRDs', run: (signal) => gate.watch(signal) },
      {
        name: ledger.name,
        run: (signal) => ledger.run(signal),
        // What was measured must be known before anybody writes it to a status.
        ready: (signal) => ledger.ready(signal),
        leaderOnly: true,
      },
      ...controllers.map(
        (controller): Runnable => ({
          name: controller.name,
          run: (signal) => controller.run(signal),
          leaderOnly: true,
        }),
      ),
      { name: 'scheduler', run: (signal) => scheduler.run(signal), leaderOnly: true },
      { name: 'sweep', run: (signal) => sweep.run(signal), leaderOnly: true },
    ],
  });
  return {
    manager,
    hub,
    scheduler,
    elector,
    scrapeAccess,
    probes: {
      live: {
        eventLoop: () => loop.trouble(),
        manager: () => (manager.healthy ? undefined : 'a part ended that must not'),
      },
      ready: {
        crds: () => gate.trouble(),
        hub: () => (hub.synced ? undefined : 'the hub’s objects are not listed yet'),
      },
    },
    async run(signal) {
      try {
        await gate.pass(signal);
        await manager.run(signal);
      } finally {
        loop.stop();
        await Promise.all([client.close(), leaseClient.close(), reviewClient.close()]);
      }
    },
  };
}

/** Whoever holds nodes in a cluster, by what the scheduler was told. */
function clusterUsers(scheduler: Scheduler, tombstones: Tombstones, ready: () => boolean): ClusterUsers {
  const holders = (cluster: string) => [...scheduler.holders()].filter((holder) => holder.cluster === cluster);
  return {
    names: (cluster) =>
      ready() ? [...new Set(holders(cluster).map(({ namespace, name }) => `${namespace}/${name}`))] : undefined,
    abandon: async (cluster) => {
      // Of a serving's replicas the last attempt stands for all.
      const inOrder = holders(cluster).sort((a, b) => a.attempt - b.attempt);
      for (const { uid, attempt, kind, namespace, name } of inOrder) {
        await tombstones.bury({ uid, attempt, cluster, kind, namespace, name });
      }
    },
  };
}

/** A hub is known by the uid of its kube-system namespace. */
async function hubIdentity(client: KubeClient): Promise<string> {
  const system = await client.get<KubeObject>(NAMESPACES, { name: 'kube-system' });
  return system.metadata.uid ?? '';
}

function collectState(
  metrics: PrometheusMetrics,
  hub: HubStores,
  members: MemberRegistry,
  scheduler: Scheduler,
  ledger: Ledger,
  now: () => number,
  series: WorkloadSeries,
): void {
  const workloads = new WorkloadMetrics(metrics.registry, hub, members, ledger, now, series);
  const centre = new CentreMetrics(metrics.registry, hub, members, scheduler, now);
  const budgets = new BudgetMetrics(metrics.registry, scheduler);
  const energy = new LedgerMetrics(metrics.registry, hub, members, ledger);
  for (const part of [workloads, centre, budgets, energy]) metrics.onCollect(() => part.collect());
}
