import {
  type Admission,
  type ModelTraining,
  type ModelTrainingSpec,
  type ModelTrainingStatus,
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
