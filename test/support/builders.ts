import {
  type Admission,
  type HeldReplica,
  type ModelServing,
  type ModelServingSpec,
  type ModelServingStatus,
  type ModelTraining,
  type ModelTrainingSpec,
  type ModelTrainingStatus,
  modelServingSpec,
  modelTrainingSpec,
} from '../../src/api/index.ts';
import type { Admit, Workload } from '../../src/core/model.ts';

type SpecInput = Parameters<typeof modelTrainingSpec.parse>[0];

/** A training as the API server would store it, from what a test cares about. */
export function aTraining(
  over: { name?: string; spec?: object; status?: ModelTrainingStatus; metadata?: object } = {},
): ModelTraining {
  const spec: SpecInput = {
    model: { name: 'm' },
    trainer: { image: 'train:1', numNodes: 2, resourcesPerNode: { limits: { cpu: '8', memory: '64Gi' } } },
    accelerators: [{ type: 'H100', countPerNode: 8 }],
    ...over.spec,
  };
  return {
    apiVersion: 'aidc.dev/v1alpha1',
    kind: 'ModelTraining',
    metadata: {
      name: over.name ?? 'run',
      namespace: 'team',
      uid: 'uid-1',
      resourceVersion: '10',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
      finalizers: ['aidc.dev/member-cleanup'],
      ...over.metadata,
    },
    spec: modelTrainingSpec.parse(spec) as ModelTrainingSpec,
    ...(over.status === undefined ? {} : { status: over.status }),
  };
}

export function anAdmission(over: Partial<Admission> = {}): Admission {
  return {
    epoch: 3,
    attempt: 1,
    generation: 1,
    shapeHash: 'shape',
    cluster: 'guian',
    accelerator: 'H100',
    resourceName: 'nvidia.com/gpu',
    gpusPerNode: 8,
    cpuMilliPerNode: 8000,
    memoryMiPerNode: 65_536,
    queue: 'default',
    queueCharges: [{ accelerator: 'H100', region: '*', milliGpus: 16_000 }],
    priority: 0,
    assignment: 'gpu-[1-2]:1',
    admittedAt: '2026-01-01T00:00:10Z',
    ...over,
  };
}

export function anAdmit(workload: Workload, over: Partial<Admit> = {}): Admit {
  return {
    workload,
    cluster: 'guian',
    region: 'guian',
    accelerator: 'H100',
    resourceName: 'nvidia.com/gpu',
    gpusPerNode: 8,
    nodes: ['gpu-1', 'gpu-2'],
    queueCharges: [{ accelerator: 'H100', region: '*', milliGpus: 16_000 }],
    decision: { policy: 'Balanced', reason: 'guian: the only one', candidates: [], filtered: [] },
    ...over,
  };
}

/** A serving as the API server would store it, from what a test cares about. */
export function aServing(
  over: { name?: string; spec?: object; status?: ModelServingStatus; metadata?: object } = {},
): ModelServing {
  const spec = {
    model: { uri: 's3://models/chat' },
    template: { spec: { containers: [{ name: 'main', image: 'serve:1', resources: { limits: { cpu: '8' } } }] } },
    accelerators: [{ type: 'H100', countPerNode: 8 }],
    replicas: 2,
    ...over.spec,
  };
  return {
    apiVersion: 'aidc.dev/v1alpha1',
    kind: 'ModelServing',
    metadata: {
      name: over.name ?? 'chat',
      namespace: 'team',
      uid: 'uid-1',
      resourceVersion: '10',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
      finalizers: ['aidc.dev/member-cleanup'],
      ...over.metadata,
    },
    spec: modelServingSpec.parse(spec) as ModelServingSpec,
    ...(over.status === undefined ? {} : { status: over.status }),
  };
}

/** Replica `replica` on a node of its own, admitted as attempt `replica + 1`. */
export const aHeldReplica = (replica: number, over: Partial<HeldReplica> = {}): HeldReplica => ({
  ...anAdmission({ attempt: replica + 1, assignment: `gpu-${replica + 1}:1` }),
  replica,
  ...over,
});
