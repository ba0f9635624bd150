import { type Filtered, type ModelServing, PENDING_REASON, type PendingReason } from '../api/index.ts';
import type { GangRequest, Workload } from '../core/model.ts';
import { stableHash } from '../core/shape.ts';
import { type PodTemplate, templateProblems } from '../workloads/pod-template.ts';
import { type DeclaredAccelerator, gangRequest, regionPolicy, shapeHashOf } from '../workloads/request.ts';
import { MAIN, revisionOf } from './desired.ts';

/** What the hub knows around a serving when it judges it. */
export interface ServingContext {
  readonly queue: string;
  /** Value of its priority class, or a sentence why there is none. */
  readonly priority: number | { readonly missing: string };
  readonly declared: readonly DeclaredAccelerator[];
  readonly excluded: readonly Filtered[];
}

export interface Evaluation {
  /** Sentences about fields that cannot be obeyed; empty: the spec is honoured as far as the hub can tell. */
  readonly problems: readonly string[];
  readonly shapeHash: string;
  readonly revision: string;
  readonly queue: string;
  /** Demand of one replica. */
  readonly request?: GangRequest;
  /** Set when nothing but the scheduler stands between a replica and its nodes. */
  readonly workloadOf?: (replica: number) => Workload;
  /** Set when something else is missing. */
  readonly blocked?: { readonly reason: PendingReason; readonly message: string };
}

/** Judges a serving without its history: pure, used for scheduling, status and the check of a stale admission. */
export function evaluate(serving: ModelServing, context: ServingContext): Evaluation {
  const { spec } = serving;
  const problems = templateProblems(spec.template, 'spec.template', MAIN, true);
  if (spec.worker !== undefined) problems.push(...templateProblems(spec.worker, 'spec.worker', MAIN, true));
  const request = requestOf(serving, context, problems);
  const shapeHash = typeof request === 'object' ? shapeHashOf(request, context.queue) : stableHash(request ?? problems);
  const base = { problems, shapeHash, revision: revisionOf(serving), queue: context.queue };
  if (request === undefined) return base;
  if (typeof request === 'string') {
    return { ...base, blocked: { reason: PENDING_REASON.NoSuchAccelerator, message: request } };
  }
  if (typeof context.priority !== 'number') {
    const blocked = { reason: PENDING_REASON.PriorityClassNotFound, message: context.priority.missing };
    return { ...base, request, blocked };
  }
  return { ...base, request, workloadOf: workloads(serving, context, request, context.priority) };
}

/** Undefined: the templates have problems; a sentence: no region has such a device. */
function requestOf(serving: ModelServing, context: ServingContext, problems: string[]) {
  if (problems.length > 0) return undefined;
  const { template, worker } = serving.spec;
  const leader = podRequest(serving, template as PodTemplate, 'spec.template', context, problems);
  if (worker === undefined || typeof leader !== 'object') return leader;
  const others = podRequest(serving, worker as PodTemplate, 'spec.worker', context, problems);
  if (typeof others !== 'object') return others;
  for (const field of ['nodeSelector', 'tolerations'] as const) {
    if (stableHash(leader[field]) === stableHash(others[field])) continue;
    problems.push(
      `spec.worker.spec.${field} differs from spec.template.spec.${field}: all pods of a replica are placed together.`,
    );
  }
  if (problems.length > 0) return undefined;
  // Each pod gets the room of the larger one.
  const cpuMilli = Math.max(leader.cpuMilli, others.cpuMilli);
  return { ...leader, cpuMilli, memoryMi: Math.max(leader.memoryMi, others.memoryMi) };
}

function podRequest(
  serving: ModelServing,
  template: PodTemplate,
  path: string,
  context: ServingContext,
  problems: string[],
): GangRequest | string | undefined {
  const { nodesPerReplica: pods, accelerators, acceleratorPolicy } = serving.spec;
  const { topology } = serving.spec.placement;
  const { declared } = context;
  const refused = (sentence: string): undefined => {
    problems.push(`${path}: ${sentence}`);
    return undefined;
  };
  try {
    const spec = template.spec ?? {};
    const request = gangRequest({ pods, spec, accelerators, acceleratorPolicy, declared, topology });
    return typeof request === 'string' && accelerators.length > 0 ? refused(request) : request;
  } catch (error) {
    return refused((error as Error).message);
  }
}

function workloads(serving: ModelServing, context: ServingContext, request: GangRequest, priority: number) {
  const { metadata, spec, status } = serving;
  const { queue } = context;
  const { uid = '', namespace = '', name } = metadata;
  const regions = regionPolicy(spec.placement, { dataJurisdictions: [], excluded: context.excluded });
  const avoid = (status?.avoid ?? []).map(({ cluster, node }) => ({ cluster, node }));
  const queuedAt = Date.parse(metadata.creationTimestamp ?? '1970-01-01T00:00:00Z');
  const modelClass = spec.model.class;
  const classKey = stableHash([queue, namespace, priority, request, modelClass, regions, avoid]);
  const common = { namespace, name, kind: 'ModelServing' as const, queue, priority, queuedAt, modelClass };
  return (replica: number): Workload => ({
    ...{ key: replicaKey(uid, replica), ...common, request, regions, avoid, classKey },
  });
}

/** The scheduler's key of a replica. */
export const replicaKey = (uid: string, replica: number): string => `${uid}/${replica}`;

/** Ordinal in a key. */
export const ordinalOf = (key: string): number => Number(key.slice(key.lastIndexOf('/') + 1));
