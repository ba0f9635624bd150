/**
 * How fast the pure scheduling cycle is: `node test/bench/cycle.ts [--json]`.
 *
 * Worlds of 1,000 and 10,000 nodes of 8 boards in four clusters, a quota tree of ten leaves, and more pending work
 * than fits: singles of 1 to 8 boards and gangs of 2 to 64 whole nodes, once with gangs bound to racks,
 * once where no two nodes have the same free. Nodes are chosen by the demand that the work itself is. Beside it, in the same run, on the first
 * 1,000 of the work, a baseline as one would first write it: objects in Maps, every node looked at for every gang.
 */
import { parseArgs } from 'node:util';
import { Cycle, runCycle } from '../../src/core/cycle.ts';
import type { ClusterView, NodeTable, QueueView, Snapshot, TopologyRequest, Workload } from '../../src/core/model.ts';
import { DemandByType } from '../../src/core/node-value/demand-by-type.ts';
import { stableHash } from '../../src/core/shape.ts';

const NOW = Date.parse('2026-01-15T04:00:00Z');
const CLUSTERS = ['guian', 'qingyang', 'ulanqab', 'zhongwei'];
const QUEUES = 10;
const SLICE = 32;

/** mulberry32: equal seeds make equal worlds. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function table(prefix: string, count: number, next: () => number, used: number, motley: boolean): NodeTable {
  const fill = (value: number) => new Float64Array(count).fill(value);
  const busy = Float64Array.from({ length: count }, () => (next() < used ? Math.floor(next() * 9) * 1000 : 0));
  return {
    count,
    names: Array.from({ length: count }, (_, i) => `${prefix}-${String(i + 1).padStart(5, '0')}`),
    usable: new Uint8Array(count).fill(1),
    accelerator: new Int16Array(count),
    gpuTotal: fill(8000),
    gpuFree: busy.map((milli) => 8000 - milli),
    cpuTotal: fill(192_000),
    cpuFree: busy.map((milli, i) => 192_000 - milli * 20 - (motley ? i : 0)),
    memoryFree: busy.map((milli) => 2_097_152 - milli * 200),
    podsFree: fill(110),
    labelSet: Int32Array.from({ length: count }, (_, i) => i),
    taintSet: new Int32Array(count),
    labelSets: Array.from({ length: count }, (_, i) => ({
      'kubernetes.io/hostname': String(i),
      'aidc.dev/rack': `rack-${String(Math.floor(i / 16)).padStart(4, '0')}`,
    })),
    taintSets: [[{ key: 'aidc.dev/gpu', effect: 'NoSchedule' }]],
  };
}

function world(nodeCount: number, used: number, motley: boolean): Snapshot {
  const next = random(42);
  const clusters = CLUSTERS.map(
    (name, i): ClusterView => ({
      name,
      region: name,
      jurisdiction: 'CN',
      labels: {},
      accelerators: [
        {
          type: 'H100',
          resourceName: 'nvidia.com/gpu',
          nodeSelector: {},
          boardWatts: 700,
          gpuHourMicros: 15_000_000 + i,
        },
      ],
      currency: 'CNY',
      timezone: 'Asia/Shanghai',
      tariff: [
        { months: [], hours: [0, 1, 2, 3, 4, 5, 6, 7], pricePerKWhMicros: 300_000 + i * 10_000 },
        { months: [], hours: [], pricePerKWhMicros: 600_000 - i * 20_000 },
      ],
      puePermille: 1150 + i * 30,
      gramsPerKWh: 400 + i * 50,
      nodeOverheadWatts: 1500,
      userLatency: {},
      nodes: table(name, nodeCount / CLUSTERS.length, next, used, motley),
    }),
  );
  const nominal = (nodeCount * 8000) / QUEUES;
  const queues: QueueView[] = [
    { name: 'org', quota: [], stopPolicy: 'None' },
    ...Array.from(
      { length: QUEUES },
      (_, i): QueueView => ({
        name: `team-${i}`,
        parent: 'org',
        quota: [
          { accelerator: 'H100', region: '*', nominal, lendingLimit: nominal / 2 },
          { accelerator: '*', region: '*', nominal },
        ],
        namespaceSelector: { matchLabels: {} },
        stopPolicy: 'None',
      }),
    ),
  ];
  return { clusters, queues, quotaUse: [], namespaceLabels: new Map() };
}

type Shapes = readonly (readonly [pods: number, boards: number])[];

/** Many small ones, some that take whole nodes, few large gangs. */
const MIXED: Shapes = [
  [1, 1],
  [1, 1],
  [1, 2],
  [1, 4],
  [1, 8],
  [4, 2],
  [2, 8],
  [8, 8],
  [16, 8],
  [64, 8],
];

