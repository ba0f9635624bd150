import { ANNOTATION, LABEL } from '../api/index.ts';
import { isNotFound } from '../kube/errors.ts';
import { DEPLOYMENTS, JOBS, type Resource, SERVICES, STATEFUL_SETS } from '../kube/resource.ts';
import type { Member, MemberMeta, MemberSource } from '../regions/index.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RuntimeMetrics } from '../runtime/metrics.ts';
import { deleteOwned } from './member-objects.ts';
import type { Tombstone, Tombstones } from './tombstones.ts';

const PERIOD_MS = 60_000;
const SHORTEST_MS = 1_000;

export interface SweepOptions {
  readonly hubId: string;
  readonly members: MemberSource;
  readonly tombstones: Tombstones;
  /** uids of the workloads there are on the hub. */
  readonly known: (uid: string) => boolean;
  readonly ready: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
}

/**
 * Looks for member objects of ours whose workload is not on the hub: removes those with a tombstone, reports the
 * others (their pods are charged as foreign; somebody restored or renamed something).
 */
export class Sweep {
  readonly #options: SweepOptions;
  /** uids of orphans that were told of, by cluster. */
  readonly #reported = new Map<string, ReadonlySet<string>>();
  readonly #gauge: ReturnType<RuntimeMetrics['gauge']>;

  constructor(options: SweepOptions) {
    this.#options = options;
    this.#gauge = options.metrics.gauge(
      'aidc_member_orphans',
      'Member objects of ours whose workload is not on the hub; they are left alone.',
      ['cluster'],
    );
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, ready, members } = this.#options;
    let pause = new AbortController();
    // A member that is back may have what was given up while it was away.
    const wake = (): void => pause.abort();
    const off = members.subscribe({ attach: () => () => {}, changed: wake });
    signal.addEventListener('abort', off, { once: true });
    while (!signal.aborted) {
      pause = new AbortController();
      try {
        if (ready()) await this.sweep();
      } catch (error) {
        logger.warn('sweep failed, it is tried again', { error });
      }
      await clock.sleep(SHORTEST_MS, signal).catch(() => {});
      await clock.sleep(PERIOD_MS, AbortSignal.any([signal, pause.signal])).catch(() => {});
    }
  }

  async sweep(): Promise<void> {
    const all = await this.#options.tombstones.list();
    for (const member of this.#options.members.list()) {
      if (!member.reachable() || !member.synced) continue;
      await this.#sweepMember(
        member,
        all.filter(({ cluster }) => cluster === member.name),
      );
    }
  }

  async #sweepMember(member: Member, graves: readonly Tombstone[]): Promise<void> {
    const { known, tombstones } = this.#options;
    const graveOf = ({ uid, attempt }: Ours): Tombstone | undefined =>
      graves.find((grave) => grave.uid === uid && attempt <= (grave.attempt ?? Number.POSITIVE_INFINITY));
    const ours = [...this.#ours(member)];
    const buried = ours.filter((object) => graveOf(object) !== undefined);
    for (const object of buried) await remove(member, object);
    const orphans = ours.filter((object) => graveOf(object) === undefined && !known(object.uid));
    this.#gauge.labels({ cluster: member.name }).set(orphans.length);
    this.#report(member.name, orphans);
    for (const grave of graves) {
      if (buried.some(({ uid }) => uid === grave.uid)) continue;
      const { kind, namespace, name, uid } = grave;
      // A serving's Service has its own name and is not watched.
      if (kind === 'ModelServing' && !known(uid)) await deleteOwned(member.client, SERVICES, namespace, name, uid);
      await tombstones.remove(grave);
    }
  }

  /** Each orphan is told of once while it is there. */
  #report(cluster: string, orphans: readonly Ours[]): void {
    const reported = this.#reported.get(cluster);
    for (const orphan of orphans) {
      if (reported?.has(orphan.objectUid) === true) continue;
      this.#options.logger.warn('member object of an unknown workload', { ...orphan, cluster });
    }
    this.#reported.set(cluster, new Set(orphans.map(({ objectUid }) => objectUid)));
  }

  *#ours(member: Member): Iterable<Ours> {
    for (const job of member.jobs.list()) yield* this.#own(JOBS, job);
    for (const replica of member.replicas.list()) {
      yield* this.#own(replica.kind === 'Deployment' ? DEPLOYMENTS : STATEFUL_SETS, replica);
    }
  }

  *#own(resource: Resource, object: { readonly metadata: MemberMeta }): Iterable<Ours> {
    const { labels, annotations, namespace = '', name, uid: objectUid } = object.metadata;
    if (annotations[ANNOTATION.hubId] !== this.#options.hubId) return;
    const uid = labels[LABEL.workloadUid] ?? '';
    yield { resource, namespace, name, objectUid, uid, attempt: Number(labels[LABEL.attempt] ?? 0) };
  }
}

/** A member object that this hub made. */
interface Ours {
  readonly resource: Resource;
  readonly namespace: string;
  readonly name: string;
  readonly objectUid: string;
  /** Of its workload. */
  readonly uid: string;
  readonly attempt: number;
}

async function remove(member: Member, object: Ours): Promise<void> {
  const { resource, namespace, name, objectUid } = object;
  try {
    await member.client.delete(resource, { namespace, name, uid: objectUid, propagationPolicy: 'Background' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
