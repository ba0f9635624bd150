/** Small worlds for tests: everything has a default, a test names what it is about. */
import type { AcceleratorType, TariffBand } from '../../api/index.ts';
import type {
  ClusterView,
  GangRequest,
  NodeTable,
  QueueView,
  RegionPolicy,
  Snapshot,
  Taint,
  Workload,
} from '../model.ts';
import { stableHash } from '../shape.ts';

export interface NodeSpec {
  name: string;
  usable?: boolean;
  accelerator?: number;
  gpus?: number;
  gpusFree?: number;
  cpuMilli?: number;
  cpuFree?: number;
  memoryFree?: number;
  podsFree?: number;
  labels?: Record<string, string>;
  taints?: Taint[];
}

/** Nodes with 8 boards of accelerator 0, 128 cores and 1 TiB, all free. */
export function nodes(specs: readonly NodeSpec[]): NodeTable {
  const full = specs.map((spec) => {
    const gpus = spec.gpus ?? 8;
    const cpuMilli = spec.cpuMilli ?? 128_000;
    return { gpusFree: gpus, cpuFree: cpuMilli, memoryFree: 1_048_576, podsFree: 110, ...spec, gpus, cpuMilli };
  });
  const column = (of: (spec: (typeof full)[number]) => number) => Float64Array.from(full, of);
  return {
    count: full.length,
    names: full.map((spec) => spec.name),
    usable: Uint8Array.from(full, (spec) => (spec.usable === false ? 0 : 1)),
    accelerator: Int16Array.from(full, (spec) => spec.accelerator ?? (spec.gpus > 0 ? 0 : -1)),
    gpuTotal: column((spec) => spec.gpus * 1000),
    gpuFree: column((spec) => spec.gpusFree * 1000),
    cpuTotal: column((spec) => spec.cpuMilli),
    cpuFree: column((spec) => spec.cpuFree),
    memoryFree: column((spec) => spec.memoryFree),
    podsFree: column((spec) => spec.podsFree),
    labelSet: Int32Array.from(full.keys()),
    taintSet: Int32Array.from(full.keys()),
    labelSets: full.map((spec) => spec.labels ?? {}),
    taintSets: full.map((spec) => spec.taints ?? []),
  };
}

/** `count` equal nodes: gpu-0001, gpu-0002 ... */
export const manyNodes = (count: number, spec: Omit<NodeSpec, 'name'> = {}): NodeTable =>
  nodes(Array.from({ length: count }, (_, i) => ({ ...spec, name: `gpu-${String(i + 1).padStart(4, '0')}` })));

export const H100: AcceleratorType = {
  type: 'H100',
  resourceName: 'nvidia.com/gpu',
  nodeSelector: {},
  boardWatts: 700,
  gpuHourMicros: 20_000_000,
};
export const A100: AcceleratorType = { ...H100, type: 'A100', boardWatts: 400, gpuHourMicros: 10_000_000 };

export const flat = (pricePerKWhMicros: number): TariffBand[] => [{ months: [], hours: [], pricePerKWhMicros }];

export function cluster(name: string, over: Partial<ClusterView> = {}): ClusterView {
  return {
    name,
    region: name,
    jurisdiction: 'CN-GZ',
    labels: {},
    accelerators: [H100],
    currency: 'CNY',
    timezone: 'Asia/Shanghai',
    tariff: flat(400_000),
    puePermille: 1200,
    gramsPerKWh: 500,
    nodeOverheadWatts: 1500,
    userLatency: {},
    nodes: manyNodes(4),
    ...over,
  };
}

export function queue(name: string, over: Partial<QueueView> = {}): QueueView {
  return {
    name,
    quota: [{ accelerator: '*', region: '*', nominal: 1_000_000_000 }],
    namespaceSelector: { matchLabels: {} },
    stopPolicy: 'None',
    ...over,
  };
}

export function policy(over: Partial<RegionPolicy> = {}): RegionPolicy {
  return {
    allowed: [],
    denied: [],
    preferred: [],
    clusterLabels: {},
    jurisdictions: [],
    policy: 'Balanced',
    weights: {},
    clientRegions: [],
    ...over,
  };
}

export function request(over: Partial<GangRequest> = {}): GangRequest {
  return {
    pods: 1,
    accelerators: [{ type: 'H100', countPerNode: 8 }],
    acceleratorPolicy: 'Ordered',
    cpuMilli: 8000,
    memoryMi: 65_536,
    nodeSelector: {},
    tolerations: [],
    ...over,
  };
}

type WorkloadOver = Partial<Omit<Workload, 'request' | 'regions'>> & {
  request?: Partial<GangRequest>;
  regions?: Partial<RegionPolicy>;
};

export function workload(key: string, over: WorkloadOver = {}): Workload {
  const made = {
    key,
    namespace: 'ns',
    name: key,
    kind: 'ModelTraining' as const,
    queue: 'q',
    priority: 0,
    queuedAt: 0,
    avoid: [],
    ...over,
    request: request(over.request),
    regions: policy(over.regions),
  };
  const { queue: leaf, namespace, priority, request: asked, regions, avoid } = made;
  return { ...made, classKey: over.classKey ?? stableHash([leaf, namespace, priority, asked, regions, avoid]) };
}

export function snapshot(over: Partial<Snapshot> = {}): Snapshot {
  return {
    clusters: [cluster('guian')],
    queues: [queue('q')],
    quotaUse: [],
    namespaceLabels: new Map([['ns', {}]]),
    ...over,
  };
}

/** 2026-01-15 12:00 in Shanghai. */
export const NOON = Date.parse('2026-01-15T04:00:00Z');
