import { LABEL } from '../api/index.ts';
import { stableHash } from '../core/shape.ts';
import type { KubeClient } from '../kube/client.ts';
import { isUnreachable } from '../kube/errors.ts';
import type { MemberSource } from '../regions/index.ts';
import type { MemberNamespaces } from './namespaces.ts';

/** No region could be asked. */
export const NOT_CHECKED = Symbol('not checked');

type DryRun = (client: KubeClient, namespace: string, body: object) => Promise<string | undefined>;

/**
 * Asks a member's API server whether it would take a workload's objects, every field of them (dry run, strict).
 * Objects that differ only in name are asked about once.
 */
export class HonourCheck {
  readonly #members: MemberSource;
  readonly #namespaces: MemberNamespaces;
  readonly #dryRun: DryRun;
  /** Templates that were accepted; refused ones are asked again, the sentence names the object. */
  readonly #accepted = new Set<string>();

  constructor(members: MemberSource, namespaces: MemberNamespaces, dryRun: DryRun) {
    this.#members = members;
    this.#namespaces = namespaces;
    this.#dryRun = dryRun;
  }

  /** @returns undefined when accepted, the server's sentence when refused, NOT_CHECKED when no region could say */
  async check(
    namespace: string,
    render: (cluster: string) => object,
  ): Promise<string | undefined | typeof NOT_CHECKED> {
    for (const member of this.#members.list()) {
      if (member.unusable() !== undefined || !(await this.#namespaces.ensure(member, namespace))) continue;
      const body = render(member.name);
      const key = stableHash([member.name, namespace, anonymous(body)]);
      if (this.#accepted.has(key)) return undefined;
      try {
        const sentence = await this.#dryRun(member.client, namespace, body);
        if (sentence === undefined) this.#remember(key);
        return sentence;
      } catch (error) {
        if (!isUnreachable(error)) throw error;
      }
    }
    return NOT_CHECKED;
  }

  #remember(key: string): void {
    if (this.#accepted.size > 10_000) this.#accepted.clear();
    this.#accepted.add(key);
  }
}

/** The object without what names it: equal templates of different workloads become equal. */
function anonymous(body: object): string {
  const { metadata, ...rest } = body as { metadata: { name: string; labels?: Record<string, string> } };
  const uid = metadata.labels?.[LABEL.workloadUid] ?? '';
  let text = JSON.stringify(rest).replaceAll(metadata.name, '');
  if (uid !== '') text = text.replaceAll(uid, '');
  const workload = metadata.labels?.[LABEL.workload];
  return workload === undefined ? text : text.replaceAll(JSON.stringify(workload), '""');
}
