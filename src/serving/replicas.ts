import { END_REASON, type HeldReplica, LABEL, type ModelServing } from '../api/index.ts';
import { isRefused, isUnreachable } from '../kube/errors.ts';
import type { Member, MemberPod } from '../regions/index.ts';
import { Stopwatches } from '../workloads/watches.ts';
import type { ServingDeps } from './deps.ts';
import { MemberReplicas } from './members.ts';
import { type ReplicaView, viewReplica } from './observe.ts';

/** What became of the members' side in one look. */
export interface Acted {
  readonly gone: ReadonlySet<number>;
  readonly unreachable: ReadonlyMap<string, string>;
  readonly refused?: string | undefined;
}

/** Makes, watches and removes what the replicas of a serving have in the members. */
export class Replicas {
  readonly #deps: ServingDeps;
  readonly #watches: Stopwatches;
  readonly #replicas: MemberReplicas;

  constructor(deps: ServingDeps) {
    this.#deps = deps;
    this.#watches = new Stopwatches(deps.clock);
    this.#replicas = new MemberReplicas(deps.hubId, deps.clock);
  }

  /** Undefined where the member does not answer, or the replica is being removed. */
  view(serving: ModelServing, held: HeldReplica): ReplicaView | undefined {
    const member = this.#deps.members.get(held.cluster);
    if (held.ending !== undefined || member === undefined || !member.reachable() || !member.synced) return undefined;
    const { uid = '' } = serving.metadata;
    const ours = ({ metadata }: { metadata: { labels: Readonly<Record<string, string>> } }): boolean =>
      metadata.labels[LABEL.attempt] === String(held.attempt);
    const { settings } = this.#deps;
    const prefix = `${uid}/${held.attempt}`;
    const multi = serving.spec.nodesPerReplica > 1 && serving.spec.worker !== undefined;
    return viewReplica({
      admission: held,
      pods: serving.spec.nodesPerReplica,
      wanted: multi ? 2 : 1,
      objects: member.replicas.byIndex('workload', uid).filter(ours),
      members: member.pods.byIndex('workload', uid).filter(ours),
      node: (name) => member.nodes.get(name),
      nodeUnwellMs: (name) => this.#watches.elapsed(`${prefix}/node/${name}`, member.nodes.get(name)?.ready !== true),
      unscheduledMs: (pod) => this.#watches.elapsed(`${prefix}/pod/${pod.metadata.uid}`, isUnscheduled(pod)),
      nodeLostMs: settings.nodeLostMs,
      bindTimeoutMs: settings.bindTimeoutMs,
    });
  }

  /** Makes what is admitted and missing, removes what ends. */
  async act(
    serving: ModelServing,
    views: ReadonlyMap<number, ReplicaView | undefined>,
    makes: (held: HeldReplica) => boolean,
  ): Promise<Acted> {
    const gone = new Set<number>();
    const lost = new Map<string, string>();
    let refused: string | undefined;
    const one = async (held: HeldReplica): Promise<void> => {
      const member = this.member(held.cluster);
      if (member === 'deleted') gone.add(held.replica);
      else if (typeof member === 'string') lost.set(held.cluster, member);
      else if (held.ending !== undefined) {
        if (await this.#replicas.remove(member, serving, held.attempt)) gone.add(held.replica);
      } else if (makes(held)) {
        refused ??= await this.#make(member, serving, held, views.get(held.replica)?.placed === true);
      }
    };
    const guarded = async (held: HeldReplica): Promise<void> => {
      try {
        await one(held);
      } catch (error) {
        if (!isUnreachable(error)) throw error;
        lost.set(held.cluster, (error as Error).message);
      }
    };
    const held = serving.status?.admissions ?? [];
    await Promise.all(held.map(guarded));
    const { gaveUp, waits } = await this.#outOfReach(serving, held, lost);
    for (const { replica } of gaveUp) gone.add(replica);
    await this.#dropServices(
      serving,
      held.filter(({ replica }) => !gone.has(replica)),
    );
    return { gone, unreachable: waits, refused };
  }

