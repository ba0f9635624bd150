import type { AcceleratorType, RegionalCluster, RegionalClusterSpec } from '../api/index.ts';
import type { Amounts, ForeignPod, MemberNode, MemberPod } from './types.ts';

/** Builders for tests: whole objects from what a test cares about. */
export const H100: AcceleratorType = {
  type: 'H100',
  resourceName: 'nvidia.com/gpu',
  nodeSelector: {},
  boardWatts: 700,
  gpuHourMicros: 20_000_000,
};

export const gpus = (count: number, cpuMilli = 0, memoryMi = 0): Amounts => ({
  cpuMilli,
  memoryMi,
  extended: count === 0 ? {} : { 'nvidia.com/gpu': count },
});

export function aNode(name: string, boards = 8, over: Partial<MemberNode> = {}): MemberNode {
  return {
    metadata: { name, uid: `uid-${name}`, resourceVersion: '1', labels: {}, annotations: {} },
    ready: true,
    unschedulable: false,
    bootId: 'boot',
    taints: [],
    allocatable: { ...gpus(boards, 96_000, 1_000_000), pods: 110 },
    ...over,
  };
}

export function aPod(uid: string, nodeName: string | undefined, requests: Amounts, phase = 'Running'): MemberPod {
  return {
    metadata: { name: uid, namespace: 'team', uid, resourceVersion: '1', labels: {}, annotations: {} },
    ...(nodeName === undefined ? {} : { nodeName }),
    phase: phase as MemberPod['phase'],
    ready: true,
    gates: [],
    requests,
  };
}

export function aForeignPod(uid: string, nodeName: string | undefined, requests: Amounts): ForeignPod {
  return {
    metadata: { name: uid, namespace: 'other', uid, resourceVersion: '1' },
    ...(nodeName === undefined ? {} : { nodeName }),
    requests,
  };
}

export function aRegion(name: string, spec: Partial<RegionalClusterSpec> = {}): RegionalCluster {
  return {
    metadata: { name, uid: `uid-${name}`, generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: {
      region: name,
      kubeconfigSecretRef: { name: `${name}-kubeconfig`, key: 'kubeconfig' },
      inCluster: false,
      location: { zone: 'West', jurisdiction: 'CN-GZ' },
      accelerators: [H100],
      electricity: {
        currency: 'CNY',
        timezone: 'Asia/Shanghai',
        tariff: [{ months: [], hours: [], pricePerKWhMicros: 335_000 }],
      },
      puePermille: 1200,
      carbon: { gramsPerKWh: 404, greenPowerPermille: 0 },
      power: { nodeOverheadWatts: 1500 },
      userLatency: [],
      ...spec,
    },
  };
}
