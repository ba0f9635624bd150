import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll } from 'vitest';
import {
  defineNodeGroup,
  type EnvironmentOptions,
  type LocalCluster,
  type LocalEnvironment,
  type RegionNodes,
  startEnvironment,
} from '../../deploy/local/environment.ts';

const run = promisify(execFile);

/** One group of H100 nodes, eight GPUs each, four nodes a rack. */
export function h100Region(name: string, nodes: number): RegionNodes {
  const accelerator = {
    resource: 'nvidia.com/gpu',
    perNode: 8,
    labels: { 'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3' },
  };
  return { name, nodeGroups: [defineNodeGroup({ prefix: `${name}-h100`, count: nodes, rackSize: 4, accelerator })] };
}

/** Two small regions: enough for what one hub does with several of them. */
export const smallRegions: RegionNodes[] = [h100Region('guian', 4), h100Region('lingang', 4)];

export interface EnvironmentHandle {
  readonly environment: LocalEnvironment;
  readonly hub: LocalCluster;
  region(name: string): LocalCluster;
  /** Runs kubectl against a cluster (by name or handle) and returns what it prints. */
  kubectl(args: string[], cluster: LocalCluster | string, input?: string): Promise<string>;
  /** kubectl get -o json, parsed. */
  getJson<T>(args: string[], cluster: LocalCluster | string): Promise<T>;
}

/** Starts an environment before the tests of this file (or describe block) and ends it after them. */
export function useEnvironment(options: Partial<EnvironmentOptions> = {}): EnvironmentHandle {
  let started: LocalEnvironment | undefined;
  beforeAll(async () => {
    // The very first run may have to build the programs.
    started = await startEnvironment({ regions: smallRegions, ...options });
  }, 20 * 60_000);
  afterAll(async () => {
    await started?.stop();
  }, 60_000);
  return handleOf(() => {
    if (started === undefined) throw new Error('The environment starts in beforeAll: use it inside of tests.');
    return started;
  });
}

export function handleOf(current: () => LocalEnvironment): EnvironmentHandle {
  const clusterOf = (cluster: LocalCluster | string): LocalCluster => {
    if (typeof cluster !== 'string') return cluster;
    const found = cluster === 'hub' ? current().hub : current().regions.get(cluster);
    if (found === undefined) throw new Error(`There is no cluster named ${cluster}.`);
    return found;
  };
  const kubectl = async (args: string[], cluster: LocalCluster | string, input?: string): Promise<string> => {
    const { kubeconfigPath } = clusterOf(cluster);
    const child = run(current().kubectl, ['--kubeconfig', kubeconfigPath, ...args], { maxBuffer: 64 * 1024 * 1024 });
    child.child.stdin?.end(input ?? '');
    return (await child).stdout;
  };
  return {
    get environment() {
      return current();
    },
    get hub() {
      return current().hub;
    },
    region: clusterOf,
    kubectl,
    getJson: async <T>(args: string[], cluster: LocalCluster | string) =>
      JSON.parse(await kubectl(['get', ...args, '-o', 'json'], cluster)) as T,
  };
}

/** Repeats a check until it returns something else than undefined or false. */
export async function eventually<T>(
  check: () => Promise<T | undefined | false>,
  { within = 90_000, every = 100, what = 'the expected state' } = {},
): Promise<T> {
  const deadline = Date.now() + within;
  for (;;) {
    const result = await check();
    if (result !== undefined && result !== false) return result;
    if (Date.now() > deadline) throw new Error(`Not seen within ${within} ms: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}
