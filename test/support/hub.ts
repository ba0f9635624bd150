import type { LocalCluster, LocalEnvironment } from '../../deploy/local/environment.ts';
import { applyObject } from '../../deploy/local/start/samples.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import { parseKubeconfig } from '../../src/kube/kubeconfig.ts';
import type { KubeObject, Resource } from '../../src/kube/resource.ts';

export const clientOf = (cluster: LocalCluster): KubeClient =>
  new KubeClient({
    cluster: cluster.name,
    credentials: parseKubeconfig(cluster.kubeconfig, { allowLocalAccess: true }),
  });

/** The spec of a RegionalCluster with H100 nodes, from what a test cares about. */
export function regionSpec(name: string, over: object = {}): object {
  return {
    region: name,
    kubeconfigSecretRef: { name: `kubeconfig-${name}` },
    location: { zone: 'West', jurisdiction: 'CN-GZ' },
    accelerators: [{ type: 'H100', resourceName: 'nvidia.com/gpu', boardWatts: 700, gpuHourMicros: 8_000_000 }],
    electricity: { tariff: [{ pricePerKWhMicros: 400_000 }] },
    carbon: { gramsPerKWh: 404 },
    ...over,
  };
}

/** The operator's namespace, a kubeconfig Secret and a RegionalCluster for every region, and an open default queue. */
export async function setUpCentre(
  environment: LocalEnvironment,
  specs: Record<string, object> = {},
): Promise<KubeClient> {
  const hub = clientOf(environment.hub);
  await applyAll(hub, [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'aidc-system' } }, namespace('team')]);
  for (const [name, cluster] of environment.regions) {
    await applyAll(hub, [
      kubeconfigSecret(name, cluster.kubeconfig),
      {
        apiVersion: 'aidc.dev/v1alpha1',
        kind: 'RegionalCluster',
        metadata: { name },
        spec: specs[name] ?? regionSpec(name),
      },
    ]);
  }
  await applyAll(hub, [queue('default', { namespaceSelector: {}, quota: [{ nominal: 1000 }] })]);
  return hub;
}

export const namespace = (name: string, labels: Record<string, string> = {}): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});

export const queue = (name: string, spec: object): object => ({
  apiVersion: 'aidc.dev/v1alpha1',
  kind: 'ComputeQueue',
  metadata: { name },
  spec,
});

export const kubeconfigSecret = (region: string, kubeconfig: string): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: `kubeconfig-${region}`, namespace: 'aidc-system' },
  stringData: { kubeconfig },
});

export interface TrainingOver {
  readonly spec?: object;
  readonly trainer?: object;
  /** Beside the annotations. */
  readonly pod?: object;
  /** Of the pods, for what simulates their nodes. */
  readonly annotations?: Record<string, string>;
  /** How long its pods run. */
  readonly runFor?: string;
}

/** A ModelTraining of 8 H100 a node that runs longer than any test, from what a test cares about. */
export const trainingOf = (name: string, over: TrainingOver = {}): object => ({
  apiVersion: 'aidc.dev/v1alpha1',
  kind: 'ModelTraining',
  metadata: { name, namespace: 'team' },
  spec: {
    model: { name: 'm', class: 'LLM' },
    accelerators: [{ type: 'H100', countPerNode: 8 }],
    ...over.spec,
    trainer: {
      image: 'train:1',
      numNodes: 1,
      resourcesPerNode: { limits: { cpu: '4', memory: '8Gi' } },
      podTemplate: {
        metadata: { annotations: { 'sim.aidc.dev/run-for': over.runFor ?? '600s', ...over.annotations } },
        ...over.pod,
      },
      ...over.trainer,
    },
  },
});

/** Server-side apply of plain objects. */
export async function applyAll(client: KubeClient, objects: readonly object[]): Promise<void> {
  for (const object of objects as KubeObject[]) await applyObject(client, object);
}

/** Long enough for a slow machine with other work; only a test that fails waits for it. */
const PATIENCE_MS = 90_000;

/** Looks again until `check` gives a value (not undefined, not false); fails with what was last seen. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | undefined | false>,
  options: { timeoutMs?: number; everyMs?: number; seen?: () => unknown } = {},
): Promise<T> {
  const deadline = Date.now() + (options.timeoutMs ?? PATIENCE_MS);
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) {
      throw new Error(
        `${what} did not come true within ${options.timeoutMs ?? PATIENCE_MS} ms${options.seen === undefined ? '' : `: ${JSON.stringify(options.seen())}`}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? 100));
  }
}

/** The object, or undefined when it does not exist. */
export async function getOrUndefined<T extends KubeObject>(
  client: KubeClient,
  resource: Resource,
  namespaceName: string,
  name: string,
): Promise<T | undefined> {
  try {
    return await client.get<T>(resource, { ...(resource.namespaced ? { namespace: namespaceName } : {}), name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Waits until the object satisfies `check`, and shows its status when it does not. */
export async function untilObject<T extends KubeObject & { status?: unknown }>(
  client: KubeClient,
  resource: Resource,
  key: { namespace: string; name: string },
  what: string,
  check: (object: T) => boolean,
  timeoutMs = PATIENCE_MS,
): Promise<T> {
  let last: T | undefined;
  return eventually(
    `${key.namespace}/${key.name}: ${what}`,
    async () => {
      last = await getOrUndefined<T>(client, resource, key.namespace, key.name);
      return last !== undefined && check(last) ? last : undefined;
    },
    { timeoutMs, seen: () => last?.status ?? 'no such object' },
  );
}
