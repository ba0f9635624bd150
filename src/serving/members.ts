import type { HeldReplica, ModelServing } from '../api/index.ts';
import { stableHash } from '../core/shape.ts';
import type { KubeClient } from '../kube/client.ts';
import { type KubeObject, SERVICES } from '../kube/resource.ts';
import type { Member } from '../regions/index.ts';
import type { Clock } from '../runtime/clock.ts';
import {
  createOnce,
  deleteOwned,
  forceDeleteOnLostNodes,
  memberResource,
  podsLeft,
  takenBy,
} from '../workloads/member-objects.ts';
import { groupService, replicaObjectNames, replicaObjects, servicePorts, servingService } from './desired.ts';

/** A Service that is as it should be is looked at again so often: nothing tells when somebody deletes it. */
const SERVICE_LOOK_MS = 300_000;

interface SeenService {
  readonly hash: string;
  /** Monotonic time of the look, in ms. */
  readonly atMs: number;
}

type ServiceObject = KubeObject & { spec?: { ports?: object[] } };

/** Makes and removes what a serving has in the members. Every call throws a KubeError where the member refuses. */
export class MemberReplicas {
  readonly #hubId: string;
  readonly #clock: Clock;
  /** By `<uid>/<cluster>`. */
  readonly #services = new Map<string, SeenService>();

  constructor(hubId: string, clock: Clock) {
    this.#hubId = hubId;
    this.#clock = clock;
  }

  /** Each object is created once by name; one that is there already and is ours is done. @returns what has the name */
  async create(member: Member, serving: ModelServing, held: HeldReplica): Promise<string | undefined> {
    const { client, name: cluster } = member;
    const uid = serving.metadata.uid ?? '';
    let leader: KubeObject | undefined;
    for (const body of replicaObjects(serving, held, { hubId: this.#hubId, region: member.object.spec.region })) {
      const made = await createOnce(client, body);
      const taken = takenBy(made, cluster, uid);
      if (taken !== undefined) return taken;
      leader ??= made;
    }
    if (serving.spec.nodesPerReplica === 1 || leader === undefined) return undefined;
    const owner = { name: leader.metadata.name, uid: leader.metadata.uid ?? '' };
    const service = await createOnce(client, groupService(serving, held, this.#hubId, owner));
    return takenBy(service, cluster, uid);
  }

  /** The Service under the serving's name, with the present ports. @returns what has the name */
  async ensureService(member: Member, serving: ModelServing, epoch: number): Promise<string | undefined> {
    const { uid = '' } = serving.metadata;
    const key = `${uid}/${member.name}`;
    const hash = stableHash(servicePorts(serving));
    const seen = this.#services.get(key);
    const now = this.#clock.monotonic();
    if (seen?.hash === hash && now - seen.atMs < SERVICE_LOOK_MS) return undefined;
    const made = await createOnce(member.client, servingService(serving, this.#hubId, epoch));
    const taken = takenBy(made, member.name, uid);
    if (taken !== undefined) return taken;
    await patchPorts(member.client, serving, made as ServiceObject);
    this.#services.set(key, { hash, atMs: now });
    return undefined;
  }

  /** Clusters where this process saw to a Service of the serving. */
  servicesOf(uid: string): string[] {
    const prefix = `${uid}/`;
    return [...this.#services.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
  }

  async deleteService(member: Member, { metadata }: ModelServing): Promise<void> {
    const { uid = '', namespace = '', name } = metadata;
    await deleteOwned(member.client, SERVICES, namespace, name, uid);
    this.#services.delete(`${uid}/${member.name}`);
  }

  /** @returns true when the server confirms that neither objects nor pods of the replica are left */
  async remove(member: Member, serving: ModelServing, attempt: number): Promise<boolean> {
    const { uid = '', namespace = '' } = serving.metadata;
    const gone = await Promise.all(
      replicaObjectNames(serving, attempt).map((object) =>
        deleteOwned(member.client, memberResource(object), namespace, object.name, uid),
      ),
    );
    await forceDeleteOnLostNodes(member, uid, attempt);
    return gone.every((well) => well) && (await podsLeft(member.client, namespace, uid, attempt)) === 0;
  }
}

/** Ports are the one field of the Service that a change of the spec may change. */
async function patchPorts(client: KubeClient, serving: ModelServing, service: ServiceObject): Promise<void> {
  const wanted = servicePorts(serving);
  const stored = (service.spec?.ports ?? []) as typeof wanted;
  const same =
    stored.length === wanted.length &&
    wanted.every((port, i) => Object.entries(port).every(([key, value]) => stored[i]?.[key as 'port'] === value));
  if (same) return;
  const { namespace = '', name } = service.metadata;
  await client.mergePatch(SERVICES, { namespace, name, body: { spec: { ports: wanted } } });
}
