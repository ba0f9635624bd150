/** One kind served by an apiserver. */
export interface Resource {
  /** API group; empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural name in paths, lower case. */
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** Metadata as JSON: times are RFC 3339 strings, resourceVersion is opaque. */
export interface ObjectMeta {
  name: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: unknown[];
}

/** Any object of the API, in the raw JSON form. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
}

export interface KubeList<T> {
  metadata: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
  items: T[];
}

export interface ResourceTarget {
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
}

/**
 * The path of a collection, an object or a subresource. Without a namespace the path of a namespaced kind spans all
 * namespaces, which is right only for list and watch. Throws when a cluster-scoped kind gets a namespace.
 */
export function resourcePath(resource: Resource, target: ResourceTarget = {}): string {
  const base = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  if (target.namespace !== undefined && target.namespace !== '' && !resource.namespaced) {
    throw new Error(`${resource.kind} is cluster-scoped: it has no namespace ${target.namespace}`);
  }
  if (resource.namespaced && target.name !== undefined && !target.namespace) {
    throw new Error(`${resource.kind} ${target.name} needs a namespace`);
  }
  let path = base;
  if (target.namespace) path += `/namespaces/${encodeURIComponent(target.namespace)}`;
  path += `/${resource.plural}`;
  if (target.name !== undefined) path += `/${encodeURIComponent(target.name)}`;
  if (target.subresource) path += `/${target.subresource}`;
  return path;
}

/** `group/version`, or the version alone in the core group. */
export function apiVersionOf(resource: Resource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** A short name for logs and metrics: `plural.group`, or the plural alone in the core group. */
export function resourceName(resource: Resource): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
}

/** Key of an object in a store or queue: `namespace/name`, or the name alone when cluster-scoped. */
export function objectKey(object: { readonly metadata: ObjectMeta }): string {
  const { namespace, name } = object.metadata;
  return namespace ? `${namespace}/${name}` : name;
}

/** The inverse of `objectKey`. */
export function splitKey(key: string): { namespace?: string; name: string } {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

function builtin(group: string, version: string, kind: string, plural: string, namespaced = true): Resource {
  return Object.freeze({ group, version, plural, kind, namespaced });
}

export const NODES = builtin('', 'v1', 'Node', 'nodes', false);
export const PODS = builtin('', 'v1', 'Pod', 'pods');
export const NAMESPACES = builtin('', 'v1', 'Namespace', 'namespaces', false);
export const SECRETS = builtin('', 'v1', 'Secret', 'secrets');
export const CONFIG_MAPS = builtin('', 'v1', 'ConfigMap', 'configmaps');
export const SERVICES = builtin('', 'v1', 'Service', 'services');
export const EVENTS = builtin('events.k8s.io', 'v1', 'Event', 'events');
export const JOBS = builtin('batch', 'v1', 'Job', 'jobs');
export const DEPLOYMENTS = builtin('apps', 'v1', 'Deployment', 'deployments');
export const STATEFUL_SETS = builtin('apps', 'v1', 'StatefulSet', 'statefulsets');
export const LEASES = builtin('coordination.k8s.io', 'v1', 'Lease', 'leases');
export const PRIORITY_CLASSES = builtin('scheduling.k8s.io', 'v1', 'PriorityClass', 'priorityclasses', false);
export const TOKEN_REVIEWS = builtin('authentication.k8s.io', 'v1', 'TokenReview', 'tokenreviews', false);
export const SUBJECT_ACCESS_REVIEWS = builtin(
  'authorization.k8s.io',
  'v1',
  'SubjectAccessReview',
  'subjectaccessreviews',
  false,
);
export const CUSTOM_RESOURCE_DEFINITIONS = builtin(
  'apiextensions.k8s.io',
  'v1',
  'CustomResourceDefinition',
  'customresourcedefinitions',
  false,
);

const DECIMAL = /^[1-9]\d*$/;

/**
 * Whether a resourceVersion is older than another of the same kind of object: they are decimal numbers of any length
 * (promised by Kubernetes since 1.35, true before). Where one is anything else the answer is no.
 */
export function isOlderVersion(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined || !DECIMAL.test(a) || !DECIMAL.test(b)) return false;
  return a.length === b.length ? a < b : a.length < b.length;
}
