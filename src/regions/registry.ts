import type { RegionalCluster } from '../api/index.ts';
import type { WriteGuardResult } from '../kube/client.ts';
import type { ClusterCredentials } from '../kube/credentials.ts';
import type { Store } from '../kube/store.ts';
import type { Clock } from '../runtime/clock.ts';
import { errorMessage } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RuntimeMetrics } from '../runtime/metrics.ts';
import { type Access, type KubeconfigSecret, readAccess } from './access.ts';
import { judgeIdentity } from './identity.ts';
import type { Inventory } from './inventory.ts';
import { MemberConnection } from './member.ts';
import type { MemberTiming } from './member-options.ts';
import type { Problem } from './reasons.ts';
import type { Member, MemberSource } from './types.ts';

export interface MemberRegistryOptions {
  readonly clusters: Store<RegionalCluster>;
  /** Secrets of the operator's namespace; only those that a RegionalCluster names are read. */
  readonly secrets: Pick<Store<KubeconfigSecret>, 'get' | 'subscribe'>;
  /** Names of the only Secrets that may be read; absent or empty: all of the namespace. */
  readonly secretNames?: readonly string[];
  /** The operator's namespace. */
  readonly namespace: string;
  /** uid of the hub's kube-system namespace. */
  readonly hubId: string;
  /** Allow kubeconfigs that read files or run plugins where the operator runs (default false). */
  readonly allowFileKubeconfigs?: boolean;
  /** The hub's own credentials, for `inCluster: true`. */
  readonly hubCredentials?: ClusterCredentials;
  /** Requests a second to each member (default: no limit). */
  readonly qps?: number;
  /** Asked before each write to a member. */
  readonly beforeWrite?: () => WriteGuardResult;
  readonly timing?: Partial<MemberTiming>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly metrics: RuntimeMetrics;
}

type Handler = Parameters<MemberSource['subscribe']>[0];

interface Entry {
  readonly member: MemberConnection;
  readonly uid: string | undefined;
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/** The members there are: one connection a RegionalCluster, made, changed and ended as those and their Secrets change. */
export class MemberRegistry implements MemberSource {
  readonly name = 'member clusters';
  readonly #options: MemberRegistryOptions;
  readonly #logger: Logger;
  readonly #entries = new Map<string, Entry>();
  readonly #handlers = new Map<Handler, Map<string, () => void>>();
  /** Parsed kubeconfigs by what they were read from: parsing costs more than all else here. */
  readonly #accesses = new Map<string, { readonly from: string; readonly access: Access | Problem }>();
  readonly #ending = new Set<Promise<void>>();

