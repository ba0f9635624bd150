import type { LocalCluster, LocalEnvironment } from '../../deploy/local/environment.ts';
import { type Config, loadConfig } from '../../src/config/index.ts';
import { TRAININGS } from '../../src/hub/index.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import { parseKubeconfig } from '../../src/kube/kubeconfig.ts';
import { type KubeObject, NAMESPACES, type Resource, SECRETS } from '../../src/kube/resource.ts';
import { PrometheusMetrics } from '../../src/observability/metrics.ts';
import { buildOperator, type Operator } from '../../src/operator.ts';
import { type LogLine, MemoryLogger, type noopLogger } from '../../src/runtime/logger.ts';

/** An operator in this process against a local environment; `kill` leaves like a crash, `stop` like SIGTERM. */
export interface RunningOperator {
  readonly operator: Operator;
  readonly metrics: PrometheusMetrics;
  readonly logs: readonly LogLine[];
  stop(): Promise<void>;
}

let serial = 0;

export async function startOperator(
  environment: LocalEnvironment,
  settings: Partial<Record<keyof Config, string>> = {},
): Promise<RunningOperator> {
  serial += 1;
  const env: Record<string, string> = {
    AIDC_CREATE_NAMESPACES: 'true',
    // Short, so that the next operator takes over soon when one does not release.
    AIDC_LEASE_SECONDS: '3',
    AIDC_RENEW_SECONDS: '2',
    AIDC_RETRY_SECONDS: '0.3',
    AIDC_IDENTITY: `test-${process.pid}-${serial}`,
  };
  for (const [name, value] of Object.entries(settings)) {
    env[`AIDC_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`] = value;
  }
  const logger = new MemoryLogger();
  const metrics = new PrometheusMetrics({ processMetrics: false });
  const abort = new AbortController();
  const operator = await buildOperator({
    config: loadConfig([], env),
    credentials: parseKubeconfig(environment.hub.kubeconfig, { allowLocalAccess: true }),
    logger: process.env.AIDC_TEST_LOGS === undefined ? logger : consoleLogger(logger),
    metrics,
    fatal: (error) => abort.abort(error),
  });
  const ended = operator.run(abort.signal);
  return {
    operator,
    metrics,
    logs: logger.lines,
    stop: async () => {
      abort.abort(new Error('test stops the operator'));
      await ended;
    },
  };
}

function consoleLogger(memory: MemoryLogger): typeof noopLogger {
  const say = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: object) => {
    memory[level](message, fields);
    if (level !== 'debug') console.error(level, message, JSON.stringify(fields));
  };
  return {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    child: () => consoleLogger(memory),
  };
}

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

const PLURALS: Record<string, Resource> = {
  Namespace: NAMESPACES,
  Secret: SECRETS,
  ModelTraining: TRAININGS,
};

function resourceFor(object: KubeObject): Resource {
  const known = PLURALS[object.kind ?? ''];
  if (known !== undefined) return known;
  const [group = '', version = ''] = (object.apiVersion ?? '').includes('/')
    ? (object.apiVersion ?? '').split('/')
    : ['', object.apiVersion];
  const kind = object.kind ?? '';
  const plural = kind.endsWith('ss') ? `${kind.toLowerCase()}es` : `${kind.toLowerCase()}s`;
  return { group, version, kind, plural, namespaced: object.metadata.namespace !== undefined };
}

/** Server-side apply of plain objects. */
export async function applyAll(client: KubeClient, objects: readonly object[]): Promise<void> {
  for (const object of objects as KubeObject[]) {
    const { name, namespace: ns } = object.metadata;
    await client.apply(resourceFor(object), {
      name,
      ...(ns === undefined ? {} : { namespace: ns }),
      body: object,
      fieldManager: 'test',
      force: true,
      fieldValidation: 'Strict',
    });
  }
}

/** Looks again until `check` gives a value (not undefined, not false); fails with what was last seen. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | undefined | false>,
  options: { timeoutMs?: number; everyMs?: number; seen?: () => unknown } = {},
): Promise<T> {
  const deadline = Date.now() + (options.timeoutMs ?? 30_000);
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) {
      throw new Error(
        `${what} did not come true within ${options.timeoutMs ?? 30_000} ms${options.seen === undefined ? '' : `: ${JSON.stringify(options.seen())}`}`,
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
    return await client.get<T>(resource, { namespace: namespaceName, name });
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
  timeoutMs = 30_000,
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
