import { AGENT_MANAGED_BY, LABEL, MANAGED_BY, MEMBER_SYSTEM_NAMESPACE, runKey } from '../api/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { Reflector, type ReflectorOptions } from '../kube/reflector.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  JOBS,
  type KubeObject,
  NAMESPACES,
  NODES,
  PODS,
  type Resource,
  resourceName,
  STATEFUL_SETS,
} from '../kube/resource.ts';
import { Store, type Stored } from '../kube/store.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RuntimeMetrics } from '../runtime/metrics.ts';
import { Inventory } from './inventory.ts';
import {
  projectEnergyReport,
  projectForeignPod,
  projectJob,
  projectNamespace,
  projectNode,
  projectPod,
  projectReplica,
  type RawObject,
} from './projections.ts';
import type { BadQuantity } from './quantities.ts';
import type {
  EnergyReport,
  ForeignPod,
  MemberJob,
  MemberMeta,
  MemberNamespace,
  MemberNode,
  MemberPod,
  MemberReplica,
} from './types.ts';

export interface MemberCacheOptions {
  readonly cluster: string;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
  readonly clock: Clock;
  /** A reflector synced, lost contact or found it again. */
  readonly onChange: (healthy: boolean) => void;
}

/** One kind that is watched, in words for people. */
interface Watched {
  readonly what: string;
  readonly reflector: Pick<Reflector<never>, 'run' | 'synced' | 'healthy' | 'state'>;
  /** Since when it has not been healthy: monotonic to reckon with, wall time to tell. */
  unhealthySince: { readonly monotonic: number; readonly wall: number } | undefined;
}

const OURS = `${LABEL.managedBy}=${MANAGED_BY}`;
const NOT_OURS = `${LABEL.managedBy}!=${MANAGED_BY}`;
const NOT_FINISHED = 'status.phase!=Succeeded,status.phase!=Failed';

const byWorkload = (object: { readonly metadata: MemberMeta }): readonly string[] => {
  const uid = object.metadata.labels[LABEL.workloadUid];
  return uid === undefined ? [] : [uid];
};

/** The run a pod of ours belongs to, by its labels. */
const runOf = (pod: MemberPod): string =>
  runKey(pod.metadata.labels[LABEL.workloadUid] ?? '', pod.metadata.labels[LABEL.attempt] ?? '');

/** What is seen of one member: its stores, the reflectors that fill them, and the inventory they feed. */
export class MemberCache {
  readonly nodes: Store<MemberNode>;
  readonly pods: Store<MemberPod>;
  readonly foreignPods: Store<ForeignPod>;
  readonly jobs: Store<MemberJob>;
  readonly replicas: Store<MemberReplica>;
  readonly namespaces: Store<MemberNamespace>;
  readonly energyReports: Store<EnergyReport>;
  readonly inventory = new Inventory();
  readonly #options: MemberCacheOptions;
  readonly #logger: Logger;
  readonly #bad: BadQuantity;
  #watched: Watched[] = [];
  /** What is watched without being needed to place anything. */
  #extra: Watched[] = [];
  #abort: AbortController | undefined;
  readonly #running = new Set<Promise<void>>();

