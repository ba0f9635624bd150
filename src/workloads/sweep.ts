import { ANNOTATION, LABEL } from '../api/index.ts';
import { isNotFound } from '../kube/errors.ts';
import { DEPLOYMENTS, JOBS, type Resource, SERVICES, STATEFUL_SETS } from '../kube/resource.ts';
import type { Member, MemberMeta, MemberSource } from '../regions/index.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RuntimeMetrics } from '../runtime/metrics.ts';
import { deleteOwned } from './member-objects.ts';
import type { Tombstones } from './tombstones.ts';

const PERIOD_MS = 60_000;

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
    const { clock, logger, ready } = this.#options;
    while (!signal.aborted) {
      try {
        if (ready()) await this.sweep();
      } catch (error) {
        logger.warn('sweep failed, it is tried again', { error });
      }
      await clock.sleep(PERIOD_MS, signal).catch(() => {});
    }
  }

  async sweep(): Promise<void> {
    const all = await this.#options.tombstones.list();
    for (const member of this.#options.members.list()) {
      if (!member.reachable() || !member.synced) continue;
      const graves = new Map(all.filter(({ cluster }) => cluster === member.name).map((grave) => [grave.uid, grave]));
      const orphans = [...this.#orphans(member)];
      const buried = orphans.filter((orphan) => graves.has(orphan.uid));
      for (const orphan of buried) await remove(member, orphan);
      this.#gauge.labels({ cluster: member.name }).set(orphans.length - buried.length);
      for (const orphan of orphans) {
        if (!graves.has(orphan.uid))
          this.#options.logger.warn('member object of an unknown workload', { ...orphan, cluster: member.name });
      }
      for (const grave of graves.values()) {
        if (orphans.some((orphan) => orphan.uid === grave.uid)) continue;
        // A serving's Service has its own name and is not watched.
        const { kind, namespace, name, uid } = grave;
        if (kind === 'ModelServing') await deleteOwned(member.client, SERVICES, namespace, name, uid);
        await this.#options.tombstones.remove(grave);
      }
    }
  }

  *#orphans(member: Member): Iterable<Orphan> {
    for (const job of member.jobs.list()) yield* this.#orphan(JOBS, job);
    for (const replica of member.replicas.list()) {
      yield* this.#orphan(replica.kind === 'Deployment' ? DEPLOYMENTS : STATEFUL_SETS, replica);
    }
  }

  *#orphan(resource: Resource, object: { readonly metadata: MemberMeta }): Iterable<Orphan> {
    const { labels, annotations, namespace = '', name, uid: objectUid } = object.metadata;
    const uid = labels[LABEL.workloadUid] ?? '';
    if (annotations[ANNOTATION.hubId] !== this.#options.hubId || this.#options.known(uid)) return;
    yield { resource, namespace, name, objectUid, uid };
  }
}

interface Orphan {
  readonly resource: Resource;
  readonly namespace: string;
  readonly name: string;
  readonly objectUid: string;
  readonly uid: string;
}

async function remove(member: Member, orphan: Orphan): Promise<void> {
  const { resource, namespace, name, objectUid } = orphan;
  try {
    await member.client.delete(resource, { namespace, name, uid: objectUid, propagationPolicy: 'Background' });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
