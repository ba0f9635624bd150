import { ANNOTATION, BIND_GATE, LABEL, MANAGED_BY, MEMBER_PRIORITY_CLASS } from '../api/index.ts';
import type { Container, PodSpec, PodTemplate, Toleration } from './pod-template.ts';

type Quantities = Record<string, string | number>;
type EnvVar = { name: string; [field: string]: unknown };

/** Whose run a member object belongs to; goes on every member object as labels and annotations. */
export interface RunIdentity {
  readonly hubId: string;
  readonly kind: 'ModelTraining' | 'ModelServing';
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly shapeHash: string;
}

export function runLabels(run: RunIdentity): Record<string, string> {
  return {
    [LABEL.managedBy]: MANAGED_BY,
    [LABEL.kind]: run.kind,
    [LABEL.workload]: run.name,
    [LABEL.workloadUid]: run.uid,
    [LABEL.attempt]: String(run.attempt),
  };
}

export function runAnnotations(run: RunIdentity): Record<string, string> {
  return {
    [ANNOTATION.hubId]: run.hubId,
    [ANNOTATION.epoch]: String(run.epoch),
    [ANNOTATION.shapeHash]: run.shapeHash,
  };
}

export interface AcceleratorUse {
  /** '' : CPU only. */
  readonly resourceName: string;
  readonly perPod: number;
}

/**
 * Limits and requests of the main container: the template's, then the workload's own, then the accelerators
 * (an extended resource must have equal request and limit).
 */
export function mainResources(
  layers: readonly ({ limits?: Quantities | undefined; requests?: Quantities | undefined } | undefined)[],
  accelerator: AcceleratorUse,
): { limits: Quantities; requests: Quantities } {
  const limits: Quantities = {};
  const requests: Quantities = {};
  for (const layer of layers) {
    Object.assign(limits, layer?.limits);
    Object.assign(requests, layer?.requests);
  }
  if (accelerator.resourceName !== '') {
    limits[accelerator.resourceName] = String(accelerator.perPod);
    requests[accelerator.resourceName] = String(accelerator.perPod);
  }
  return { limits, requests };
}

/** Later entries replace earlier ones of the same name; the order of first mention is kept. */
export function mergeEnv(...lists: readonly (readonly EnvVar[] | undefined)[]): EnvVar[] {
  const merged = new Map<string, EnvVar>();
  for (const list of lists) for (const entry of list ?? []) merged.set(entry.name, entry);
  return [...merged.values()];
}

/** Exactly this node, also where its hostname label differs from its name. */
export const onNode = (node: string) => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }],
    },
  },
});

/** Merge patch that names a gated pod's node and lifts the gate, in one write. */
export const bindPatch = (node: string) => ({ spec: { affinity: onNode(node), schedulingGates: null } });

/**
 * Tolerations every pod of ours has: taints that keep others off accelerator nodes, and a node that stops
 * answering (the hub decides when such a pod is lost, the member must not evict it by itself).
 */
export function ownTolerations(resourceName: string): Toleration[] {
  return [
    ...(resourceName === '' ? [] : [{ key: resourceName, operator: 'Exists' as const }]),
    { key: 'aidc.dev/accelerator', operator: 'Exists' },
    { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
    { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  ];
}

export interface PodOptions {
  readonly run: RunIdentity;
  readonly extraLabels?: Record<string, string>;
  readonly template: PodTemplate;
  /** The container that we fill, merged over the template's container of the same name. */
  readonly main: Container;
  readonly resourceName: string;
  /** Node of the pod; undefined: born with the gate, named later. */
  readonly node?: string | undefined;
  readonly spec: Record<string, unknown>;
}

/** The pod template of a member object. */
export function renderPod(options: PodOptions): { metadata: object; spec: PodSpec } {
  const { run, template, main } = options;
  const spec = template.spec ?? {};
  const others = (spec.containers ?? []).filter((container) => container.name !== main.name);
  const { affinity: _ours, ...rest } = spec;
  return {
    metadata: {
      ...template.metadata,
      labels: { ...template.metadata?.labels, ...runLabels(run), ...options.extraLabels },
      annotations: { ...template.metadata?.annotations, ...runAnnotations(run) },
    },
    spec: {
      ...rest,
      ...options.spec,
      containers: [main, ...others],
      tolerations: [...(spec.tolerations ?? []), ...ownTolerations(options.resourceName)],
      priorityClassName: MEMBER_PRIORITY_CLASS,
      automountServiceAccountToken: false,
      ...(options.node === undefined ? { schedulingGates: [{ name: BIND_GATE }] } : { affinity: onNode(options.node) }),
    },
  };
}
