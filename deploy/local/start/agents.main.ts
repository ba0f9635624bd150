/** Started by agents.ts: agents.main.ts FOLDER NODES-PER-REGION KUBECONFIG ... */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { Agent } from '../../../src/agent/index.ts';
import { KubeClient } from '../../../src/kube/client.ts';
import { parseKubeconfig } from '../../../src/kube/kubeconfig.ts';
import { type KubeObject, NODES, PODS } from '../../../src/kube/resource.ts';
import { createLogger } from '../../../src/observability/logging.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
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

async function runRegion(path: string): Promise<void> {
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
  const agents = [...nodes].map(([node, boards]) =>
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
    }).run(stop.signal),
  );
  while (!stop.signal.aborted) {
    const pods = await client.list<PodObject>(PODS, { resourceVersion: '0' }).catch(() => undefined);
    for (const [node, boards] of pods === undefined ? [] : nodes) {
      const here = pods?.items.filter(({ spec }) => spec.nodeName === node) ?? [];
      boards.hold(here.flatMap((pod) => boardPodOf(pod) ?? []));
    }
    await sleep(LOOK_MS, undefined, { signal: stop.signal }).catch(() => {});
  }
  await Promise.all(agents);
  await client.close();
}

await Promise.all(kubeconfigs.map(runRegion));