/** The most decisions for a pod. */
const SINGLES: Shapes = [[1, 1]];

/** As large as a rack: in one; larger: over as few as can be. */
const topologyOf = (pods: number): TopologyRequest => ({ [pods > 16 ? 'preferred' : 'required']: 'Rack', slices: [] });

function pending(count: number, shapes: Shapes, racks: boolean): Workload[] {
  const next = random(7);
  return Array.from({ length: count }, (_, i) => {
    const [pods, countPerNode] = shapes[Math.floor(next() * shapes.length)] ?? [1, 1];
    const queue = `team-${Math.floor(next() * QUEUES)}`;
    const priority = Math.floor(next() * 3);
    const request: Workload['request'] = {
      pods,
      accelerators: [{ type: 'H100', countPerNode }],
      acceleratorPolicy: 'Ordered',
      cpuMilli: countPerNode * 16_000,
      memoryMi: countPerNode * 131_072,
      nodeSelector: {},
      tolerations: [{ key: 'aidc.dev/gpu', operator: 'Exists' }],
      ...(racks && pods > 1 ? { topology: topologyOf(pods) } : {}),
    };
    const regions: Workload['regions'] = {
      allowed: [],
      denied: [],
      preferred: [],
      clusterLabels: {},
      jurisdictions: [['CN']],
      policy: 'Balanced',
      weights: {},
      clientRegions: [],
    };
    const classKey = stableHash([queue, priority, request, regions]);
    const key = `uid-${i}`;
    return {
      key,
      namespace: 'ns',
      name: key,
      kind: 'ModelTraining',
      queue,
      priority,
      queuedAt: i,
      request,
      regions,
      avoid: [],
      classKey,
    };
  });
}

interface Answer {
  readonly pods: number;
  readonly gangs: number;
  readonly waiting: number;
  readonly ms: number;
}

/** The same order and the same all-or-nothing rule; tightest nodes first; the first cluster that fits. */
function naive(workloads: readonly Workload[], snapshot: Snapshot): Answer {
  const started = performance.now();
  const clusters = snapshot.clusters.map(({ nodes }) => {
    const map = new Map<string, { gpu: number; cpu: number; memory: number; pods: number }>();
    nodes.names.forEach((name, row) => {
      const [gpu = 0, cpu = 0] = [nodes.gpuFree[row], nodes.cpuFree[row]];
      map.set(name, { gpu, cpu, memory: nodes.memoryFree[row] ?? 0, pods: nodes.podsFree[row] ?? 0 });
    });
    return map;
  });
  const failed = new Set<string>();
  let [pods, gangs] = [0, 0];
  const sorted = [...workloads].sort((a, b) => b.priority - a.priority || a.queuedAt - b.queuedAt);
  for (const { request, classKey } of sorted) {
    if (failed.has(classKey)) continue;
    const gpu = (request.accelerators[0]?.countPerNode ?? 0) * 1000;
    let placed = false;
    for (const nodes of clusters) {
      const fitting = [...nodes.entries()]
        .map(([name, node]) => ({
          name,
          node,
          fits: Math.min(
            Math.floor(node.gpu / gpu),
            Math.floor(node.cpu / request.cpuMilli),
            Math.floor(node.memory / request.memoryMi),
            node.pods,
          ),
        }))
        .filter(({ fits }) => fits > 0)
        .sort((a, b) => a.node.gpu - b.node.gpu || (a.name < b.name ? -1 : 1));
      if (fitting.reduce((sum, { fits }) => sum + fits, 0) < request.pods) continue;
      let left = request.pods;
      for (const { node, fits } of fitting) {
        const here = Math.min(left, fits);
        node.gpu -= here * gpu;
        node.cpu -= here * request.cpuMilli;
        node.memory -= here * request.memoryMi;
        node.pods -= here;
        left -= here;
        if (left === 0) break;
      }
      placed = true;
      break;
    }
    if (placed) {
      pods += request.pods;
      gangs += 1;
    } else failed.add(classKey);
  }
  return { pods, gangs, waiting: workloads.length - gangs, ms: performance.now() - started };
}

