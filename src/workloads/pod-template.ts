/**
 * What a user's pod template may say. The hub alone chooses nodes, and it can only obey what it can evaluate:
 * everything else is refused with a sentence, never dropped.
 */

import { isReservedEnv } from '../api/index.ts';

/** The parts of a PodTemplateSpec we look at; everything else passes through untouched. */
export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: PodSpec;
}

export interface PodSpec {
  containers?: Container[];
  initContainers?: Container[];
  volumes?: ({ name?: string; hostPath?: unknown } & Record<string, unknown>)[];
  nodeSelector?: Record<string, string>;
  tolerations?: Toleration[];
  affinity?: { nodeAffinity?: unknown; podAffinity?: unknown; podAntiAffinity?: unknown };
  overhead?: Record<string, string | number>;
  [field: string]: unknown;
}

export interface Toleration {
  key?: string;
  operator?: 'Exists' | 'Equal';
  value?: string;
  effect?: string;
  tolerationSeconds?: number;
}

export interface Container {
  name: string;
  image?: string;
  restartPolicy?: string;
  env?: { name: string; [field: string]: unknown }[];
  resources?: { limits?: Record<string, string | number>; requests?: Record<string, string | number> };
  securityContext?: { privileged?: boolean; [field: string]: unknown };
  ports?: { name?: string; containerPort: number; protocol?: string }[];
  [field: string]: unknown;
}

/** Fields that would take the decision out of the hub's hands, or give the pod power over the node. */
const REFUSED: readonly (readonly [field: string, why: string])[] = [
  ['nodeName', 'the operator chooses the nodes'],
  ['schedulingGates', 'the operator holds and lifts the gates'],
  ['schedulerName', 'the operator chooses the nodes'],
  ['priorityClassName', 'set spec.priorityClassName of the workload instead'],
  ['priority', 'set spec.priorityClassName of the workload instead'],
  ['serviceAccountName', 'workloads run without an account of their own'],
  ['serviceAccount', 'workloads run without an account of their own'],
  ['automountServiceAccountToken', 'workloads run without an account of their own'],
  ['hostNetwork', 'host namespaces are not given to workloads'],
  ['hostPID', 'host namespaces are not given to workloads'],
  ['hostIPC', 'host namespaces are not given to workloads'],
  ['topologySpreadConstraints', 'the operator cannot evaluate it'],
  ['resourceClaims', 'the operator cannot count it'],
  ['restartPolicy', 'the operator decides what happens after a failure'],
  ['hostname', 'the operator names the pods of a gang'],
  ['subdomain', 'the operator names the pods of a gang'],
];

/**
 * Problems of a template, each a sentence naming the field by its path; empty when it can be obeyed.
 * @param main name of the container that must be ours to fill (`trainer`, `main`)
 */
export function templateProblems(template: unknown, path: string, main: string, needsMain: boolean): string[] {
  const problems: string[] = [];
  if (!isObject(template)) return [`${path} must be an object.`];
  for (const key of Object.keys(template)) {
    if (key !== 'metadata' && key !== 'spec') problems.push(`${path}.${key} is not a field of a pod template.`);
  }
  const spec = (template as PodTemplate).spec;
  if (spec === undefined) return needsMain ? [...problems, `${path}.spec is missing.`] : problems;
  if (!isObject(spec)) return [...problems, `${path}.spec must be an object.`];
  for (const [field, why] of REFUSED) {
    if (field === 'restartPolicy' && spec[field] === (needsMain ? 'Always' : 'Never')) continue;
    if (isSet(spec[field])) problems.push(`${path}.spec.${field} is refused: ${why}.`);
  }
  problems.push(...affinityProblems(spec, path), ...volumeProblems(spec, path));
  problems.push(...containerProblems(spec, path, main, needsMain));
  return problems;
}

function affinityProblems(spec: PodSpec, path: string): string[] {
  const { affinity } = spec;
  if (affinity === undefined) return [];
  if (!isObject(affinity)) return [`${path}.spec.affinity must be an object.`];
  const out: string[] = [];
  for (const field of Object.keys(affinity)) {
    if (!['nodeAffinity', 'podAffinity', 'podAntiAffinity'].includes(field))
      out.push(`${path}.spec.affinity.${field} is not a field of an affinity.`);
  }
  if (isSet(affinity.nodeAffinity)) out.push(`${path}.spec.affinity.nodeAffinity is refused: use nodeSelector.`);
  for (const field of ['podAffinity', 'podAntiAffinity'] as const) {
    if (isSet(affinity[field])) out.push(`${path}.spec.affinity.${field} is refused: the operator cannot evaluate it.`);
  }
  return out;
}

function volumeProblems(spec: PodSpec, path: string): string[] {
  if (spec.volumes === undefined) return [];
  if (!Array.isArray(spec.volumes)) return [`${path}.spec.volumes must be a list.`];
  return spec.volumes.flatMap((volume, index) =>
    isSet(volume?.hostPath) ? [`${path}.spec.volumes[${index}].hostPath is refused: it opens the node's files.`] : [],
  );
}

function containerProblems(spec: PodSpec, path: string, main: string, needsMain: boolean): string[] {
  const out: string[] = [];
  for (const list of ['containers', 'initContainers'] as const) {
    const containers = spec[list];
    if (containers === undefined) continue;
    if (!Array.isArray(containers)) {
      out.push(`${path}.spec.${list} must be a list.`);
      continue;
    }
    containers.forEach((container, index) => {
      const at = `${path}.spec.${list}[${index}]`;
      if (!isObject(container) || typeof container.name !== 'string') out.push(`${at}.name is missing.`);
      else if (container.securityContext?.privileged === true) {
        out.push(`${at}.securityContext.privileged is refused: it opens the whole node.`);
      }
      if (container?.name === main) out.push(...mainProblems(container, at, needsMain));
    });
  }
  const named = Array.isArray(spec.containers) && spec.containers.some((container) => container?.name === main);
  if (needsMain && !named) out.push(`${path}.spec.containers must have a container named ${main}.`);
  return out;
}

/** Of the container that we fill: what we would write over. @param hasImage the template gives its image */
function mainProblems(container: Container, at: string, hasImage: boolean): string[] {
  const out: string[] = [];
  if (!hasImage && isSet(container.image)) out.push(`${at}.image is refused: set spec.trainer.image.`);
  for (const entry of Array.isArray(container.env) ? container.env : []) {
    if (!isReservedEnv(entry?.name ?? '')) continue;
    out.push(`${at}.env ${entry.name} is refused: the operator sets it from the placement.`);
  }
  return out;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** False, empty and absent all mean "not asked for". */
const isSet = (value: unknown): boolean =>
  value !== undefined &&
  value !== null &&
  value !== false &&
  value !== '' &&
  !(Array.isArray(value) && value.length === 0) &&
  !(isObject(value) && Object.keys(value).length === 0);
