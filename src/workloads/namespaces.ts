import type { Filtered } from '../api/index.ts';
import { isAlreadyExists } from '../kube/errors.ts';
import { type KubeObject, NAMESPACES } from '../kube/resource.ts';
import type { Member, MemberSource } from '../regions/index.ts';

/**
 * A workload runs in the member's namespace of the same name. It must exist there, or is created where the operator
 * was told to (an opt-in: creating namespaces is a wide right).
 */
export class MemberNamespaces {
  readonly #members: MemberSource;
  readonly #create: boolean;

  constructor(members: MemberSource, create: boolean) {
    this.#members = members;
    this.#create = create;
  }

  /** Clusters where this namespace is missing, with the next step; empty when namespaces are created as needed. */
  excluded(namespace: string): Filtered[] {
    if (this.#create) return [];
    return this.#members
      .list()
      .filter((member) => member.synced && member.namespaces.get(namespace) === undefined)
      .map((member) => ({
        cluster: member.name,
        reason: 'NamespaceMissing',
        message: `namespace ${namespace} does not exist in ${member.name}: create it there, or let the operator create namespaces (AIDC_CREATE_NAMESPACES=true)`,
      }));
  }

  /** @returns whether the namespace is there (now). Throws KubeError when it may be created and that fails. */
  async ensure(member: Member, namespace: string): Promise<boolean> {
    if (member.namespaces.get(namespace) !== undefined) return true;
    if (!this.#create) return false;
    try {
      await member.client.create<KubeObject>(NAMESPACES, {
        body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    return true;
  }
}
