import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONDITION, type RegionalCluster } from '../../../src/api/index.ts';
import { KubeClient } from '../../../src/kube/client.ts';
import { isNotFound } from '../../../src/kube/errors.ts';
import { parseKubeconfig } from '../../../src/kube/kubeconfig.ts';
import type { KubeObject } from '../../../src/kube/resource.ts';
import type { LocalEnvironment } from '../environment.ts';
import { type Row, rowOf } from './progress.ts';
import { applyObject, readManifests, resourceOfObject, type Sample } from './samples.ts';

/** The running computing centre as the command sees it: the hub's objects and what is expected of them. */
export class Centre {
  readonly client: KubeClient;
  readonly #environment: LocalEnvironment;
  readonly #folder: string;

  constructor(environment: LocalEnvironment, samplesFolder: string) {
    this.#environment = environment;
    this.#folder = samplesFolder;
    this.client = new KubeClient({
      cluster: 'hub',
      credentials: parseKubeconfig(environment.hub.kubeconfig, { allowLocalAccess: true }),
    });
  }

  /** Secrets with the regions' kubeconfigs, tenants, queues and regions; ready for the operator. */
  async prepare(): Promise<void> {
    for (const [name, region] of this.#environment.regions) {
      const stringData = { kubeconfig: await readFile(region.kubeconfigPath, 'utf8') };
      const metadata = { name: `kubeconfig-${name}`, namespace: 'aidc-system' };
      await applyObject(this.client, { apiVersion: 'v1', kind: 'Secret', metadata, stringData } as KubeObject);
    }
    for (const { object } of await readManifests(this.#folder, isSetup)) await applyObject(this.client, object);
  }

  async applySamples(): Promise<Sample[]> {
    const samples = await readManifests(this.#folder, (file) => !isSetup(file));
    for (const { object } of samples) await applyObject(this.client, object);
    return samples;
  }

  /** Waits until every RegionalCluster is Ready; throws with the reason of one that is not. */
  async untilRegionsReady(timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    const resource = resourceOfObject({ kind: 'RegionalCluster', metadata: { name: '' } });
    for (;;) {
      const { items } = await this.client.list<RegionalCluster & KubeObject>(resource);
      const waiting = items.filter((item) => readyOf(item)?.status !== 'True');
      if (items.length > 0 && waiting.length === 0) return;
      if (Date.now() > deadline) {
        const first = waiting[0];
        throw new Error(
          `region ${first?.metadata.name} is not Ready: ${first === undefined ? 'no region' : readyOf(first)?.message}`,
        );
      }
      await sleep(200);
    }
  }

  /** One row a sample that has an expectation. */
  async rows(samples: readonly Sample[]): Promise<Row[]> {
    const rows = samples.map(async ({ object, expect }) => {
      if (expect === undefined) return undefined;
      return rowOf((await this.#now(object)) ?? object, expect);
    });
    return (await Promise.all(rows)).filter((row) => row !== undefined);
  }

  async #now(object: KubeObject): Promise<KubeObject | undefined> {
    const { name, namespace } = object.metadata;
    try {
      return await this.client.get(resourceOfObject(object), {
        name,
        ...(namespace === undefined ? {} : { namespace }),
      });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

const isSetup = (file: string): boolean => file.startsWith('0');

const readyOf = (cluster: RegionalCluster) =>
  cluster.status?.conditions?.find((entry) => entry.type === CONDITION.Ready);
