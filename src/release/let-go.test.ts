import { describe, expect, it } from 'vitest';
import { FINALIZER } from '../api/index.ts';
import { KubeError } from '../kube/errors.ts';
import type { KubeObject, Resource } from '../kube/resource.ts';
import { letGo } from './let-go.ts';

interface Stored extends KubeObject {
  readonly plural: string;
}

/** A hub: objects that are deleted stay while they have finalizers. */
class Hub {
  objects: Stored[] = [];
  readonly deleted: string[] = [];
  /** What the operator does, before each list. */
  operator: () => void = () => {};
  notServed = new Set<string>();
  now = 0;

  add(plural: string, name: string, ...finalizers: string[]): void {
    this.objects.push({ plural, metadata: { namespace: 'team', name, uid: `uid-${name}`, finalizers } });
  }

  readonly client = {
    list: (async (resource: Resource) => {
      if (this.notServed.has(resource.plural)) throw new KubeError('not served', { status: 404, reason: 'HTTP404' });
      this.operator();
      this.now += 100;
      const items = this.objects.filter(({ plural }) => plural === resource.plural);
      return { metadata: {}, items: structuredClone(items) };
    }) as never,
    delete: (async (_resource: Resource, { name }: { name: string }) => {
      this.deleted.push(name);
      const object = this.objects.find(({ metadata }) => metadata.name === name);
      if (object !== undefined) object.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
      this.#sweep();
    }) as never,
    jsonPatch: (async (_resource: Resource, { name }: { name: string }) => {
      this.release(name);
    }) as never,
    get: (async () => {
      throw new Error('nothing moved: nothing is read again');
    }) as never,
  };

  /** Takes our finalizer from an object. */
  release(name: string): void {
    const metadata = this.objects.find((object) => object.metadata.name === name)?.metadata;
    if (metadata !== undefined) metadata.finalizers = metadata.finalizers?.filter((one) => one !== FINALIZER) ?? [];
    this.#sweep();
  }

  #sweep(): void {
    this.objects = this.objects.filter(
      ({ metadata }) => metadata.deletionTimestamp === undefined || (metadata.finalizers ?? []).length > 0,
    );
  }
}

async function run(hub: Hub, waitMs = 5_000): Promise<{ held: string[]; said: string[] }> {
  const said: string[] = [];
  const held = await letGo({
    client: hub.client,
    clock: { monotonic: () => hub.now },
    waitMs,
    pollMs: 0,
    say: (sentence) => said.push(sentence),
  });
  return { held, said };
}

describe('letGo', () => {
  it('has the operator let go of workloads while their clusters are still there', async () => {
    const hub = new Hub();
    hub.add('regionalclusters', 'guian', FINALIZER);
    hub.add('computequeues', 'default');
    hub.add('modeltrainings', 'run', FINALIZER);
    let looks = 0;
    hub.operator = () => {
      looks += 1;
      if (looks === 20) hub.release('run');
      const going = hub.objects.filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
      if (going.some(({ metadata }) => metadata.name === 'guian')) hub.release('guian');
    };
    const { held, said } = await run(hub, 60_000);
    expect(hub.deleted).toEqual(['run', 'guian', 'default']);
    expect(hub.objects).toEqual([]);
    expect(held).toEqual([]);
    expect(said.join('\n')).not.toContain('stays there');
  });

  it('takes our finalizer where the operator does not, and names what it left behind', async () => {
    const hub = new Hub();
    hub.add('modelservings', 'chat', FINALIZER);
    hub.add('regionalclusters', 'guian', FINALIZER);
    const { held, said } = await run(hub);
    expect(hub.objects).toEqual([]);
    expect(held).toEqual([]);
    expect(said).toContain(
      'modelservings.aidc.dev team/chat was not let go by the operator: what runs of it in a region stays there',
    );
  });

  it('leaves finalizers of others, says whose they are, and does not wait for them', async () => {
    const hub = new Hub();
    hub.add('datasets', 'corpus', 'backup.example.com/done');
    const { held } = await run(hub, 3_600_000);
    expect(held).toEqual(['datasets.aidc.dev team/corpus (backup.example.com/done)']);
    expect(hub.now).toBeLessThan(60_000);
  });

  it('has nothing to do where a kind is not there', async () => {
    const hub = new Hub();
    for (const plural of ['modeltrainings', 'computequeues']) hub.notServed.add(plural);
    expect(await run(hub)).toEqual({ held: [], said: [] });
  });
});
