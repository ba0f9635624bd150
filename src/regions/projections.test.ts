import { describe, expect, it } from 'vitest';
import type { RawPodResources } from './pod-requests.ts';
import { podRequests } from './pod-requests.ts';
import {
  projectForeignPod,
  projectJob,
  projectNamespace,
  projectNode,
  projectPod,
  projectReplica,
  type RawNode,
  type RawPod,
} from './projections.ts';

const meta = { name: 'x', namespace: 'team', uid: 'u', resourceVersion: '7' };
type Spec = NonNullable<RawPodResources['spec']>;
const c = (requests: Record<string, string | number>, name = 'c') => ({ name, resources: { requests } });
const sidecar = (requests: Record<string, string | number>) => ({ ...c(requests, 'side'), restartPolicy: 'Always' });
const bad = () => {
  throw new Error('no bad quantity is expected');
};

describe('requests of a pod', () => {
  it.each<[string, Spec, object]>([
    ['nothing asked', { containers: [{ name: 'c' }] }, { cpuMilli: 0, memoryMi: 0, extended: {} }],
    [
      'the sum of containers, rounded up',
      { containers: [c({ cpu: '0.5', memory: '1Gi' }), c({ cpu: '250m', memory: '1000k', 'nvidia.com/gpu': '4' })] },
      { cpuMilli: 750, memoryMi: 1025, extended: { 'nvidia.com/gpu': 4 } },
    ],
    [
      'a larger init container',
      {
        containers: [c({ cpu: 1, 'nvidia.com/gpu': 2 })],
        initContainers: [c({ cpu: 3, memory: '5Mi' }), c({ cpu: 2, 'nvidia.com/gpu': 1 })],
      },
      { cpuMilli: 3000, memoryMi: 5, extended: { 'nvidia.com/gpu': 2 } },
    ],
    [
      'a sidecar runs beside the containers and beside the init containers after it',
      {
        containers: [c({ cpu: 1 })],
        initContainers: [c({ cpu: 4 }), sidecar({ cpu: 2 }), c({ cpu: 3 })],
      },
      { cpuMilli: 5000, memoryMi: 0, extended: {} },
    ],
    [
      'overhead comes on top',
      { containers: [c({ cpu: 1 })], initContainers: [c({ cpu: 2 })], overhead: { cpu: '250m', memory: '120Mi' } },
      { cpuMilli: 2250, memoryMi: 120, extended: {} },
    ],
    [
      'a request for the whole pod stands for its cpu and memory',
      { containers: [c({ cpu: 1, memory: '1Gi', 'a.com/npu': 8 })], resources: { requests: { cpu: '4' } } },
      { cpuMilli: 4000, memoryMi: 1024, extended: { 'a.com/npu': 8 } },
    ],
    [
      'only what is handed out by the board is extended',
      {
        containers: [
          c({ 'ephemeral-storage': '1Gi', 'hugepages-2Mi': '4Mi', 'cambricon.com/mlu': '2', 'huawei.com/npu': 1 }),
        ],
      },
      { cpuMilli: 0, memoryMi: 0, extended: { 'cambricon.com/mlu': 2, 'huawei.com/npu': 1 } },
    ],
  ])('%s', (_name, spec, expected) => {
    expect(podRequests({ spec }, bad)).toEqual(expected);
  });

  it('count the larger of wanted and given while a container is resized', () => {
    const pod: RawPodResources = {
      spec: { containers: [c({ cpu: 1, memory: '2Gi' })] },
      status: { containerStatuses: [{ name: 'c', resources: { requests: { cpu: 2, memory: '1Gi' } } }] },
    };
    expect(podRequests(pod, bad)).toEqual({ cpuMilli: 2000, memoryMi: 2048, extended: {} });
  });

  it('report a quantity that cannot be read and count it as 0', () => {
    const reported: unknown[] = [];
    const pod = { spec: { containers: [c({ cpu: 'much', memory: '-1Gi', 'nvidia.com/gpu': '1' })] } };
    expect(podRequests(pod, (name, value) => reported.push([name, value]))).toEqual({
      cpuMilli: 0,
      memoryMi: 0,
      extended: { 'nvidia.com/gpu': 1 },
    });
    expect(reported).toEqual([
      ['cpu', 'much'],
      ['memory', '-1Gi'],
    ]);
  });
});

