import { ANNOTATION, LABEL } from '../api/group.ts';
import { runOfLabels } from '../api/run.ts';
import type { KubeClient } from '../kube/client.ts';
import { PODS } from '../kube/resource.ts';
import type { Clock } from '../runtime/clock.ts';
import type { PodDevices } from './pod-resources.ts';
import type { PodRef } from './tally.ts';

/** A pod of the same name may have taken the place of another one unseen. */
const VALID_MS = 60_000;
const TIMEOUT_MS = 5_000;

/** The workload of ours that a pod belongs to; its namespace is the pod's. */
export interface PodWorkload {
  readonly workload: string;
  readonly kind: string;
}

/** Uids and runs of the node's pods: the kubelet tells namespaces and names only. */
export class PodUids {
  readonly #client: Pick<KubeClient, 'list'>;
  readonly #node: string;
  readonly #clock: Clock;
  #known = new Map<string, Pick<PodRef, 'uid' | 'run'>>();
  /** The power cap that a pod asks for, by its uid. */
  #powerCaps = new Map<string, string>();
  /** Whose the pods of ours are, by their uid. */
  #workloads = new Map<string, PodWorkload>();
  #listedMs = Number.NEGATIVE_INFINITY;

  constructor(client: Pick<KubeClient, 'list'>, node: string, clock: Clock) {
    this.#client = client;
    this.#node = node;
    this.#clock = clock;
  }

  /** Adds uids. Those that cannot be learnt are empty, and `error` tells why. */
  async resolve(pods: readonly PodDevices[]): Promise<{ pods: (PodDevices & PodRef)[]; error?: unknown }> {
    let failure: { error?: unknown } = {};
    const isOld = this.#clock.monotonic() - this.#listedMs > VALID_MS;
    if (pods.length > 0 && (isOld || pods.some((pod) => !this.#known.has(keyOf(pod))))) {
      failure = await this.#list().then(
        () => ({}),
        (error: unknown) => ({ error }),
      );
    }
    // A name that holds nothing any more is asked for again when it comes back: it may be another pod by then.
    const current = new Set(pods.map(keyOf));
    for (const key of this.#known.keys()) if (!current.has(key)) this.#known.delete(key);
    return { pods: pods.map((pod) => ({ ...pod, ...(this.#known.get(keyOf(pod)) ?? { uid: '' }) })), ...failure };
  }

  /** What the pod's annotation says of the power cap of its boards; undefined: nothing. */
  powerCap(uid: string): string | undefined {
    return this.#powerCaps.get(uid);
  }

  /** undefined: the pod is none of ours, or not known. */
  workload(uid: string): PodWorkload | undefined {
    return this.#workloads.get(uid);
  }

  async #list(): Promise<void> {
    const fieldSelector = `spec.nodeName=${this.#node}`;
    // resourceVersion 0: the apiserver answers from its cache.
    const options = { fieldSelector, resourceVersion: '0', timeoutMs: TIMEOUT_MS, maxRetries: 0 };
    const { items } = await this.#client.list(PODS, options);
    this.#known = new Map(
      items.map(({ metadata: { namespace = '', name, uid = '', labels = {} } }) => [
        keyOf({ namespace, name }),
        { uid, run: runOfLabels(labels) },
      ]),
    );
    this.#powerCaps = new Map(
      items.flatMap(({ metadata: { uid = '', annotations } }) => {
        const cap = annotations?.[ANNOTATION.gpuPowerCap];
        return cap === undefined ? [] : [[uid, cap]];
      }),
    );
    this.#workloads = new Map(
      items.flatMap(({ metadata: { uid = '', labels = {} } }) => {
        const { [LABEL.workload]: workload, [LABEL.kind]: kind = '' } = labels;
        return workload === undefined ? [] : [[uid, { workload, kind }]];
      }),
    );
    this.#listedMs = this.#clock.monotonic();
  }
}

const keyOf = ({ namespace, name }: { namespace: string; name: string }): string => `${namespace}/${name}`;
