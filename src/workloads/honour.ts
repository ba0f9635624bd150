import { CONDITION, type Condition, LABEL } from '../api/index.ts';
import { stableHash } from '../core/shape.ts';
import { isRefused, isUnreachable } from '../kube/errors.ts';
import type { Member, MemberSource } from '../regions/index.ts';
import { type ConditionValue, findCondition } from './conditions.ts';
import { dryRun } from './member-objects.ts';
import type { MemberNamespaces } from './namespaces.ts';

/** No region could be asked. */
const NOT_CHECKED = Symbol('not checked');

interface Checked {
  readonly metadata: { readonly namespace?: string; readonly generation?: number };
  readonly status?: { readonly conditions?: readonly Condition[] | undefined };
}

const say = (status: ConditionValue['status'], reason: string, message: string): ConditionValue => ({
  type: CONDITION.SpecHonoured,
  status,
  reason,
  message: message.slice(0, 4096),
});

/** SpecHonoured is True for the present generation, so that the check need not be made again. */
export function honouredNow({ metadata, status }: Checked): boolean {
  const said = findCondition(status?.conditions, CONDITION.SpecHonoured);
  return said?.status === 'True' && said.observedGeneration === metadata.generation;
}

/** A refusal stands for so long, in ms: a quota, a right or a policy over there may have changed since. */
export const HONOUR_RECHECK_MS = 120_000;

/** The member's API server refused the objects; that stands until the spec changes, or for two minutes. */
export const dispatchRefused = (message: string): ConditionValue => say('False', 'DispatchRefused', message);

/**
 * Asks a member's API server whether it would take a workload's objects, every field of them (dry run, strict).
 * Objects that differ only in name are asked about once.
 */
export class HonourCheck {
  readonly #members: MemberSource;
  readonly #namespaces: MemberNamespaces;
  readonly #now: () => number;
  /** Templates that were accepted; refused ones are asked again, the sentence names the object. */
  readonly #accepted = new Set<string>();

  constructor(members: MemberSource, namespaces: MemberNamespaces, now: () => number) {
    this.#members = members;
    this.#namespaces = namespaces;
    this.#now = now;
  }

  /**
   * Condition SpecHonoured of a workload. Asks a member only where the present generation was not accepted yet.
   * @param problems what the hub itself cannot obey, each a sentence
   * @param render the member objects as some cluster would get them
   */
  async condition(
    object: Checked,
    problems: readonly string[],
    render: (cluster: string) => readonly object[],
  ): Promise<ConditionValue> {
    if (problems.length > 0) return say('False', 'FieldRefused', problems.join(' '));
    if (honouredNow(object)) return say('True', 'Honoured', '');
    const { metadata, status } = object;
    const said = findCondition(status?.conditions, CONDITION.SpecHonoured);
    const stands =
      said?.reason === 'DispatchRefused' &&
      said.observedGeneration === metadata.generation &&
      this.#now() - Date.parse(said.lastTransitionTime) < HONOUR_RECHECK_MS;
    if (stands) return say('False', said.reason, said.message);
    const sentence = await this.#check(metadata.namespace ?? '', render);
    if (sentence === NOT_CHECKED)
      return say('Unknown', 'NotChecked', 'no region that answers can check the pod template yet');
    if (sentence !== undefined) return say('False', 'PodTemplateInvalid', sentence);
    return say('True', 'Honoured', 'every field of the spec is understood and obeyed');
  }

  /**
   * A member that lets us make nothing there, or not now, decides nothing: another is asked.
   * @returns undefined when accepted, the server's sentence when refused, NOT_CHECKED when no region could say
   */
  async #check(
    namespace: string,
    render: (cluster: string) => readonly object[],
  ): Promise<string | undefined | typeof NOT_CHECKED> {
    let denied: string | undefined;
    for (const member of this.#members.list()) {
      if (member.unusable() !== undefined) continue;
      try {
        if (!(await this.#namespaces.ensure(member, namespace))) continue;
        for (const body of render(member.name)) {
          const sentence = await this.#ask(member, namespace, body);
          if (sentence !== undefined) return sentence;
        }
        return undefined;
      } catch (error) {
        if (isRefused(error)) denied ??= `${member.name}: ${(error as Error).message}`;
        else if (!isUnreachable(error)) throw error;
      }
    }
    return denied ?? NOT_CHECKED;
  }

  async #ask(member: Member, namespace: string, body: object): Promise<string | undefined> {
    const key = stableHash([member.name, namespace, anonymous(body)]);
    if (this.#accepted.has(key)) return undefined;
    const sentence = await dryRun(member.client, namespace, body);
    if (sentence === undefined) this.#remember(key);
    return sentence;
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
