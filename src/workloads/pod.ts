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

export const workloadLabels = (of: Pick<RunIdentity, 'kind' | 'name' | 'uid'>): Record<string, string> => ({
  [LABEL.managedBy]: MANAGED_BY,
  [LABEL.kind]: of.kind,
  [LABEL.workload]: of.name,
  [LABEL.workloadUid]: of.uid,
});

export const runLabels = (run: RunIdentity): Record<string, string> => ({
  ...workloadLabels(run),
  [LABEL.attempt]: String(run.attempt),
});

export const hubAnnotations = (of: Pick<RunIdentity, 'hubId' | 'epoch'>): Record<string, string> => ({
  [ANNOTATION.hubId]: of.hubId,
  [ANNOTATION.epoch]: String(of.epoch),
});

export const runAnnotations = (run: RunIdentity): Record<string, string> => ({
  ...hubAnnotations(run),
  [ANNOTATION.shapeHash]: run.shapeHash,
});

export interface AcceleratorUse {
  /** '' : CPU only. */
  readonly resourceName: string;
  readonly perPod: number;
  /** Further extended resources, as the device plugin reads them for each unit. */
  readonly perUnit?: Readonly<Record<string, number>> | undefined;
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
  const { resourceName, perPod, perUnit } = accelerator;
  const devices = resourceName === '' ? {} : { [resourceName]: perPod, ...perUnit };
  for (const [name, amount] of Object.entries(devices)) {
    limits[name] = String(amount);
    requests[name] = String(amount);
  }
  return { limits, requests };
}

/** Later entries replace earlier ones of the same name; the order of first mention is kept. */
export function mergeEnv(...lists: readonly (readonly EnvVar[] | undefined)[]): EnvVar[] {
  const merged = new Map<string, EnvVar>();
  for (const list of lists) for (const entry of list ?? []) merged.set(entry.name, entry);
  return [...merged.values()];
}

/** Only these nodes, also where a hostname label differs from the node's name. A field takes one value, so a term each. */
const onNodes = (nodes: readonly string[]) => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: nodes.map((node) => ({
        matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }],
      })),
    },
  },
});

/** No two pods of this attempt on one node. */
const apart = (run: RunIdentity) => ({
  podAntiAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      {
        topologyKey: 'kubernetes.io/hostname',
        labelSelector: { matchLabels: { [LABEL.workloadUid]: run.uid, [LABEL.attempt]: String(run.attempt) } },
      },
    ],
  },
});

/** Merge patch that names a gated pod's node and lifts the gate, in one write. */
export const bindPatch = (node: string) => ({ spec: { affinity: onNodes([node]), schedulingGates: null } });

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
  readonly extraAnnotations?: Record<string, string>;
  readonly template: PodTemplate;
  /** The container that we fill, merged over the template's container of the same name. */
  readonly main: Container;
  readonly resourceName: string;
  /**
   * Nodes of the pods that the template makes, one entry a pod: the member's scheduler keeps each pod on them.
   * undefined: the pods are born with the gate, their nodes are named later.
   */
  readonly nodes?: readonly string[] | undefined;
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
      annotations: { ...template.metadata?.annotations, ...options.extraAnnotations, ...runAnnotations(run) },
    },
    spec: {
      ...rest,
      ...options.spec,
      containers: [main, ...others],
      tolerations: [...(spec.tolerations ?? []), ...ownTolerations(options.resourceName)],
      priorityClassName: MEMBER_PRIORITY_CLASS,
      automountServiceAccountToken: false,
      ...(options.nodes === undefined
        ? { schedulingGates: [{ name: BIND_GATE }] }
        : { affinity: pinned(run, options.nodes) }),
    },
  };
}

function pinned(run: RunIdentity, nodes: readonly string[]): object {
  const distinct = [...new Set(nodes)];
  // Where each pod has a node of its own, the member's scheduler must not put two on one.
  return { ...onNodes(distinct), ...(distinct.length > 1 && distinct.length === nodes.length ? apart(run) : {}) };
}