  constructor(options: MemberRegistryOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ component: 'members' });
  }

  get(name: string): MemberConnection | undefined {
    return this.#entries.get(name)?.member;
  }

  list(): readonly MemberConnection[] {
    return Array.from(this.#entries.values(), ({ member }) => member);
  }

  inventory(name: string): Inventory | undefined {
    return this.get(name)?.inventory;
  }

  subscribe(handler: Handler): () => void {
    const detach = new Map<string, () => void>();
    this.#handlers.set(handler, detach);
    for (const { member } of this.#entries.values()) this.#attach(handler, detach, member);
    return () => {
      this.#handlers.delete(handler);
      for (const one of detach.values()) this.#guarded(one);
    };
  }

  /** Follows the stores until the signal aborts, then ends every connection. Start it when the stores are filled. */
  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { clusters, secrets } = this.#options;
    const off = [
      clusters.subscribe(({ type, key, obj }) => {
        if (type === 'deleted') this.#remove(key);
        else this.#upsert(obj);
      }),
      secrets.subscribe(({ key }) => this.#secretChanged(key), { replay: false }),
    ];
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    for (const unsubscribe of off) unsubscribe();
    for (const name of [...this.#entries.keys()]) this.#remove(name);
    await Promise.all(this.#ending);
  }

  #upsert(object: RegionalCluster): void {
    const { name, uid } = object.metadata;
    const entry = this.#entries.get(name);
    if (entry !== undefined && entry.uid !== uid) this.#remove(name);
    const same = this.#entries.get(name);
    if (same === undefined) {
      this.#add(object);
      return;
    }
    const before = same.member.object;
    same.member.update(object, this.#access(object));
    this.#judge();
    if (concernsOthers(before, object)) this.#changed(same.member);
  }

  #add(object: RegionalCluster): void {
    const { hubId, timing, qps, beforeWrite, logger, clock, metrics } = this.#options;
    const member: MemberConnection = new MemberConnection({
      object,
      access: this.#access(object),
      hubId,
      logger,
      clock,
      metrics,
      ...(timing === undefined ? {} : { timing }),
      ...(qps === undefined ? {} : { qps }),
      ...(beforeWrite === undefined ? {} : { beforeWrite }),
      onIdentity: () => this.#judge(),
      onChange: () => this.#changed(member),
    });
    const abort = new AbortController();
    const { name, uid } = object.metadata;
    // The entry first: what a handler asks while it is attached must find the member.
    const start = Promise.withResolvers<void>();
    const ended = start.promise.then(() => member.run(abort.signal));
    this.#entries.set(name, { member, uid, abort, ended });
    this.#logger.info('member added', { cluster: name, region: object.spec.region });
    for (const [handler, detach] of this.#handlers) this.#attach(handler, detach, member);
    start.resolve();
  }

  #remove(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    this.#accesses.delete(name);
    this.#logger.info('member removed', { cluster: name });
    for (const detach of this.#handlers.values()) {
      const one = detach.get(name);
      detach.delete(name);
      if (one !== undefined) this.#guarded(one);
    }
    entry.abort.abort(new Error('member removed'));
    const ending = entry.ended.finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
    this.#judge();
  }

  #secretChanged(key: string): void {
    for (const { member } of this.#entries.values()) {
      const ref = member.object.spec.kubeconfigSecretRef;
      if (ref === undefined || `${this.#options.namespace}/${ref.name}` !== key) continue;
      member.update(member.object, this.#access(member.object));
      this.#judge();
    }
  }

  #access({ metadata, spec }: RegionalCluster): Access | Problem {
    const { secrets, secretNames = [], namespace, allowFileKubeconfigs = false, hubCredentials } = this.#options;
    const ref = spec.kubeconfigSecretRef;
    const secret = ref === undefined ? undefined : secrets.get(`${namespace}/${ref.name}`);
    const from = [ref?.name, ref?.key, spec.inCluster, secret?.metadata.uid, secret?.metadata.resourceVersion].join(
      ' ',
    );
    const known = this.#accesses.get(metadata.name);
    if (known?.from === from) return known.access;
    const access = readAccess(spec, {
      namespace,
      secretNames,
      allowFileKubeconfigs,
      hubCredentials,
      secret: (key) => secrets.get(key),
    });
    this.#accesses.set(metadata.name, { from, access });
    return access;
  }

  /** Of members that are the same cluster only one is well: whenever one changes, all are judged. */
  #judge(): void {
    const all = this.list().map((member) => member.identity);
    for (const member of this.list()) member.setIdentityProblem(judgeIdentity(member.identity, all));
  }

  #changed(member: Member): void {
    for (const handler of this.#handlers.keys()) this.#guarded(() => handler.changed(member));
  }

  #attach(handler: Handler, detach: Map<string, () => void>, member: MemberConnection): void {
    this.#guarded(() => detach.set(member.name, handler.attach(member)));
  }

  /** A subscriber's error is its own. */
  #guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#logger.error('subscriber of members threw', { error: errorMessage(error) });
    }
  }
}

/** Status is our own writing; only spec and labels say something new. */
function concernsOthers(before: RegionalCluster, after: RegionalCluster): boolean {
  return (
    before.metadata.generation !== after.metadata.generation ||
    JSON.stringify(before.metadata.labels) !== JSON.stringify(after.metadata.labels)
  );
}
