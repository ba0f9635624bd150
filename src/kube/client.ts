import { isIP } from 'node:net';
import type {
  ApplyOptions,
  BodyOptions,
  CallOptions,
  CreateOptions,
  DeleteOptions,
  GetOptions,
  JsonPatchOptions,
  KubeClientOptions,
  ListOptions,
  ServerVersion,
  WatchOptions,
  WriteOptions,
} from './client-types.ts';
import type { ClusterCredentials } from './credentials.ts';
import { isUnreachable, KubeError } from './errors.ts';
import { type Plan, Requester } from './requester.ts';
import { apiVersionOf, type KubeList, type KubeObject, type Resource, resourceName, resourcePath } from './resource.ts';
import { type WatchEvent, WatchStream } from './watch.ts';

export type * from './client-types.ts';

const JSON_BODY = 'application/json';
const MERGE_PATCH = 'application/merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';
const APPLY_PATCH = 'application/apply-patch+yaml';

/** What a write verb adds to the common parts of a plan. */
interface WriteParts {
  readonly verb: string;
  readonly method: Plan['method'];
  readonly contentType: string;
  readonly repeatable: boolean;
  readonly query?: Record<string, string | undefined>;
}

/**
 * A client of one cluster: raw JSON both ways, kept-alive connections, a deadline on every try.
 *
 * Every method rejects with a `KubeError` (see its helpers): of the API's reason when the server refused, of an
 * unreachable reason when there was no answer, `CircuitOpenError` without trying while the cluster is known to be
 * away, `WriteRefusedError` when the guard refused. An abort rejects with the signal's reason.
 */
export class KubeClient {
  readonly cluster: string;
  readonly #requester: Requester;
  readonly #gzipLists: boolean;

  constructor(options: KubeClientOptions) {
    this.cluster = options.cluster;
    this.#requester = new Requester(options);
    this.#gzipLists = options.gzipLists ?? !isLocal(options.credentials.server);
  }

  /** Server time minus local time in milliseconds; undefined before the first answer. Good to about half a second. */
  get clockSkewMs(): number | undefined {
    return this.#requester.skew.skewMs;
  }

  /** True while requests fail at once because the cluster did not answer. */
  get circuitOpen(): boolean {
    return this.#requester.breaker.open;
  }

  get<T extends KubeObject>(resource: Resource, options: GetOptions): Promise<T> {
    return this.#json<T>({ ...READ, verb: 'get', path: resourcePath(resource, options), options });
  }

  list<T extends KubeObject>(resource: Resource, options: ListOptions = {}): Promise<KubeList<T>> {
    const query = {
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
      limit: options.limit?.toString(),
      continue: options.continue,
      resourceVersion: options.resourceVersion,
      resourceVersionMatch: options.resourceVersionMatch,
    };
    const path = resourcePath(resource, pickNamespace(options)) + queryString(query);
    return this.#json<KubeList<T>>({ ...READ, verb: 'list', path, gzip: this.#gzipLists, options });
  }

  /** POST: fails with AlreadyExists where the name is taken. Not sent again after a lost answer. */
  create<T extends KubeObject>(resource: Resource, options: CreateOptions): Promise<T> {
    const parts = { verb: 'create', method: 'POST', contentType: JSON_BODY, repeatable: false } as const;
    return this.#write<T>(resource, options, parts, withType(resource, options));
  }

  /** JSON merge patch; put `metadata.resourceVersion` into the body to make it conditional. */
  mergePatch<T extends KubeObject>(resource: Resource, options: BodyOptions): Promise<T> {
    const parts = { verb: 'patch', method: 'PATCH', contentType: MERGE_PATCH, repeatable: true } as const;
    return this.#write<T>(resource, options, parts, options.body);
  }

  /** JSON patch. Not sent again after a lost answer, because operations on lists may not be repeated. */
  jsonPatch<T extends KubeObject>(resource: Resource, options: JsonPatchOptions): Promise<T> {
    const parts = { verb: 'patch', method: 'PATCH', contentType: JSON_PATCH, repeatable: false } as const;
    return this.#write<T>(resource, options, parts, options.body);
  }

  /** Server-side apply of the full set of fields the manager owns. */
  apply<T extends KubeObject>(resource: Resource, options: ApplyOptions): Promise<T> {
    const parts: WriteParts = {
      verb: 'apply',
      method: 'PATCH',
      contentType: APPLY_PATCH,
      repeatable: true,
      query: { force: String(options.force ?? true) },
    };
    return this.#write<T>(resource, options, parts, withType(resource, options));
  }

  /** PUT of the whole object; with a resourceVersion in it, it is conditional. */
  replace<T extends KubeObject>(resource: Resource, options: BodyOptions): Promise<T> {
    const parts = { verb: 'update', method: 'PUT', contentType: JSON_BODY, repeatable: true } as const;
    return this.#write<T>(resource, options, parts, withType(resource, options));
  }