describe('nodes', () => {
  const node: RawNode = {
    metadata: {
      ...meta,
      labels: { zone: 'a' },
      annotations: { 'aidc.dev/x': '1', 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: {
      unschedulable: true,
      taints: [
        { key: 'gpu', value: 'yes', effect: 'NoSchedule' },
        { key: 'soft', effect: 'PreferNoSchedule' },
        { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
      ],
    },
    status: {
      allocatable: { cpu: '95500m', memory: '1055762868Ki', pods: '110', 'nvidia.com/gpu': '8', 'hugepages-1Gi': '0' },
      conditions: [
        { type: 'MemoryPressure', status: 'False' },
        { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' },
      ],
      nodeInfo: { bootID: 'b1' },
    },
  };

  it('keep what a placement needs; capacity is rounded down', () => {
    expect(projectNode(node, bad)).toEqual({
      metadata: { ...meta, labels: { zone: 'a' }, annotations: { 'aidc.dev/x': '1' } },
      ready: true,
      readySince: '2026-01-01T00:00:00Z',
      unschedulable: true,
      bootId: 'b1',
      taints: [
        { key: 'gpu', value: 'yes', effect: 'NoSchedule' },
        { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
      ],
      allocatable: { cpuMilli: 95_500, memoryMi: 1_031_018, extended: { 'nvidia.com/gpu': 8 }, pods: 110 },
    });
  });

  it.each([
    ['Unknown', false],
    ['False', false],
    ['True', true],
  ])('with Ready=%s are ready: %s', (status, ready) => {
    expect(projectNode({ metadata: meta, status: { conditions: [{ type: 'Ready', status }] } }).ready).toBe(ready);
  });

  it('without a status have nothing', () => {
    expect(projectNode({ metadata: { name: 'n' } })).toMatchObject({
      ready: false,
      bootId: '',
      allocatable: { cpuMilli: 0, memoryMi: 0, extended: {}, pods: 0 },
    });
  });
});

describe('pods of ours', () => {
  const pod = (over: Partial<RawPod>): RawPod => ({ metadata: meta, ...over });

  it('just born, gated', () => {
    const gated = projectPod(
      pod({
        spec: { schedulingGates: [{ name: 'aidc.dev/bind' }] },
        status: {
          phase: 'Pending',
          conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message: 'gated' }],
        },
      }),
    );
    expect(gated).toMatchObject({ phase: 'Pending', ready: false, gates: ['aidc.dev/bind'] });
    expect(gated).not.toHaveProperty('nodeName');
    expect(gated).not.toHaveProperty('unschedulableMessage');
  });

  it.each<[string, Partial<RawPod>, object]>([
    ['no status yet', {}, { phase: 'Pending' }],
    ['an unheard-of phase', { status: { phase: 'Dreaming' } }, { phase: 'Unknown' }],
    [
      'refused by the scheduler',
      { status: { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3' }] } },
      { unschedulableMessage: '0/3' },
    ],
    [
      'refused by the kubelet',
      { spec: { nodeName: 'n1' }, status: { phase: 'Failed', reason: 'OutOfcpu', message: 'Node did not have' } },
      { nodeName: 'n1', phase: 'Failed', reason: 'OutOfcpu', message: 'Node did not have' },
    ],
    [
      'running and ready',
      {
        status: {
          phase: 'Running',
          startTime: '2026-01-01T00:00:00Z',
          conditions: [{ type: 'Ready', status: 'True' }],
          containerStatuses: [{ state: { running: {} }, lastState: { terminated: { exitCode: 1, reason: 'Error' } } }],
        },
      },
      { ready: true, startTime: '2026-01-01T00:00:00Z' },
    ],
    [
      'ended badly',
      {
        status: {
          phase: 'Failed',
          containerStatuses: [
            { state: { terminated: { exitCode: 0, reason: 'Completed' } } },
            { state: { terminated: { exitCode: 137, reason: 'OOMKilled' } } },
          ],
        },
      },
      { exitCode: 137, exitReason: 'OOMKilled' },
    ],
    [
      'crashing again and again',
      {
        status: {
          containerStatuses: [
            {
              state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } },
              lastState: { terminated: { exitCode: 2, reason: 'Error' } },
            },
          ],
        },
      },
      { exitCode: 2, exitReason: 'Error', waitingReason: 'CrashLoopBackOff', waitingMessage: 'back-off' },
    ],
    [
      'an image that is not there',
      {
        status: {
          initContainerStatuses: [{ state: { waiting: { reason: 'ErrImagePull', message: 'not found' } } }],
          containerStatuses: [{ state: { waiting: { reason: 'PodInitializing' } } }],
        },
      },
      { waitingReason: 'ErrImagePull', waitingMessage: 'not found' },
    ],
    [
      'evicted',
      { status: { conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' }] } },
      { disruption: 'EvictionByEvictionAPI' },
    ],
    [
      'of an Indexed Job',
      { metadata: { ...meta, annotations: { 'batch.kubernetes.io/job-completion-index': '12' } } },
      { index: 12 },
    ],
    ['of a StatefulSet', { metadata: { ...meta, labels: { 'apps.kubernetes.io/pod-index': '3' } } }, { index: 3 }],
    [
      'of a StatefulSet, by its name',
      { metadata: { ...meta, name: 'web-2', ownerReferences: [{ kind: 'StatefulSet', name: 'web' }] } },
      { index: 2 },
    ],
  ])('%s', (_name, over, expected) => {
    expect(projectPod(pod(over))).toMatchObject(expected);
  });

  it('have no end, wait or index that nobody reported', () => {
    const plain = projectPod(
      pod({
        metadata: { ...meta, name: 'web-2' },
        status: { phase: 'Running', containerStatuses: [{ state: { running: {} } }] },
      }),
    );
    for (const key of ['exitCode', 'exitReason', 'waitingReason', 'index', 'disruption', 'reason', 'startTime']) {
      expect(plain).not.toHaveProperty(key);
    }
  });
});

describe('other kinds', () => {
  it('foreign pods keep only what they take away', () => {
    const raw: RawPod = {
      metadata: { ...meta, labels: { app: 'x' }, annotations: { a: 'b' } },
      spec: { nodeName: 'n1', containers: [c({ cpu: 1, 'nvidia.com/gpu': 1 })] },
    };
    expect(projectForeignPod(raw, bad)).toEqual({
      metadata: meta,
      nodeName: 'n1',
      requests: { cpuMilli: 1000, memoryMi: 0, extended: { 'nvidia.com/gpu': 1 } },
    });
  });

  it('Jobs', () => {
    const metadata = { ...meta, labels: {}, annotations: {} };
    expect(projectJob({ metadata: meta })).toEqual({
      metadata,
      active: 0,
      ready: 0,
      succeeded: 0,
      failed: 0,
      complete: false,
    });
    const failed = { type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded', message: 'too often' };
    expect(projectJob({ metadata: meta, status: { failed: 1, conditions: [failed] } })).toMatchObject({
      failed: 1,
      failure: { reason: 'BackoffLimitExceeded', message: 'too often' },
    });
    expect(projectJob({ status: { conditions: [{ type: 'Complete', status: 'True' }] } }).complete).toBe(true);
  });

  it('Deployments, StatefulSets and namespaces', () => {
    expect(
      projectReplica('Deployment', { metadata: meta, spec: { replicas: 3 }, status: { readyReplicas: 2 } }),
    ).toMatchObject({ kind: 'Deployment', replicas: 3, readyReplicas: 2 });
    expect(projectReplica('StatefulSet', { metadata: meta })).toMatchObject({ replicas: 1, readyReplicas: 0 });
    expect(projectNamespace({ metadata: { name: 'team', labels: { a: 'b' } } }).metadata).toMatchObject({
      name: 'team',
      labels: { a: 'b' },
    });
  });

  it('forget what kubectl remembers', () => {
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', 'aidc.dev/epoch': '3' };
    expect(projectJob({ metadata: { ...meta, annotations } }).metadata.annotations).toEqual({ 'aidc.dev/epoch': '3' });
  });
});
