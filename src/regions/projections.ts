import { GROUP } from '../api/index.ts';
import { podRequests, type RawPodResources } from './pod-requests.ts';
import { amounts, type BadQuantity, count, type RawAmounts } from './quantities.ts';
import type {
  EnergyReport,
  ForeignPod,
  MemberJob,
  MemberMeta,
  MemberNamespace,
  MemberNode,
  MemberPod,
  MemberReplica,
} from './types.ts';

/** Objects as the API server sends them: nothing is certain to be there. */
interface RawMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly ownerReferences?: readonly { readonly kind?: string; readonly name?: string }[];
}
interface RawCondition {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}
export interface RawObject {
  readonly metadata?: RawMeta;
}
export interface RawConfigMap extends RawObject {
  readonly data?: Readonly<Record<string, string>>;
}
export interface RawNode extends RawObject {
  readonly spec?: {
    readonly unschedulable?: boolean;
    readonly taints?: readonly { readonly key?: string; readonly value?: string; readonly effect?: string }[];
  };
  readonly status?: {
    readonly allocatable?: RawAmounts;
    readonly conditions?: readonly RawCondition[];
    readonly nodeInfo?: { readonly bootID?: string };
  };
}
interface RawEnded {
  readonly exitCode?: number;
  readonly reason?: string;
}
interface RawContainerStatus {
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly running?: object;
    readonly terminated?: RawEnded;
  };
  readonly lastState?: { readonly terminated?: RawEnded };
}
export interface RawPod extends RawObject {
  readonly spec?: RawPodResources['spec'] & {
    readonly nodeName?: string;
    readonly schedulingGates?: readonly { readonly name?: string }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly startTime?: string;
    readonly conditions?: readonly RawCondition[];
    readonly containerStatuses?: readonly RawContainerStatus[];
    readonly initContainerStatuses?: readonly RawContainerStatus[];
  };
}
export interface RawJob extends RawObject {
  readonly spec?: { readonly activeDeadlineSeconds?: number };
  readonly status?: {
    readonly startTime?: string;
    readonly active?: number;
    readonly ready?: number;
    readonly succeeded?: number;
    readonly failed?: number;
    readonly conditions?: readonly RawCondition[];
  };
}
export interface RawReplica extends RawObject {
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly readyReplicas?: number };
}

const NONE: Readonly<Record<string, string>> = Object.freeze({});
const NO_NAMES: readonly string[] = Object.freeze([]);
const ignore: BadQuantity = () => {};

export function projectNode(raw: RawNode, bad: BadQuantity = ignore): MemberNode {
  const ready = condition(raw.status?.conditions, 'Ready');
  const allocatable = raw.status?.allocatable;
  return {
    metadata: meta(raw.metadata, ownAnnotations),
    ready: ready?.status === 'True',
    ...(ready?.lastTransitionTime === undefined ? {} : { readySince: ready.lastTransitionTime }),
    unschedulable: raw.spec?.unschedulable === true,
    bootId: raw.status?.nodeInfo?.bootID ?? '',
    taints: (raw.spec?.taints ?? [])
      .filter((taint) => taint.effect === 'NoSchedule' || taint.effect === 'NoExecute')
      .map((taint) => ({
        key: taint.key ?? '',
        ...(taint.value === undefined ? {} : { value: taint.value }),
        effect: taint.effect ?? '',
      })),
    allocatable: {
      ...amounts(allocatable, 'down', bad),
      pods: count('pods', allocatable?.pods, 'down', bad),
    },
  };
}

export function projectPod(raw: RawPod, bad: BadQuantity = ignore): MemberPod {
  const { spec, status } = raw;
  const gates = (spec?.schedulingGates ?? []).map((gate) => gate.name ?? '');
  return {
    metadata: meta(raw.metadata, allAnnotations),
    ...defined('nodeName', spec?.nodeName || undefined),
    phase: phase(status?.phase),
    ...defined('reason', status?.reason),
    ...defined('message', status?.message),
    ready: condition(status?.conditions, 'Ready')?.status === 'True',
    gates: gates.length === 0 ? NO_NAMES : gates,
    ...defined('unschedulableMessage', unschedulable(status?.conditions)),
    requests: podRequests(raw as RawPodResources, bad),
    ...defined('index', podIndex(raw.metadata)),
    ...badEnd(raw),
    ...waiting(raw),
    ...disruption(status?.conditions),
    ...defined('startTime', status?.startTime),
  };
}

export function projectForeignPod(raw: RawPod, bad: BadQuantity = ignore): ForeignPod {
  const { name, namespace, uid, resourceVersion } = raw.metadata ?? {};
  return {
    metadata: {
      name: name ?? '',
      ...defined('namespace', namespace),
      uid: uid ?? '',
      resourceVersion: resourceVersion ?? '',
    },
    ...defined('nodeName', raw.spec?.nodeName || undefined),
    requests: podRequests(raw as RawPodResources, bad),
  };
}