function core(workloads: readonly Workload[], snapshot: Snapshot): Answer {
  const started = performance.now();
  const plan = runCycle(workloads, snapshot, NOW);
  const ms = performance.now() - started;
  const pods = plan.admitted.reduce((sum, { nodes }) => sum + nodes.length, 0);
  return { pods, gangs: plan.admitted.length, waiting: plan.pending.length, ms };
}

/** Longest stretch for which a sliced cycle holds the event loop, in ms. */
function longestSlice(workloads: readonly Workload[], snapshot: Snapshot): number {
  let longest = 0;
  let started = performance.now();
  const lap = (): void => {
    longest = Math.max(longest, performance.now() - started);
    started = performance.now();
  };
  const cycle = new Cycle(workloads, snapshot, NOW);
  lap();
  while (!cycle.step(SLICE)) lap();
  lap();
  return longest;
}

const round = (value: number, digits = 1): number => Number(value.toFixed(digits));

/** The quickest of five: what it can do when left alone. */
const best = (run: () => Answer): Answer => Array.from({ length: 5 }, run).reduce((a, b) => (b.ms < a.ms ? b : a));

interface Scenario {
  readonly name: string;
  readonly nodes: number;
  readonly pending: number;
  readonly shapes: Shapes;
  /** Share of nodes that are partly or wholly used at the start. */
  readonly used: number;
  readonly cycles: number;
  /** Gangs are bound to racks; the baseline ignores it. */
  readonly racks?: boolean;
  /** No two nodes have the same cpu free. */
  readonly motley?: boolean;
}

const SAMPLE = 1000;

function measure(scenario: Scenario) {
  const { name, nodes, shapes, used, cycles, racks = false, motley = false } = scenario;
  const workloads = pending(scenario.pending, shapes, racks);
  const demand = new DemandByType();
  for (const { request } of workloads) demand.observe(request);
  const snapshot = { ...world(nodes, used, motley), learned: demand.learned() };
  core(workloads, snapshot);
  const answers = Array.from({ length: cycles }, () => core(workloads, snapshot)).sort((a, b) => a.ms - b.ms);
  const middle = answers[Math.floor(answers.length / 2)] as Answer;
  const sample = workloads.slice(0, SAMPLE);
  const ours = best(() => core(sample, snapshot));
  const plain = best(() => naive(sample, snapshot));
  const rate = ({ pods, ms }: Answer): number => (pods / ms) * 1000;
  return {
    scenario: name,
    nodes,
    pending: scenario.pending,
    placedPods: middle.pods,
    admitted: middle.gangs,
    waiting: middle.waiting,
    cycleMsP50: round(middle.ms),
    cycleMsMax: round(answers.at(-1)?.ms ?? 0),
    longestSliceMs: round(longestSlice(workloads, snapshot)),
    podsPerSecond: Math.round(rate(middle)),
    samplePodsPerSecond: Math.round(rate(ours)),
    naivePodsPerSecond: Math.round(rate(plain)),
    ratioToNaive: round(rate(ours) / rate(plain)),
  };
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const results = [
  measure({ name: 'mixed', nodes: 1000, pending: 2000, shapes: MIXED, used: 0, cycles: 15 }),
  measure({ name: 'mixed', nodes: 10_000, pending: 20_000, shapes: MIXED, used: 0, cycles: 7 }),
  measure({ name: 'mixed, deep queue', nodes: 10_000, pending: 100_000, shapes: MIXED, used: 0, cycles: 5 }),
  measure({ name: 'mixed, 90 % of nodes in use', nodes: 10_000, pending: 5000, shapes: MIXED, used: 0.9, cycles: 15 }),
  measure({
    name: 'mixed, in racks',
    nodes: 10_000,
    pending: 20_000,
    shapes: MIXED,
    used: 0.5,
    cycles: 7,
    racks: true,
  }),
  measure({
    name: 'singles, no two nodes equal',
    nodes: 10_000,
    pending: 20_000,
    shapes: SINGLES,
    used: 0.9,
    cycles: 3,
    motley: true,
  }),
  measure({ name: 'one-board singles', nodes: 10_000, pending: 100_000, shapes: SINGLES, used: 0, cycles: 3 }),
];
if (values.json) console.log(JSON.stringify(results, null, 2));
else console.table(results);
