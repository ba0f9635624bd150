import { KubeClient } from '../kube/client.ts';
import { isForbidden, isNotFound } from '../kube/errors.ts';
import { localContext } from '../kube/kubeconfig.ts';
import { EVENTS, type KubeObject, type Resource } from '../kube/resource.ts';
import type { Flags } from './args.ts';
import { CliError, EXIT } from './errors.ts';
import { parseReference, SUBJECTS, type Subject } from './kinds.ts';
import type { EventObject } from './story.ts';

const REQUEST_TIMEOUT_MS = 15_000;

export interface HubSettings {
  readonly timeoutMs?: number;
  readonly maxRetries?: number;
}

/** The hub as the user's kubeconfig reaches it. */
export class Hub {
  readonly #client: KubeClient;
  /** Namespace of `-n`, else of the context, else `default`. */
  readonly namespace: string;
  /** Where lists look: undefined is everywhere. */
  readonly scope: string | undefined;

  constructor(flags: Flags, env: NodeJS.ProcessEnv, settings: HubSettings = {}) {
    const { context } = flags;
    const found = localContext(flags.kubeconfig, context === undefined ? {} : { context }, env);
    this.namespace = flags.namespace ?? found.namespace ?? 'default';
    this.scope = flags['all-namespaces'] === true ? undefined : this.namespace;
    this.#client = new KubeClient({
      cluster: 'hub',
      credentials: found.credentials,
      requestTimeoutMs: settings.timeoutMs ?? REQUEST_TIMEOUT_MS,
      maxRetries: settings.maxRetries ?? 1,
      userAgent: 'kubectl-aidc',
    });
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** Undefined: there is none of that name. */
  async get<T>(resource: Resource, name: string): Promise<(T & KubeObject) | undefined> {
    try {
      const object = await this.#client.get<T & KubeObject>(resource, {
        name,
        ...(resource.namespaced ? { namespace: this.namespace } : {}),
      });
      return { ...object, kind: resource.kind };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Of namespaced kinds those in the scope. */
  async list<T>(resource: Resource): Promise<(T & KubeObject)[]> {
    const where = resource.namespaced && this.scope !== undefined ? { namespace: this.scope } : {};
    const { items } = await this.#client.list<T & KubeObject>(resource, where);
    return items.map((item) => ({ ...item, kind: resource.kind }));
  }

  /** What makes an answer fuller but is not its subject: null where the user has no right to it. */
  async ifAllowed<T>(reading: Promise<T>): Promise<T | null> {
    try {
      return await reading;
    } catch (error) {
      if (isForbidden(error)) return null;
      throw error;
    }
  }

  async events({ metadata }: KubeObject): Promise<EventObject[]> {
    const { namespace, uid } = metadata;
    const listing = this.#client.list<EventObject>(EVENTS, {
      ...(namespace === undefined ? {} : { namespace }),
      fieldSelector: `regarding.uid=${uid}`,
    });
    return (await this.ifAllowed(listing))?.items ?? [];
  }

  async setSuspend(resource: Resource, name: string, suspend: boolean): Promise<void> {
    await this.#client.mergePatch(resource, { namespace: this.namespace, name, body: { spec: { suspend } } });
  }

  /** The one object that an argument means; a name alone is looked for in all the kinds. */
  async find(text: string, allowed: readonly Subject[]): Promise<{ subject: Subject; object: KubeObject }> {
    const { subject, name } = parseReference(text, allowed);
    const asked = subject === undefined ? allowed : [subject];
    const objects = await Promise.all(asked.map((one) => this.get<object>(SUBJECTS[one].resource, name)));
    const found = asked.flatMap((one, i) => {
      const object = objects[i];
      return object === undefined ? [] : [{ subject: one, object }];
    });
    const [first, second] = found;
    if (first === undefined) {
      throw new CliError(EXIT.notFound, `there is no ${asked.join(' or ')} ${name} in namespace ${this.namespace}.`);
    }
    if (second !== undefined) {
      const names = found.map((one) => `${one.subject}/${name}`).join(' or ');
      throw new CliError(EXIT.usage, `${name} is the name of more than one object: say ${names}.`);
    }
    return first;
  }
}
