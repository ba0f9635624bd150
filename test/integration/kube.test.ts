import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KubeClient, type KubeClientOptions } from '../../src/kube/client.ts';
import {
  isAlreadyExists,
  isConflict,
  isGone,
  isInvalid,
  isNotFound,
  isUnreachable,
  KubeError,
} from '../../src/kube/errors.ts';
import { EventRecorder } from '../../src/kube/events.ts';
import { addFinalizer, removeFinalizer } from '../../src/kube/finalizers.ts';
import { parseKubeconfig } from '../../src/kube/kubeconfig.ts';
import { LeaderElector, type Lease } from '../../src/kube/leader-elector.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import {
  CONFIG_MAPS,
  CUSTOM_RESOURCE_DEFINITIONS,
  EVENTS,
  type KubeObject,
  LEASES,
  NODES,
  type Resource,
} from '../../src/kube/resource.ts';
import { StatusWriter } from '../../src/kube/status-writer.ts';
import { Store } from '../../src/kube/store.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { noopLogger } from '../../src/runtime/logger.ts';
import { eventually } from '../contract/faulty-server.ts';
import { h100Region, useEnvironment } from '../support/environment.ts';

const THINGS: Resource = { group: 'kube.test', version: 'v1', plural: 'things', kind: 'Thing', namespaced: true };
const namespace = 'default';

interface Thing extends KubeObject {
  spec?: { n?: number };
  status?: { phase?: string; list?: number[]; nested?: Record<string, string> };
}

interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

// This layer knows no kinds of ours, so it is tested without them.
const env = useEnvironment({
  regions: [h100Region('guian', 3)],
  crdDirectory: mkdtempSync(join(tmpdir(), 'no-crds-')),
});
const cleanups: (() => Promise<unknown> | undefined)[] = [];
let client: KubeClient;

function connect(cluster: string, options: Partial<KubeClientOptions> = {}): KubeClient {
  const credentials = parseKubeconfig(env.region(cluster).kubeconfig);
  const made = new KubeClient({ cluster, credentials, ...options });
  cleanups.push(() => made.close());
  return made;
}

function reflect<T extends KubeObject>(
  source: Pick<KubeClient, 'list' | 'watch' | 'cluster'>,
  resource: Resource,
  idleMs = 90_000,
) {
  const store = new Store<T>();
  const events: string[] = [];
  store.subscribe(({ type, key }) => events.push(`${type} ${key}`));
  const reflector = new Reflector<T>({
    client: source,
    resource,
    store,
    logger: noopLogger,
    clock: systemClock,
    pageSize: 2,
    idleMs,
  });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  cleanups.push(() => {
    stop.abort();
    return running;
  });
  return { store, events, reflector };
}

const configMap = (name: string, data: Record<string, string> = {}) => ({
  namespace,
  body: { metadata: { name, namespace, labels: { test: 'kube' } }, data },
});

const thing = (name: string) => ({ namespace, body: { metadata: { name } } });

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

beforeAll(async () => {
  client = connect('hub');
  const phase = { type: 'string', maxLength: 20 };
  const status = {
    type: 'object',
    properties: {
      phase,
      list: { type: 'array', items: { type: 'integer' } },
      nested: { type: 'object', additionalProperties: { type: 'string' } },
    },
  };
  const spec = { type: 'object', properties: { n: { type: 'integer' } } };
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec, status } } };
  const names = { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' };
  const versions = [{ name: 'v1', served: true, storage: true, subresources: { status: {} }, schema }];
  await client.create(CUSTOM_RESOURCE_DEFINITIONS, {
    body: {
      metadata: { name: 'things.kube.test' },
      spec: { group: THINGS.group, scope: 'Namespaced', names, versions },
    },
  });
  // The path is served a moment after the definition is accepted.
  let served = false;
  while (!served) served = !((await failure(client.list(THINGS))) instanceof KubeError);
});

afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe('client', () => {
  it('creates, reads, patches, applies, replaces and deletes', async () => {
    expect((await client.serverVersion()).gitVersion).toMatch(/^v1\./);
    const made = await client.create<ConfigMap>(CONFIG_MAPS, configMap('crud', { a: '1' }));
    expect(isAlreadyExists(await failure(client.create(CONFIG_MAPS, configMap('crud'))))).toBe(true);
    await client.mergePatch(CONFIG_MAPS, { namespace, name: 'crud', body: { data: { b: '2' } } });
    const body = [{ op: 'remove', path: '/data/a' }] as const;
    await client.jsonPatch(CONFIG_MAPS, { namespace, name: 'crud', body });
    const applied = { metadata: { name: 'crud' }, data: { c: '3' } };
    await client.apply(CONFIG_MAPS, { namespace, name: 'crud', body: applied, fieldManager: 'test' });
    const read = await client.get<ConfigMap>(CONFIG_MAPS, { namespace, name: 'crud' });
    expect(read.data).toEqual({ b: '2', c: '3' });
    const stale = { ...read, metadata: { ...read.metadata, resourceVersion: made.metadata.resourceVersion } };
    expect(isConflict(await failure(client.replace(CONFIG_MAPS, { namespace, name: 'crud', body: stale })))).toBe(true);
    const uid = 'not-this-one';
    expect(isConflict(await failure(client.delete(CONFIG_MAPS, { namespace, name: 'crud', uid })))).toBe(true);
    await client.delete(CONFIG_MAPS, { namespace, name: 'crud', uid: made.metadata.uid as string });
    expect(isNotFound(await failure(client.get(CONFIG_MAPS, { namespace, name: 'crud' })))).toBe(true);
    expect(client.clockSkewMs).toBeLessThan(2000);
  });

  it('is told by the server what is wrong with an object', async () => {
    const thing = { namespace, body: { metadata: { name: 'bad' }, spec: { n: 1, unknown: true } } };
    const strict = (await failure(
      client.create(THINGS, { ...thing, dryRun: true, fieldValidation: 'Strict' }),
    )) as KubeError;
    expect([strict.status, strict.message]).toEqual([400, expect.stringContaining('unknown field "spec.unknown"')]);
    const invalid = { namespace, body: { metadata: { name: 'bad' }, spec: { n: 'x' } } };
    expect(isInvalid(await failure(client.create(THINGS, invalid)))).toBe(true);
    expect(isNotFound(await failure(client.get(THINGS, { namespace, name: 'bad' })))).toBe(true);
  });
});