  constructor(options: MemberCacheOptions) {
    this.#options = options;
    this.#logger = options.logger;
    this.nodes = this.#store('nodes');
    this.pods = this.#store('pods');
    this.foreignPods = this.#store('foreign pods');
    this.jobs = this.#store('jobs');
    this.replicas = this.#store('replicas');
    this.namespaces = this.#store('namespaces');
    this.energyReports = this.#store('energy reports');
    for (const store of [this.pods, this.jobs, this.replicas] as Store<MemberJob>[]) {
      store.addIndex('workload', byWorkload);
    }
    const bad = options.metrics
      .counter('aidc_member_bad_quantities_total', 'Quantities of members that could not be read', ['cluster'])
      .labels({ cluster: options.cluster });
    this.#bad = (resource, value) => {
      bad.inc();
      this.#logger.warn('quantity cannot be read and counts as 0', { resource, value: String(value).slice(0, 64) });
    };
    this.#feedInventory();
  }

  /** Everything has been listed once. */
  get synced(): boolean {
    return this.#watched.length > 0 && this.#watched.every(({ reflector }) => reflector.synced);
  }

  get running(): boolean {
    return this.#abort !== undefined;
  }

  /** Kinds that are not listed yet or have been out of sight for longer than `graceMs`, and since when. */
  missing(graceMs: number): { readonly kinds: readonly string[]; readonly sinceMs: number } {
    const before = this.#options.clock.monotonic() - graceMs;
    const kinds: string[] = [];
    let sinceMs = this.#options.clock.now();
    for (const { what, reflector, unhealthySince } of this.#watched) {
      if (unhealthySince === undefined) continue;
      if (reflector.synced && unhealthySince.monotonic > before) continue;
      kinds.push(reflector.state.error === undefined ? what : `${what} (${reflector.state.error})`);
      sinceMs = Math.min(sinceMs, unhealthySince.wall);
    }
    return { kinds, sinceMs };
  }

  /** Starts watching, or looks at once again where a reflector waits for its next try. Contents are kept. */
  start(client: KubeClient): void {
    if (this.#watched.length === 0) {
      this.#watched = this.#build(client);
      this.#extra = [this.#watchEnergy(client)];
    }
    const abort = new AbortController();
    const before = this.#abort;
    this.#abort = abort;
    // First the new run, which supersedes the old one: a reflector that is stopped for good cannot say so.
    for (const { reflector } of [...this.#watched, ...this.#extra]) {
      const ended: Promise<void> = reflector.run(abort.signal).finally(() => this.#running.delete(ended));
      this.#running.add(ended);
    }
    before?.abort(new Error('superseded'));
  }

  /** Stops watching; contents stay as they are. */
  stop(): void {
    this.#abort?.abort(new Error('stopped'));
    this.#abort = undefined;
  }

  /** Resolves when nothing runs any more. */
  async stopped(): Promise<void> {
    this.stop();
    await Promise.all(this.#running);
  }

  #store<T extends Stored>(name: string): Store<T> {
    const { cluster, logger, metrics } = this.#options;
    return new Store<T>({ name: `${cluster} ${name}`, logger, metrics });
  }

  /** Subscribed first, so that every later subscriber finds the inventory up to date. */
  #feedInventory(): void {
    const { inventory } = this;
    this.nodes.subscribe(({ type, key, obj }) => {
      if (type === 'deleted') inventory.removeNode(key);
      else inventory.upsertNode(obj);
    });
    this.pods.subscribe(({ type, obj }) => {
      if (type === 'deleted') inventory.removePod(obj.metadata.uid);
      else inventory.upsertPod(obj, runOf(obj));
    });
    this.foreignPods.subscribe(({ type, obj }) => {
      if (type === 'deleted') inventory.removeForeignPod(obj.metadata.uid);
      else inventory.upsertForeignPod(obj);
    });
  }

  #build(client: KubeClient): Watched[] {
    const bad = this.#bad;
    const ours = { labelSelector: OURS };
    const deployments = this.#store<MemberReplica>('deployments');
    const statefulSets = this.#store<MemberReplica>('statefulsets');
    merge(this.replicas, [deployments, statefulSets]);
    const others = { labelSelector: NOT_OURS, fieldSelector: NOT_FINISHED };
    return [
      this.#watch(client, NODES, this.nodes, (raw) => projectNode(raw, bad)),
      this.#watch(client, NAMESPACES, this.namespaces, projectNamespace),
      this.#watch(client, PODS, this.pods, (raw) => projectPod(raw, bad), ours, 'our pods'),
      this.#watch(client, PODS, this.foreignPods, (raw) => projectForeignPod(raw, bad), others, 'other pods'),
      this.#watch(client, JOBS, this.jobs, projectJob, ours),
      this.#watch(client, DEPLOYMENTS, deployments, (raw) => projectReplica('Deployment', raw), ours),
      this.#watch(client, STATEFUL_SETS, statefulSets, (raw) => projectReplica('StatefulSet', raw), ours),
    ];
  }

  #watchEnergy(client: KubeClient): Watched {
    const scope = { namespace: MEMBER_SYSTEM_NAMESPACE, labelSelector: `${LABEL.managedBy}=${AGENT_MANAGED_BY}` };
    return this.#watch(client, CONFIG_MAPS, this.energyReports, projectEnergyReport, scope, 'energy reports');
  }

  #watch<T extends Stored, R extends RawObject>(
    client: KubeClient,
    resource: Resource,
    store: Store<T>,
    project: (raw: R) => T,
    scope: Pick<ReflectorOptions<T>, 'namespace' | 'labelSelector' | 'fieldSelector'> = {},
    what: string = resourceName(resource),
  ): Watched {
    const { logger, metrics, clock } = this.#options;
    const watched: Watched = {
      what,
      unhealthySince: { monotonic: clock.monotonic(), wall: clock.now() },
      reflector: new Reflector<T>({
        client,
        resource,
        store,
        // What the API server sends is of that kind; the projections take nothing for certain.
        project: project as unknown as (raw: KubeObject) => T,
        logger,
        metrics,
        clock,
        ...scope,
        onStateChange: ({ healthy }) => {
          if (healthy === (watched.unhealthySince === undefined)) return;
          watched.unhealthySince = healthy ? undefined : { monotonic: clock.monotonic(), wall: clock.now() };
          this.#options.onChange(healthy);
        },
      }) as unknown as Watched['reflector'],
    };
    return watched;
  }
}

/** Keeps one store equal to several; where two have the same key the later word counts, and the other comes back. */
function merge<T extends Stored>(into: Store<T>, parts: readonly Store<T>[]): void {
  for (const part of parts) {
    part.subscribe(({ type, key, obj }) => {
      const other = type === 'deleted' ? parts.find((one) => one !== part && one.has(key))?.get(key) : obj;
      if (other === undefined) into.remove(key, obj);
      else into.apply(other);
    });
  }
}
