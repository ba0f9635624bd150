import {
  COMPUTE_QUEUE,
  COMPUTE_QUOTE,
  type ComputeQueue,
  type ComputeQuote,
  DATASET,
  type Dataset,
  GROUP,
  type KindDefinition,
  MODEL_SERVING,
  MODEL_TRAINING,
  type ModelServing,
  type ModelTraining,
  REGIONAL_CLUSTER,
  type RegionalCluster,
  VERSION,
} from '../api/index.ts';
import type { KubeClient } from '../kube/client.ts';
import { Reflector } from '../kube/reflector.ts';
import { type KubeObject, NAMESPACES, PRIORITY_CLASSES, type Resource, SECRETS } from '../kube/resource.ts';
import { Store } from '../kube/store.ts';
import type { MemberNamespace } from '../regions/index.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RuntimeMetrics } from '../runtime/metrics.ts';
import { NamedSecrets, type SecretObject, type SecretSource } from './secrets.ts';

/** One of our kinds as the client layer names it. */
export const resourceOf = (kind: KindDefinition): Resource => ({
  group: GROUP,
  version: VERSION,
  plural: kind.plural,
  kind: kind.kind,
  namespaced: kind.namespaced,
});

export const TRAININGS = resourceOf(MODEL_TRAINING);
export const SERVINGS = resourceOf(MODEL_SERVING);
export const DATASETS = resourceOf(DATASET);
export const QUOTES = resourceOf(COMPUTE_QUOTE);
export const REGIONAL_CLUSTERS = resourceOf(REGIONAL_CLUSTER);
export const QUEUES = resourceOf(COMPUTE_QUEUE);

export interface PriorityClass extends KubeObject {
  value: number;
  globalDefault?: boolean;
}

export interface HubOptions {
  readonly client: KubeClient;
  /** The operator's namespace: kubeconfig Secrets are read there only. */
  readonly namespace: string;
  /** Names of the only Secrets that may be read; absent or empty: all of the namespace. */
  readonly secretNames?: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
}

/** What is seen of the hub: one reflector and one store a kind. */
export class HubStores {
  readonly trainings = new Store<ModelTraining>();
  readonly servings = new Store<ModelServing>();
  readonly datasets = new Store<Dataset>();
  readonly quotes = new Store<ComputeQuote>();
  readonly clusters = new Store<RegionalCluster>();
  readonly queues = new Store<ComputeQueue>();
  readonly namespaces = new Store<MemberNamespace>();
  readonly priorityClasses = new Store<PriorityClass>();
  readonly secrets: SecretSource;
  readonly #reflectors: Reflector<never>[];

  constructor(options: HubOptions) {
    const reflect = <T extends KubeObject>(resource: Resource, store: Store<T>, extra: object = {}): Reflector<never> =>
      new Reflector<T>({
        client: options.client,
        resource,
        store,
        logger: options.logger,
        clock: options.clock,
        metrics: options.metrics,
        ...extra,
      }) as unknown as Reflector<never>;
    const { namespace, secretNames = [] } = options;
    const all = new Store<SecretObject>();
    const named = new NamedSecrets(secretNames);
    this.secrets = secretNames.length === 0 ? all : named;
    // Rights to single names cover a list or watch only where it selects that name.
    const byName = (name: string) => ({ namespace, fieldSelector: `metadata.name=${name}`, called: `secrets/${name}` });
    const secrets =
      secretNames.length === 0
        ? [reflect(SECRETS, all, { namespace })]
        : Array.from(named.stores, ([name, store]) => reflect(SECRETS, store, byName(name)));
    this.#reflectors = [
      reflect(TRAININGS, this.trainings),
      reflect(SERVINGS, this.servings),
      reflect(DATASETS, this.datasets),
      reflect(QUOTES, this.quotes),
      reflect(REGIONAL_CLUSTERS, this.clusters),
      reflect(QUEUES, this.queues),
      reflect(NAMESPACES, this.namespaces as unknown as Store<KubeObject>, { project: namespaceLabels }),
      reflect(PRIORITY_CLASSES, this.priorityClasses),
      ...secrets,
    ];
  }

  get synced(): boolean {
    return this.#reflectors.every((reflector) => reflector.synced);
  }

  async waitForSync(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.waitForSync(signal)));
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.run(signal)));
  }
}

/** Only names and labels of namespaces matter; labels and annotations are always there. */
function namespaceLabels(raw: unknown): MemberNamespace {
  const { metadata } = raw as KubeObject;
  return {
    metadata: {
      name: metadata.name,
      uid: metadata.uid ?? '',
      resourceVersion: metadata.resourceVersion ?? '',
      labels: metadata.labels ?? {},
      annotations: metadata.annotations ?? {},
      ...(metadata.deletionTimestamp === undefined ? {} : { deletionTimestamp: metadata.deletionTimestamp }),
    },
  };
}