describe('reflector', () => {
  it('follows what happens on a real server, in pages and events', async () => {
    for (const name of ['r1', 'r2', 'r3', 'r4', 'r5']) await client.create(CONFIG_MAPS, configMap(name));
    const { store, events, reflector } = reflect<ConfigMap>(client, CONFIG_MAPS);
    expect(await reflector.waitForSync(AbortSignal.timeout(10_000))).toBe(true);
    expect([...store.keys()]).toEqual(expect.arrayContaining(['default/r1', 'default/r5']));
    expect(store.get('default/r1')).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
    await eventually(() => reflector.state.phase === 'watching');
    events.length = 0;
    await client.mergePatch(CONFIG_MAPS, { namespace, name: 'r1', body: { data: { k: '值' } } });
    await client.delete(CONFIG_MAPS, { namespace, name: 'r2' });
    await client.create(CONFIG_MAPS, configMap('r6'));
    await eventually(() => events.length >= 3);
    expect(events).toEqual(['updated default/r1', 'deleted default/r2', 'added default/r6']);
    expect(store.get('default/r1')?.data).toEqual({ k: '值' });
  });

  it('lists again when its version is no longer known, and tells what happened meanwhile', async () => {
    // Of this kind the server knows nothing before its definition was made, so version 1 is too old.
    await client.create(THINGS, thing('old'));
    const made = await client.create(THINGS, thing('again'));
    let watches = 0;
    let gone = 0;
    const source: Pick<KubeClient, 'list' | 'watch' | 'cluster'> = {
      cluster: 'hub',
      list: (resource, options) => client.list(resource, options),
      async *watch(resource, options) {
        watches += 1;
        if (watches === 1) {
          // The world goes on before a watch from a version that is long gone.
          await client.delete(THINGS, { namespace, name: 'old' });
          await client.delete(THINGS, { namespace, name: 'again' });
          await client.create(THINGS, thing('again'));
        }
        const stream = client.watch(resource, watches === 1 ? { ...options, resourceVersion: '1' } : options);
        for await (const event of stream as AsyncIterable<never>) {
          if ((event as { type: string }).type === 'ERROR') gone += 1;
          yield event;
        }
      },
    };
    const { events, store, reflector } = reflect<Thing>(source, THINGS);
    await eventually(() => events.includes('deleted default/old'));
    expect([watches >= 1, gone]).toEqual([true, 1]);
    expect(events.filter((event) => event.endsWith('/again'))).toEqual([
      'added default/again',
      'deleted default/again',
      'added default/again',
    ]);
    expect(store.get('default/again')?.metadata.uid).not.toBe(made.metadata.uid);
    await eventually(() => reflector.healthy && reflector.state.phase === 'watching');
  });

  it('a region that hangs is noticed and comes back; another cluster is not held up', async () => {
    const region = connect('guian', {
      requestTimeoutMs: 1500,
      breaker: { threshold: 2, baseOpenMs: 500, maxOpenMs: 1000 },
    });
    const { reflector, store } = reflect(region, NODES, 3000);
    await reflector.waitForSync(AbortSignal.timeout(10_000));
    expect(store.size).toBe(3);
    await env.environment.pauseRegion('guian');
    try {
      await eventually(() => !reflector.healthy);
      const before = systemClock.monotonic();
      await client.list(CONFIG_MAPS, { limit: 1 });
      expect(systemClock.monotonic() - before).toBeLessThan(1500);
      expect(isUnreachable(await failure(region.list(NODES)))).toBe(true);
      expect(store.size).toBe(3);
    } finally {
      await env.environment.resumeRegion('guian');
    }
    await eventually(() => reflector.healthy && !region.circuitOpen);
  });
});

describe('status writer', () => {
  it('writes, skips, and refuses to write on what has changed or gone', async () => {
    const writer = new StatusWriter({ client });
    const made = await client.create<Thing>(THINGS, { namespace, body: { metadata: { name: 's' }, spec: { n: 1 } } });
    const status = { phase: 'A', list: [1], nested: { a: 'x', b: 'y' } };
    const first = await writer.writeObject<Thing>(THINGS, made, status);
    expect([first.outcome, first.object?.status]).toEqual(['written', status]);
    const now = first.object as Thing;
    expect(await writer.write(THINGS, now, status)).toBe('unchanged');
    expect(await writer.write(THINGS, made, { phase: 'B' })).toBe('conflict');
    const second = await writer.writeObject<Thing>(THINGS, now, { phase: 'B', nested: { b: 'z' } });
    expect(second.object?.status).toEqual({ phase: 'B', nested: { b: 'z' } });
    const invalid = await failure(
      writer.write(THINGS, second.object as Thing, { phase: 'much too long for this field' }),
    );
    expect(isInvalid(invalid)).toBe(true);
    await client.delete(THINGS, { namespace, name: 's' });
    expect(await writer.write(THINGS, second.object as Thing, { phase: 'C' })).toBe('gone');
    const body = { metadata: { name: 's' } };
    await client.create<Thing>(THINGS, { namespace, body });
    expect(await writer.write(THINGS, second.object as Thing, { phase: 'C' })).toBe('conflict');
  });

  it('tells its rate on this machine', async () => {
    const count = 600;
    const writer = new StatusWriter({ client, concurrency: 30 });
    const create = (at: number) =>
      client.create<Thing>(THINGS, { namespace, body: { metadata: { name: `rate-${at}` } } });
    const things = await Promise.all(Array.from({ length: count }, (_, at) => create(at)));
    const started = systemClock.monotonic();
    const outcomes = await Promise.all(things.map((thing) => writer.write(THINGS, thing, { phase: 'X' })));
    const rate = count / ((systemClock.monotonic() - started) / 1000);
    console.info(`status merge patches: ${rate.toFixed(0)} a second`);
    expect(new Set(outcomes)).toEqual(new Set(['written']));
  });
});

