import type { AcceleratorRequest, Dataset, Filtered, Placement, ServingPlacement, Topology } from '../api/index.ts';
import type { GangRequest, RegionPolicy, TopologyRequest } from '../core/model.ts';
import { cpuMilli, memoryMi } from '../core/quantity.ts';
import { stableHash } from '../core/shape.ts';
import type { Container, PodSpec } from './pod-template.ts';

type Quantities = Readonly<Record<string, string | number>>;

/** A container's requests: limits stand in where no request is made. */
export function requestsOf(container: Container): Quantities {
  return { ...container.resources?.limits, ...container.resources?.requests };
}

interface Totals {
  cpuMilli: number;
  memoryMi: number;
  extended: Record<string, number>;
}

/** cpu in milli-cores, memory in MiB, both rounded up; extended resources in whole units. Throws on a bad quantity. */
export function podTotals(spec: PodSpec): Totals {
  const running = totals((spec.containers ?? []).map(requestsOf));
  const sidecars = totals((spec.initContainers ?? []).filter(isSidecar).map(requestsOf));
  const sum = addTotals(running, sidecars);
  for (const container of (spec.initContainers ?? []).filter((entry) => !isSidecar(entry))) {
    const alone = totals([requestsOf(container)]);
    sum.cpuMilli = Math.max(sum.cpuMilli, alone.cpuMilli);
    sum.memoryMi = Math.max(sum.memoryMi, alone.memoryMi);
  }
  return addTotals(sum, totals([spec.overhead ?? {}]));
}

const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';

function totals(list: readonly Quantities[]): Totals {
  const sum: Totals = { cpuMilli: 0, memoryMi: 0, extended: {} };
  for (const requests of list) {
    for (const [name, value] of Object.entries(requests)) {
      if (name === 'cpu') sum.cpuMilli += cpuMilli(value, 'up');
      else if (name === 'memory') sum.memoryMi += memoryMi(value, 'up');
      else if (name.includes('/'))
        sum.extended[name] = (sum.extended[name] ?? 0) + Math.ceil(cpuMilli(value, 'up') / 1000);
    }
  }
  return sum;
}

function addTotals(a: Totals, b: Totals): Totals {
  const extended = { ...a.extended };
  for (const [name, value] of Object.entries(b.extended)) extended[name] = (extended[name] ?? 0) + value;
  return { cpuMilli: a.cpuMilli + b.cpuMilli, memoryMi: a.memoryMi + b.memoryMi, extended };
}

/** An accelerator type that some region declares, and the resource that names it there. */
export interface DeclaredAccelerator {
  readonly type: string;
  readonly resourceName: string;
}

export interface RequestInput {
  readonly pods: number;
  readonly spec: PodSpec;
  readonly accelerators: readonly AcceleratorRequest[];
  readonly acceleratorPolicy: 'Ordered' | 'AnyOf';
  readonly declared: readonly DeclaredAccelerator[];
  readonly topology: Topology;
  readonly capWatts?: number | undefined;
}

/**
 * What is asked of the scheduler. `accelerators` is the truth for devices; where it is empty, an extended resource
 * that some region declares means that count of any type that has it.
 * @returns the request, or a sentence saying what cannot be obeyed
 */
export function gangRequest(input: RequestInput): GangRequest | string {
  const sums = podTotals(input.spec);
  const asked = Object.entries(sums.extended).filter(([, count]) => count > 0);
  if (input.accelerators.length > 0 && asked.length > 0) {
    return `resource ${asked[0]?.[0]} is set beside accelerators: remove it, the operator injects the resource of the chosen cluster.`;
  }
  let accelerators = input.accelerators;
  let policy = input.acceleratorPolicy;
  if (asked.length > 0) {
    const [name, count] = asked[0] as [string, number];
    const types = new Set(input.declared.filter((entry) => entry.resourceName === name).map((entry) => entry.type));
    if (asked.length > 1)
      return `resources ${asked.map(([key]) => key).join(', ')} are asked for together: only one kind can be.`;
    if (types.size === 0) return `no RegionalCluster declares an accelerator with resource ${name}.`;
    accelerators = [...types].sort().map((type) => ({ type, countPerNode: count }));
    policy = 'AnyOf';
  }
  const topology = topologyRequest(input.topology);
  return {
    ...(topology === undefined ? {} : { topology }),
    ...(input.capWatts === undefined ? {} : { capWatts: input.capWatts }),
    pods: input.pods,
    accelerators,
    acceleratorPolicy: policy,
    cpuMilli: sums.cpuMilli,
    memoryMi: sums.memoryMi,
    nodeSelector: input.spec.nodeSelector ?? {},
    tolerations: input.spec.tolerations ?? [],
  };
}

/** Undefined where nothing is asked: such a demand is what it was before there were topologies. */
function topologyRequest({ required, preferred, slices }: Topology): TopologyRequest | undefined {
  if (required === undefined && preferred === undefined && slices.length === 0) return undefined;
  return {
    ...(required === undefined ? {} : { required }),
    ...(preferred === undefined ? {} : { preferred }),
    slices,
  };
}

/** Places that a workload's data or its member objects rule out. */
export interface PlaceBounds {
  readonly dataRegions?: readonly string[] | undefined;
  readonly dataJurisdictions: readonly (readonly string[])[];
  /** Clusters where the member objects could not be made (namespace missing), each with a sentence. */
  readonly excluded?: readonly Filtered[];
}

export function regionPolicy(placement: Placement | ServingPlacement, bounds: PlaceBounds): RegionPolicy {
  const serving = placement as Partial<ServingPlacement>;
  const weights = Object.fromEntries(
    Object.entries(placement.weights ?? {}).filter(([, value]) => value !== undefined),
  );
  return {
    allowed: placement.regions.allowed,
    denied: placement.regions.denied,
    preferred: placement.regions.preferred,
    ...(placement.cluster === undefined ? {} : { cluster: placement.cluster }),
    clusterLabels: placement.clusterSelector?.matchLabels ?? {},
    jurisdictions: [placement.residency.jurisdictions, ...bounds.dataJurisdictions].filter((list) => list.length > 0),
    ...(bounds.dataRegions === undefined ? {} : { dataRegions: bounds.dataRegions }),
    excluded: bounds.excluded ?? [],
    policy: placement.policy,
    weights,
    ...(serving.maxLatencyMs === undefined ? {} : { maxLatencyMs: serving.maxLatencyMs }),
    clientRegions: serving.clientRegions ?? [],
  };
}

/** Regions that hold every Dataset; undefined when none is named. */
export function regionsWithAll(datasets: readonly Dataset[]): string[] | undefined {
  if (datasets.length === 0) return undefined;
  const [first, ...rest] = datasets.map((dataset) => dataset.spec.locations.map((location) => location.region));
  return (first ?? []).filter((region) => rest.every((regions) => regions.includes(region)));
}

/** Equal hashes ask the scheduler for the same thing. */
export const shapeHashOf = (request: GangRequest, queue: string): string => stableHash([request, queue]);
