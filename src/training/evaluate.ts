import {
  CONDITION,
  type Dataset,
  type Filtered,
  type ModelTraining,
  type ModelTrainingStatus,
  PENDING_REASON,
  type PendingReason,
} from '../api/index.ts';
import { decodeAssignment } from '../core/assignment.ts';
import type { GangRequest, Workload } from '../core/model.ts';
import { stableHash } from '../core/shape.ts';
import { isTrue } from '../workloads/conditions.ts';
import { type PodTemplate, templateProblems } from '../workloads/pod-template.ts';
import {
  type DeclaredAccelerator,
  gangRequest,
  regionPolicy,
  regionsWithAll,
  shapeHashOf,
} from '../workloads/request.ts';
import { TRAINER } from './desired.ts';

/** What the hub knows around a training when it judges it. */
export interface TrainingContext {
  readonly queue: string;
  /** Value of its priority class, or a sentence why there is none. */
  readonly priority: number | { readonly missing: string };
  readonly dataset: (name: string) => Dataset | undefined;
  readonly declared: readonly DeclaredAccelerator[];
  readonly excluded: readonly Filtered[];
}

export interface Evaluation {
  /** Sentences about fields that cannot be obeyed; empty: the spec is honoured as far as the hub can tell. */
  readonly problems: readonly string[];
  readonly shapeHash: string;
  readonly queue: string;
  readonly request?: GangRequest;
  /** Set when nothing but the scheduler stands between it and its nodes. */
  readonly workload?: Workload;
  /** Set when something else is missing. */
  readonly blocked?: { readonly reason: PendingReason; readonly message: string };
}

export const isFinished = (training: ModelTraining): boolean =>
  isTrue(training.status?.conditions, CONDITION.Complete) || isTrue(training.status?.conditions, CONDITION.Failed);

/** Judges a training without its history: pure, used for scheduling, status and the check of a stale admission. */
export function evaluate(training: ModelTraining, context: TrainingContext): Evaluation {
  const { spec } = training;
  const problems =
    spec.trainer.podTemplate === undefined
      ? []
      : templateProblems(spec.trainer.podTemplate, 'spec.trainer.podTemplate', TRAINER, false);
  const request = requestOf(training, context, problems);
  const shapeHash = typeof request === 'object' ? shapeHashOf(request, context.queue) : stableHash(request ?? problems);
  const base = { problems, shapeHash, queue: context.queue };
  if (typeof request !== 'object') {
    return typeof request === 'string'
      ? { ...base, blocked: { reason: PENDING_REASON.NoSuchAccelerator, message: request } }
      : base;
  }
  const blocked = whatIsMissing(training, context);
  if (blocked !== undefined) return { ...base, request, blocked };
  return { ...base, request, workload: toWorkload(training, context, request) };
}

/** Undefined: the template has problems; a sentence: no region has such a device. */
function requestOf(
  training: ModelTraining,
  context: TrainingContext,
  problems: string[],
): GangRequest | string | undefined {
  if (problems.length > 0) return undefined;
  const { trainer, accelerators, acceleratorPolicy } = training.spec;
  const template = (trainer.podTemplate ?? {}) as PodTemplate;
  const base = template.spec?.containers?.find((container) => container.name === TRAINER);
  const others = (template.spec?.containers ?? []).filter((container) => container.name !== TRAINER);
  const main = {
    ...base,
    name: TRAINER,
    resources: {
      limits: { ...base?.resources?.limits, ...trainer.resourcesPerNode.limits },
      requests: { ...base?.resources?.requests, ...trainer.resourcesPerNode.requests },
    },
  };
  try {
    const request = gangRequest({
      pods: trainer.numNodes,
      spec: { ...template.spec, containers: [main, ...others] },
      accelerators,
      acceleratorPolicy,
      declared: context.declared,
      topology: training.spec.placement.topology,
      capWatts: training.spec.energy.gpuPowerCapWatts,
    });
    if (typeof request === 'string' && accelerators.length > 0) {
      problems.push(`spec.trainer.resourcesPerNode: ${request}`);
      return undefined;
    }
    return request;
  } catch (error) {
    problems.push(`spec.trainer.resourcesPerNode: ${(error as Error).message}`);
    return undefined;
  }
}

function whatIsMissing(training: ModelTraining, context: TrainingContext): Evaluation['blocked'] {
  if (typeof context.priority !== 'number') {
    return { reason: PENDING_REASON.PriorityClassNotFound, message: context.priority.missing };
  }
  const missing = training.spec.datasets.filter((entry) => context.dataset(entry.name) === undefined);
  if (missing.length > 0) {
    return {
      reason: PENDING_REASON.DatasetNotFound,
      message: `Dataset ${missing.map((entry) => entry.name).join(', ')} does not exist in namespace ${training.metadata.namespace}; create it.`,
    };
  }
  return undefined;
}

function toWorkload(training: ModelTraining, context: TrainingContext, request: GangRequest): Workload {
  const { metadata, spec, status } = training;
  const datasets = spec.datasets.flatMap((entry) => context.dataset(entry.name) ?? []);
  const regions = regionPolicy(spec.placement, {
    dataRegions: regionsWithAll(datasets),
    dataJurisdictions: datasets.map((dataset) => dataset.spec.residency.jurisdictions),
    excluded: context.excluded,
  });
  const avoid = (status?.avoid ?? []).map(({ cluster, node }) => ({ cluster, node }));
  const priority = typeof context.priority === 'number' ? context.priority : 0;
  const previous = previousNodes(status?.previousAssignment);
  const modelClass = spec.model.class;
  return {
    ...(previous === undefined ? {} : { previous }),
    key: metadata.uid ?? '',
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    kind: 'ModelTraining',
    queue: context.queue,
    priority,
    queuedAt: Date.parse(metadata.creationTimestamp ?? '1970-01-01T00:00:00Z'),
    request,
    modelClass,
    regions,
    avoid,
    classKey: stableHash([context.queue, metadata.namespace, priority, request, modelClass, regions, avoid]),
  };
}

function previousNodes(previous: ModelTrainingStatus['previousAssignment']): Workload['previous'] {
  return previous === undefined
    ? undefined
    : { cluster: previous.cluster, nodes: decodeAssignment(previous.assignment) };
}