  /** Members that do not answer: their replicas wait, or give way to new ones elsewhere (placement.onRegionLost). */
  async #outOfReach(serving: ModelServing, held: readonly HeldReplica[], lost: ReadonlyMap<string, string>) {
    const { uid = '', namespace = '', name } = serving.metadata;
    const { onRegionLost, regionLostSeconds } = serving.spec.placement;
    const gaveUp: HeldReplica[] = [];
    const waits = new Map<string, string>();
    for (const cluster of new Set(held.map((entry) => entry.cluster))) {
      const why = lost.get(cluster);
      const silentMs = this.#watches.elapsed(`${uid}/lost/${cluster}`, why !== undefined);
      if (why === undefined) continue;
      if (onRegionLost === 'Wait' || silentMs < regionLostSeconds * 1000) {
        waits.set(cluster, why);
        continue;
      }
      const there = held.filter((entry) => entry.cluster === cluster);
      // What the region still shows of them is removed when it is back.
      const attempt = Math.max(...there.map((entry) => entry.attempt));
      await this.#deps.tombstones.bury({ uid, cluster, attempt, kind: 'ModelServing', namespace, name });
      const message = `${cluster} has not answered for ${regionLostSeconds} s: its ${there.length} replicas are placed anew. ${why}`;
      this.#deps.events.event(serving, 'Warning', END_REASON.RegionLost, message.slice(0, 1000));
      gaveUp.push(...there);
    }
    return { gaveUp, waits };
  }

  /** @returns the member; 'deleted': its RegionalCluster is gone, and so is what ran there; else why it cannot be asked */
  member(cluster: string): Member | 'deleted' | string {
    const { members, hub } = this.#deps;
    const member = members.get(cluster);
    if (member === undefined)
      return hub.clusters.get(cluster) === undefined ? 'deleted' : 'its connection is being made';
    if (!member.reachable() || !member.synced) return member.unusable()?.message ?? `${cluster} is not synchronised`;
    return member;
  }

  /** @returns why the member does not take the objects */
  async #make(member: Member, serving: ModelServing, held: HeldReplica, placed: boolean): Promise<string | undefined> {
    const { namespace = '' } = serving.metadata;
    try {
      if (!placed && !(await this.#deps.namespaces.ensure(member, namespace))) {
        return `namespace ${namespace} does not exist in ${member.name}`;
      }
      const taken = await this.#replicas.ensureService(member, serving, held.epoch);
      return taken ?? (placed ? undefined : await this.#replicas.create(member, serving, held));
    } catch (error) {
      if (isUnreachable(error)) throw error;
      if (isRefused(error)) return (error as Error).message;
      throw error;
    }
  }

  /** Where no replica is left while others are elsewhere, the Service leads nowhere. */
  async #dropServices(serving: ModelServing, held: readonly HeldReplica[]): Promise<void> {
    if (held.length === 0) return;
    for (const cluster of this.#replicas.servicesOf(serving.metadata.uid ?? '')) {
      if (held.some((entry) => entry.cluster === cluster)) continue;
      const member = this.member(cluster);
      if (typeof member === 'string') continue;
      await this.#replicas.deleteService(member, serving).catch((error: unknown) => {
        if (!isUnreachable(error)) throw error;
      });
    }
  }

  /** @returns true when the server confirms that neither objects nor pods of the replica are left */
  remove(member: Member, serving: ModelServing, attempt: number): Promise<boolean> {
    return this.#replicas.remove(member, serving, attempt);
  }

  deleteService(member: Member, serving: ModelServing): Promise<void> {
    return this.#replicas.deleteService(member, serving);
  }

  forget(uid: string): void {
    this.#watches.forget(uid);
  }
}

const isUnscheduled = (pod: MemberPod): boolean => pod.nodeName === undefined && pod.phase === 'Pending';