  /**
   * Deletes one object; resolves also when finalizers or a grace period keep it for a while. NotFound rejects; a uid
   * or resourceVersion that does not match rejects as Conflict.
   */
  async delete(resource: Resource, options: DeleteOptions): Promise<void> {
    const { uid, resourceVersion, propagationPolicy, gracePeriodSeconds } = options;
    const body: Record<string, unknown> = { kind: 'DeleteOptions', apiVersion: 'v1' };
    if (uid !== undefined || resourceVersion !== undefined) body.preconditions = { uid, resourceVersion };
    if (propagationPolicy !== undefined) body.propagationPolicy = propagationPolicy;
    if (gracePeriodSeconds !== undefined) body.gracePeriodSeconds = gracePeriodSeconds;
    if (options.dryRun) body.dryRun = ['All'];
    await this.#requester.send({
      verb: 'delete',
      method: 'DELETE',
      path: resourcePath(resource, options),
      contentType: JSON_BODY,
      body: JSON.stringify(body),
      // Without a uid a second try could hit an object made meanwhile under the same name.
      repeatable: uid !== undefined,
      guarded: !options.dryRun,
      options,
    });
  }

  /**
   * Events from a resourceVersion on. Ends when the server ends the watch or the signal aborts; throws a KubeError
   * when the server refuses it, the stream breaks, or it is silent for `idleMs`. ERROR events are passed on.
   */
  async *watch<T extends KubeObject>(
    resource: Resource,
    options: WatchOptions = {},
  ): AsyncGenerator<WatchEvent<T>, void, void> {
    const requester = this.#requester;
    const headers = await requester.headers(undefined, false);
    const probe = requester.admit();
    let answered = false;
    const stream = new WatchStream<T>({
      what: `watch ${resourceName(resource)} in cluster ${this.cluster}`,
      clock: requester.clock,
      headersTimeoutMs: requester.timeoutMs,
      idleMs: options.idleMs ?? 0,
      signal: options.signal,
      onBytes: options.onBytes,
      onOpen: () => {
        answered = true;
        requester.breaker.success();
        options.onOpen?.();
      },
    });
    const path = resourcePath(resource, pickNamespace(options)) + watchQuery(options);
    try {
      yield* stream.read((handler) => requester.transport.stream({ method: 'GET', path, headers }, handler));
    } catch (error) {
      if (!answered) {
        if (isUnreachable(error)) requester.breaker.failure(probe, (error as Error).message);
        else if (error instanceof KubeError) requester.breaker.success();
        answered = true;
      }
      throw error;
    } finally {
      if (!answered) requester.breaker.cancelled(probe);
    }
  }

  /** `GET` of a path outside the resource scheme (`/readyz`, `/apis`), parsed if it is JSON, else as text. */
  async raw(path: string, options: CallOptions = {}): Promise<unknown> {
    const body = await this.#requester.send({ ...READ, verb: 'get', path, options });
    const text = body.toString('utf8');
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }

  serverVersion(options: CallOptions = {}): Promise<ServerVersion> {
    return this.#json<ServerVersion>({ ...READ, verb: 'get', path: '/version', options });
  }

  /** Uses other credentials from the next request on. Throws, and keeps the old ones, if they cannot be used. */
  setCredentials(credentials: ClusterCredentials): void {
    this.#requester.setCredentials(credentials);
  }

  /** Lets requests in flight finish, cuts watches, closes connections. */
  close(): Promise<void> {
    return this.#requester.close();
  }

  #write<T>(
    resource: Resource,
    options: WriteOptions & { name?: string },
    parts: WriteParts,
    body: object,
  ): Promise<T> {
    const query = {
      ...parts.query,
      dryRun: options.dryRun ? 'All' : undefined,
      fieldValidation: options.fieldValidation,
      fieldManager: options.fieldManager,
    };
    return this.#json<T>({
      verb: parts.verb,
      method: parts.method,
      path: resourcePath(resource, options) + queryString(query),
      contentType: parts.contentType,
      body: JSON.stringify(body),
      repeatable: parts.repeatable || options.dryRun === true,
      guarded: !options.dryRun,
      options,
    });
  }

  async #json<T>(plan: Plan): Promise<T> {
    const body = await this.#requester.send(plan);
    try {
      return JSON.parse(body.toString('utf8')) as T;
    } catch (cause) {
      const message = `${plan.verb} ${plan.path} in cluster ${this.cluster}: the answer is no JSON`;
      throw new KubeError(message, { status: 200, reason: 'BadResponse', cause });
    }
  }
}

const READ = { method: 'GET', repeatable: true, guarded: false } as const;

function pickNamespace(options: { readonly namespace?: string }): { namespace?: string } {
  return options.namespace === undefined ? {} : { namespace: options.namespace };
}

/** Create, replace and apply need apiVersion and kind, which lists and callers often leave out. */
function withType(resource: Resource, options: { readonly body: object; readonly subresource?: string }): object {
  if (options.subresource !== undefined && options.subresource !== 'status') return options.body;
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, ...options.body };
}

function watchQuery(options: WatchOptions): string {
  return queryString({
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: options.resourceVersion,
    timeoutSeconds: options.timeoutSeconds?.toString(),
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
  });
}

function queryString(values: Record<string, string | undefined>): string {
  let query = '';
  for (const name in values) {
    const value = values[name];
    if (value === undefined || value === '') continue;
    query += `${query === '' ? '?' : '&'}${name}=${encodeURIComponent(value)}`;
  }
  return query;
}

/** Compression costs more than it saves where no network lies between. */
function isLocal(server: string): boolean {
  const host = new URL(server).hostname.replace(/^\[|\]$/g, '');
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