export function projectJob(raw: RawJob): MemberJob {
  const { status, spec } = raw;
  const failed = condition(status?.conditions, 'Failed');
  return {
    metadata: meta(raw.metadata, allAnnotations),
    active: status?.active ?? 0,
    ready: status?.ready ?? 0,
    succeeded: status?.succeeded ?? 0,
    failed: status?.failed ?? 0,
    complete: condition(status?.conditions, 'Complete')?.status === 'True',
    ...(status?.startTime === undefined ? {} : { startTime: status.startTime }),
    ...(spec?.activeDeadlineSeconds === undefined ? {} : { activeDeadlineSeconds: spec.activeDeadlineSeconds }),
    ...(failed?.status === 'True' ? { failure: { reason: failed.reason ?? '', message: failed.message ?? '' } } : {}),
  };
}

export function projectReplica(kind: MemberReplica['kind'], raw: RawReplica): MemberReplica {
  return {
    metadata: meta(raw.metadata, allAnnotations),
    kind,
    replicas: raw.spec?.replicas ?? 1,
    readyReplicas: raw.status?.readyReplicas ?? 0,
  };
}

export const projectNamespace = (raw: RawObject): MemberNamespace => ({ metadata: meta(raw.metadata, ownAnnotations) });

export const projectEnergyReport = (raw: RawConfigMap): EnergyReport => ({
  metadata: meta(raw.metadata, ownAnnotations),
  data: raw.data ?? NONE,
});

type KeepAnnotation = (name: string) => boolean;
const ownAnnotations: KeepAnnotation = (name) => name.startsWith(`${GROUP}/`);
const allAnnotations: KeepAnnotation = (name) => name !== 'kubectl.kubernetes.io/last-applied-configuration';

function meta(raw: RawMeta | undefined, keep: KeepAnnotation): MemberMeta {
  return {
    name: raw?.name ?? '',
    ...defined('namespace', raw?.namespace),
    uid: raw?.uid ?? '',
    resourceVersion: raw?.resourceVersion ?? '',
    labels: raw?.labels ?? NONE,
    annotations: annotations(raw?.annotations, keep),
    ...defined('creationTimestamp', raw?.creationTimestamp),
    ...defined('deletionTimestamp', raw?.deletionTimestamp),
  };
}

function annotations(raw: RawMeta['annotations'], keep: KeepAnnotation): Readonly<Record<string, string>> {
  const kept = Object.entries(raw ?? NONE).filter(([name]) => keep(name));
  return kept.length === 0 ? NONE : Object.fromEntries(kept);
}

function defined<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}

const condition = (conditions: readonly RawCondition[] | undefined, type: string): RawCondition | undefined =>
  conditions?.find((entry) => entry.type === type);

const PHASES = new Set(['Pending', 'Running', 'Succeeded', 'Failed']);
const phase = (value: string | undefined): MemberPod['phase'] => {
  if (value === undefined || value === '') return 'Pending';
  return PHASES.has(value) ? (value as MemberPod['phase']) : 'Unknown';
};

/** A pod that is still gated was not yet refused by any scheduler. */
function unschedulable(conditions: readonly RawCondition[] | undefined): string | undefined {
  const scheduled = condition(conditions, 'PodScheduled');
  if (scheduled?.status !== 'False' || scheduled.reason === 'SchedulingGated') return undefined;
  return scheduled.message ?? scheduled.reason ?? '';
}

const INDEXES = ['batch.kubernetes.io/job-completion-index', 'apps.kubernetes.io/pod-index'];

function podIndex(raw: RawMeta | undefined): number | undefined {
  for (const key of INDEXES) {
    const value = raw?.annotations?.[key] ?? raw?.labels?.[key];
    if (value !== undefined && /^\d+$/.test(value)) return Number(value);
  }
  if (raw?.ownerReferences?.some((owner) => owner.kind === 'StatefulSet') !== true) return undefined;
  const ordinal = /-(\d+)$/.exec(raw.name ?? '')?.[1];
  return ordinal === undefined ? undefined : Number(ordinal);
}

const containers = (raw: RawPod): readonly RawContainerStatus[] => [
  ...(raw.status?.initContainerStatuses ?? []),
  ...(raw.status?.containerStatuses ?? []),
];

/** How a container ended last; one that runs again is well for now. */
function badEnd(raw: RawPod): { exitCode?: number; exitReason?: string } {
  for (const { state, lastState } of containers(raw)) {
    const ended = state?.terminated ?? (state?.running === undefined ? lastState?.terminated : undefined);
    if (ended?.exitCode === undefined || ended.exitCode === 0) continue;
    return { exitCode: ended.exitCode, ...defined('exitReason', ended.reason) };
  }
  return {};
}

/** Waiting reasons of a pod that starts as it should. */
const STARTING = new Set(['ContainerCreating', 'PodInitializing']);

function waiting(raw: RawPod): { waitingReason?: string; waitingMessage?: string } {
  for (const { state } of containers(raw)) {
    const reason = state?.waiting?.reason;
    if (reason === undefined || STARTING.has(reason)) continue;
    return { waitingReason: reason, ...defined('waitingMessage', state?.waiting?.message) };
  }
  return {};
}

function disruption(conditions: readonly RawCondition[] | undefined): { disruption?: string } {
  const target = condition(conditions, 'DisruptionTarget');
  return target?.status === 'True' ? { disruption: target.reason ?? 'DisruptionTarget' } : {};
}
