/** Started by agents.ts: agents.main.ts FOLDER NODES-PER-REGION KUBECONFIG ... */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { Agent, portOf, serve } from '../../../src/agent/index.ts';
import { KubeClient } from '../../../src/kube/client.ts';
import { parseKubeconfig } from '../../../src/kube/kubeconfig.ts';
import { type KubeObject, NODES, PODS } from '../../../src/kube/resource.ts';
import { createLogger } from '../../../src/observability/logging.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { AGENT_TARGETS } from './agents.ts';
import { type BoardPod, SimulatedBoards } from './simulated-boards.ts';

interface NodeObject extends KubeObject {
  readonly status?: { readonly allocatable?: Readonly<Record<string, string>> };
}
interface PodObject extends KubeObject {
  readonly spec: {
    readonly nodeName?: string;
    readonly containers: readonly { readonly resources?: { readonly limits?: Readonly<Record<string, string>> } }[];
  };
  readonly status?: { readonly phase?: string };
}

const RESOURCE = 'nvidia.com/gpu';
const INTERVAL_SECONDS = 2;
const PUBLISH_SECONDS = 5;
const LOOK_MS = 1_000;

const [folder = '', perRegion = '0', ...kubeconfigs] = process.argv.slice(2);
const logger = createLogger('warn');
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());

/** The boards a pod holds: from when it runs until it has ended. */
function boardPodOf({ metadata, spec, status }: PodObject): BoardPod | undefined {
  const limits = spec.containers.map(({ resources }) => Number(resources?.limits?.[RESOURCE] ?? 0));
  const count = limits.reduce((sum, one) => sum + one, 0);
  if (status?.phase !== 'Running' || count === 0) return undefined;
  return { namespace: metadata.namespace ?? '', name: metadata.name, resource: RESOURCE, count };
}

/** The agents of a region, each of which answers on a port of its own. */
async function startRegion(path: string): Promise<{ readonly targets: string[]; readonly ended: Promise<unknown> }> {
  const credentials = parseKubeconfig(readFileSync(path, 'utf8'), { allowLocalAccess: true });
  const client = new KubeClient({ cluster: 'local', credentials });
  const { items } = await client.list<NodeObject>(NODES);
  const names = items.filter(({ status }) => Number(status?.allocatable?.[RESOURCE] ?? 0) > 0);
  const nodes = new Map(
    names
      .map(({ metadata }) => metadata.name)
      .sort()
      .slice(0, Number(perRegion))
      .map((node) => [node, new SimulatedBoards(join(folder, 'agents', node), node, INTERVAL_SECONDS)]),
  );
  const agents = [...nodes].map(([node, boards]) => agentOf(node, boards, client));
  const targets = await Promise.all(agents.map(answer));
  const run = async (): Promise<void> => {
    await Promise.all([...agents.map((agent) => agent.run(stop.signal)), follow(client, nodes)]);
    await client.close();
  };
  return { targets, ended: run() };
}

const agentOf = (node: string, boards: SimulatedBoards, client: KubeClient): Agent =>
  new Agent({
    node,
    version: 'local',
    nvidiaSmi: boards.nvidiaSmi,
    intervalSeconds: INTERVAL_SECONDS,
    deadlineSeconds: 30,
    publishSeconds: PUBLISH_SECONDS,
    clock: systemClock,
    stateFile: undefined,
    state: undefined,
    bootId: null,
    podResources: boards,
    client,
    registry: new Registry(),
    logger,
  });

/** @returns its address, as Prometheus writes it */
async function answer(agent: Agent): Promise<string> {
  const answers = { metrics: () => agent.metrics(), live: () => undefined, ready: () => agent.trouble };
  const server = await serve(answers, '127.0.0.1', 0);
  stop.signal.addEventListener('abort', () => {
    server.close();
    server.closeAllConnections();
  });
  return `127.0.0.1:${portOf(server)}`;
}

/** Gives the boards to the pods of their nodes. */
async function follow(client: KubeClient, nodes: ReadonlyMap<string, SimulatedBoards>): Promise<void> {
  while (!stop.signal.aborted) {
    const pods = await client.list<PodObject>(PODS, { resourceVersion: '0' }).catch(() => undefined);
    for (const [node, boards] of pods === undefined ? [] : nodes) {
      const here = pods?.items.filter(({ spec }) => spec.nodeName === node) ?? [];
      boards.hold(here.flatMap((pod) => boardPodOf(pod) ?? []));
    }
    await sleep(LOOK_MS, undefined, { signal: stop.signal }).catch(() => {});
  }
}

const regions = await Promise.all(kubeconfigs.map(startRegion));
const file = join(folder, AGENT_TARGETS);
writeFileSync(`${file}.new`, JSON.stringify([{ targets: regions.flatMap(({ targets }) => targets) }]));
renameSync(`${file}.new`, file);
await Promise.all(regions.map(({ ended }) => ended));