describe('finalizers', () => {
  it('hold a deletion until they are removed', async () => {
    const [first, second] = ['kube.test/one', 'kube.test/two'];
    const made = await client.create<Thing>(THINGS, { namespace, body: { metadata: { name: 'held' } } });
    const one = await addFinalizer(client, THINGS, made, first);
    expect(isConflict(await failure(addFinalizer(client, THINGS, made, second)))).toBe(true);
    const both = await addFinalizer(client, THINGS, one, second);
    expect(both.metadata.finalizers).toEqual([first, second]);
    await client.delete(THINGS, { namespace, name: 'held' });
    await removeFinalizer(client, THINGS, both, first);
    // From a stale list: its place has moved, the server refuses, and it is found again.
    await removeFinalizer(client, THINGS, both, second);
    expect(isNotFound(await failure(client.get(THINGS, { namespace, name: 'held' })))).toBe(true);
    await removeFinalizer(client, THINGS, both, second);
  });
});

describe('leader election', () => {
  it('hands the lease over with a new epoch, and fences the one that left', async () => {
    const config = { leaseDurationMs: 6000, renewDeadlineMs: 4000, retryPeriodMs: 300 };
    const start = (identity: string) => {
      const stop = new AbortController();
      const elector = new LeaderElector({
        client,
        namespace,
        name: 'op',
        identity,
        config,
        clock: systemClock,
        logger: noopLogger,
      });
      const running = elector.run(stop.signal);
      const end = (): Promise<void> => {
        stop.abort();
        return running;
      };
      return { elector, stop: end };
    };
    const a = start('a');
    expect(await a.elector.acquired(AbortSignal.timeout(10_000))).toBe(0);
    const guarded = connect('guian', { beforeWrite: a.elector.guard() });
    await guarded.create(CONFIG_MAPS, configMap('by-a'));
    const b = start('b');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect([a.elector.isLeader(), b.elector.isLeader()]).toEqual([true, false]);
    await a.stop();
    expect(await b.elector.acquired(AbortSignal.timeout(10_000))).toBe(1);
    expect((await failure(guarded.create(CONFIG_MAPS, configMap('late')))) as KubeError).toMatchObject({
      reason: 'WriteRefused',
    });
    const lease = await client.get<Lease>(LEASES, { namespace, name: 'op' });
    expect(lease.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
    await b.stop();
  });
});

it('events are accepted and counted as a series', async () => {
  const made = await client.create<Thing>(THINGS, { namespace, body: { metadata: { name: 'talked-of' } } });
  const recorder = new EventRecorder({
    client,
    component: 'kube.test/operator',
    instance: 'pod-1',
    clock: systemClock,
    logger: noopLogger,
    windowMs: 0,
    paceMs: 0,
  });
  recorder.event(made, 'Warning', 'Unplaceable', 'no node has room');
  await eventually(() => recorder.pending === 0);
  await new Promise((resolve) => setTimeout(resolve, 300));
  recorder.event(made, 'Warning', 'Unplaceable', 'still no node has room');
  let seen: (KubeObject & { series?: { count: number }; note?: string })[] = [];
  const end = Date.now() + 10_000;
  while (seen[0]?.series === undefined && Date.now() < end) {
    const fieldSelector = `regarding.uid=${made.metadata.uid}`;
    seen = (await client.list<KubeObject>(EVENTS, { namespace, fieldSelector })).items;
  }
  expect(seen).toHaveLength(1);
  expect(seen[0]).toMatchObject({ series: { count: 2 }, note: 'no node has room' });
});

it('an expired continue token is told as gone', async () => {
  const token = Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: 1, start: 'x' })).toString('base64url');
  const error = await failure(client.list(CONFIG_MAPS, { limit: 1, continue: token }));
  // A server that has not compacted yet may still serve it.
  expect(error === undefined || isGone(error)).toBe(true);
});
