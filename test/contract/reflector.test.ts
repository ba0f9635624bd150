import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { KubeClientOptions } from '../../src/kube/client.ts';
import { Reflector, type ReflectorOptions, type ReflectorState } from '../../src/kube/reflector.ts';
import { type KubeObject, PODS } from '../../src/kube/resource.ts';
import { Store } from '../../src/kube/store.ts';
import { eventually, FaultyServer, instruments, json, refuse, type Seen, testClient } from './faulty-server.ts';

interface Pod extends KubeObject {
  spec?: { nodeName?: string };
}

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A pods API with a scripted part: `lists` and `watches` answer the first calls, then the defaults do. */
class Api {
  pods = new Map<string, Pod>();
  version = 100;
  readonly lists: ((request: Seen, response: ServerResponse) => void)[] = [];
  readonly watches: ((request: Seen, response: ServerResponse) => void)[] = [];
  readonly open = new Set<ServerResponse>();

  pod(name: string, uid = name, nodeName?: string): Pod {
    this.version += 1;
    const metadata = { name, namespace: 'ns', uid, resourceVersion: String(this.version) };
    return nodeName === undefined ? { metadata } : { metadata, spec: { nodeName } };
  }

  /** Puts a pod there without telling any watch. */
  put(name: string, uid?: string): Pod {
    const pod = this.pod(name, uid);
    this.pods.set(name, pod);
    return pod;
  }

  send(type: string, object: object): void {
    for (const response of this.open) response.write(`${JSON.stringify({ type, object })}\n`);
  }

  listing(): object {
    return { metadata: { resourceVersion: String(this.version) }, items: [...this.pods.values()] };
  }

  serve = (request: Seen, response: ServerResponse): void => {
    if (!request.query.has('watch')) {
      const scripted = this.lists.shift();
      if (scripted) scripted(request, response);
      else json(response, this.listing());
      return;
    }
    const scripted = this.watches.shift();
    if (scripted) scripted(request, response);
    else this.watch(response);
  };

  watch(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    this.open.add(response);
    response.on('close', () => this.open.delete(response));
  }
}

async function setup(options: Partial<ReflectorOptions<Pod>> = {}, clientOptions: Partial<KubeClientOptions> = {}) {
  const api = new Api();
  const server = await new FaultyServer(api.serve).listen();
  const client = testClient(server, clientOptions);
  const { metrics, logger, clock } = instruments();
  const store = new Store<Pod>({ name: 'pods', metrics });
  const events: string[] = [];
  store.subscribe((event) => events.push(`${event.type} ${event.key} ${event.obj.metadata.uid}`));
  const states: ReflectorState[] = [];
  const reflector = new Reflector<Pod>({
    client,
    resource: PODS,
    store,
    logger,
    metrics,
    clock,
    // No pauses between tries: what is tested is what is done, not when.
    random: () => 0,
    onStateChange: (state) => states.push(state),
    ...options,
  });
  const stop = new AbortController();
  const start = (): void => {
    const running = reflector.run(stop.signal);
    cleanups.push(async () => {
      stop.abort();
      await running;
    });
  };
  cleanups.push(
    () => server.close(),
    () => client.close(),
  );
  const names = (): string[] => [...store.keys()].sort();
  const counter = (name: string): number => metrics.value(name, { cluster: 'east', resource: 'pods' });
  const watches = (): Seen[] => server.requests.filter(({ query }) => query.has('watch'));
  return { api, server, client, store, events, states, reflector, stop, start, names, counter, watches, logger };
}

describe('list', () => {
  it('goes by pages and becomes visible at once', async () => {
    const { api, server, store, reflector, start, names } = await setup({ pageSize: 2 });
    const [a, b, c] = [api.pod('a'), api.pod('b'), api.pod('c')];
    let sizeBetween = -1;
    api.lists.push(
      (_request, response) => json(response, { metadata: { resourceVersion: '103', continue: 'more' }, items: [a, b] }),
      (_request, response) => {
        sizeBetween = store.size;
        json(response, { metadata: { resourceVersion: '103' }, items: [c] });
      },
    );
    start();
    expect(await reflector.waitForSync()).toBe(true);
    expect(names()).toEqual(['ns/a', 'ns/b', 'ns/c']);
    expect(sizeBetween).toBe(0);
    expect(server.requests[1]?.query.get('continue')).toBe('more');
    await eventually(() => server.requests.length === 3);
    expect(server.requests[2]?.query.get('resourceVersion')).toBe('103');
  });

  it('starts again when a continue token has expired', async () => {
    const { api, reflector, start, names, server } = await setup();
    const stale = api.pod('stale');
    api.put('fresh');
    api.lists.push(
      (_request, response) => json(response, { metadata: { resourceVersion: '1', continue: 'more' }, items: [stale] }),
      (_request, response) => refuse(response, 410, 'Expired'),
    );
    start();
    await reflector.waitForSync();
    expect(names()).toEqual(['ns/fresh']);
    expect(server.requests[2]?.query.has('continue')).toBe(false);
  });

  it('is tried without end, and says why it is not healthy', async () => {
    const { api, start, reflector, states } = await setup({}, { maxRetries: 0 });
    for (let i = 0; i < 3; i++) api.lists.push((_request, response) => refuse(response, 503, 'ServiceUnavailable'));
    api.lists.push((_request, response) => void response.destroy());
    start();
    await reflector.waitForSync();
    expect(states.some((state) => !state.healthy && state.error?.includes('ServiceUnavailable'))).toBe(true);
    expect(reflector.healthy).toBe(true);
    expect(reflector.state.error).toBeUndefined();
  });

  it('ends waiting for sync when the signal aborts or it stops', async () => {
    const { api, reflector, start, stop } = await setup();
    api.lists.push(() => {});
    start();
    expect(await reflector.waitForSync(AbortSignal.timeout(20))).toBe(false);
    const waiting = reflector.waitForSync();
    stop.abort();
    expect(await waiting).toBe(false);
  });
});

describe('watch', () => {
  it('brings additions, changes and deletions', async () => {
    const { api, start, events, reflector } = await setup();
    start();
    await reflector.waitForSync();
    await eventually(() => api.open.size === 1);
    api.send('ADDED', api.pod('a'));
    api.send('MODIFIED', api.pod('a', 'a', 'n1'));
    api.send('DELETED', api.pod('a', 'a', 'n1'));
    await eventually(() => events.length === 3);
    expect(events).toEqual(['added ns/a a', 'updated ns/a a', 'deleted ns/a a']);
    expect(reflector.state).toEqual({ phase: 'watching', synced: true, healthy: true });
  });

  it('asks for bookmarks and goes on from the last one', async () => {
    const { api, start, watches } = await setup();
    start();
    await eventually(() => api.open.size === 1);
    const asked = watches()[0]?.query;
    expect(asked?.get('allowWatchBookmarks')).toBe('true');
    expect(Number(asked?.get('timeoutSeconds'))).toBeGreaterThanOrEqual(290);
    api.send('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: '555' } });
    for (const response of api.open) response.end();
    await eventually(() => watches().length === 2);
    expect(watches()[1]?.query.get('resourceVersion')).toBe('555');
  });

  it('survives chunks cut anywhere, also inside a character', async () => {
    const { api, start, store } = await setup();
    start();
    await eventually(() => api.open.size === 1);
    const pod = { ...api.pod('a'), spec: { nodeName: '贵安-節點-🙂' } };
    const bytes = Buffer.from(`${JSON.stringify({ type: 'ADDED', object: pod })}\n`);
    const [response] = api.open;
    for (const byte of bytes) {
      response?.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(() => store.size === 1);
    expect(store.get('ns/a')?.spec?.nodeName).toBe('贵安-節點-🙂');
  });

  it('drops half a line when the stream breaks, and takes up at the last whole event', async () => {
    const { api, start, watches, names } = await setup();
    const whole = api.pod('a');
    const half = JSON.stringify({ type: 'ADDED', object: api.pod('b') }).slice(0, 40);
    api.watches.push((_request, response) => {
      response.writeHead(200);
      response.write(`${JSON.stringify({ type: 'ADDED', object: whole })}\n${half}`);
      setTimeout(() => response.destroy(), 50);
    });
    start();
    await eventually(() => api.open.size === 1);
    expect(watches()[1]?.query.get('resourceVersion')).toBe(whole.metadata.resourceVersion);
    expect(names()).toEqual(['ns/a']);
  });

  it('drops half a line when the stream ends, as well as a line that is no JSON', async () => {
    const { api, start, watches, counter } = await setup();
    api.watches.push(
      (_request, response) => void response.writeHead(200).end('{"type":"ADDED","object":{"meta'),
      (_request, response) => void response.writeHead(200).end('nonsense\n'),
      (_request, response) => void response.writeHead(200).end('{"type":"ADDED"}\n'),
    );
    start();
    await eventually(() => api.open.size === 1);
    expect(watches()).toHaveLength(4);
    expect(counter('aidc_reflector_errors_total')).toBe(3);
  });

  it('goes on after a reset, without a list', async () => {
    const { api, server, start, watches, names } = await setup();
    start();
    await eventually(() => api.open.size === 1);
    for (const response of api.open) response.socket?.resetAndDestroy();
    await eventually(() => watches().length === 2 && api.open.size === 1);
    api.send('ADDED', api.pod('a'));
    await eventually(() => names().length === 1);
    expect(server.requests).toHaveLength(3);
  });

  it('cuts a stream that has gone silent', async () => {
    const { api, start, watches, counter } = await setup({ idleMs: 100 });
    api.watches.push((_request, response) => response.writeHead(200).flushHeaders());
    start();
    await eventually(() => watches().length >= 2);
    expect(counter('aidc_reflector_errors_total')).toBeGreaterThanOrEqual(1);
  });

  it('gives a server that accepts and never answers one deadline', async () => {
    const { api, start, watches, states } = await setup({}, { requestTimeoutMs: 100, breaker: { threshold: 100 } });
    api.watches.push(() => {});
    start();
    await eventually(() => watches().length >= 2 && api.open.size === 1);
    expect(states.some((state) => !state.healthy && state.error?.includes('no answer within 100 ms'))).toBe(true);
  });

  it('notes when it last heard from the server', async () => {
    const { api, start, reflector } = await setup();
    expect(reflector.lastContactMs).toBeUndefined();
    start();
    await eventually(() => api.open.size === 1);
    const before = reflector.lastContactMs ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 20));
    api.send('BOOKMARK', { metadata: { resourceVersion: '7' } });
    await eventually(() => (reflector.lastContactMs ?? 0) > before);
  });
});

describe('expired resource versions', () => {
  const asEvent = (_request: Seen, response: ServerResponse): void => {
    const object = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
    response.writeHead(200).end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
  };
  const asStatus = (_request: Seen, response: ServerResponse): void => refuse(response, 410, 'Expired');

  it.each([
    ['as an ERROR event', asEvent],
    ['as the HTTP status', asStatus],
  ])('%s: lists again and tells the differences', async (_name, expired) => {
    const { api, start, events, names, reflector, counter } = await setup();
    api.put('kept');
    api.put('gone');
    api.put('reborn', 'uid-1');
    start();
    await eventually(() => api.open.size === 1);
    events.length = 0;
    // While the watch is cut off: one is deleted, one is made anew under its old name, one is new.
    api.pods.delete('gone');
    api.put('reborn', 'uid-2');
    api.put('new');
    api.watches.push(expired);
    for (const response of api.open) response.end();
    await eventually(() => events.length === 4);
    expect(events).toEqual([
      'deleted ns/gone gone',
      'deleted ns/reborn uid-1',
      'added ns/reborn uid-2',
      'added ns/new new',
    ]);
    expect(names()).toEqual(['ns/kept', 'ns/new', 'ns/reborn']);
    expect(reflector.healthy).toBe(true);
    expect(counter('aidc_reflector_relists_total')).toBe(1);
  });

  it('another ERROR event ends the stream, without a list', async () => {
    const { api, start, server, watches } = await setup();
    api.watches.push((_request, response) => {
      const object = { kind: 'Status', code: 500, reason: 'InternalError', message: 'etcd is gone' };
      response.writeHead(200).end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
    });
    start();
    await eventually(() => api.open.size === 1);
    expect([watches().length, server.requests.length]).toEqual([2, 3]);
  });
});

describe('what is stored', () => {
  it('lacks managedFields and the last-applied annotation, and has apiVersion and kind', async () => {
    const { api, start, store, reflector } = await setup();
    const pod = api.put('a');
    pod.metadata.managedFields = [{ manager: 'x' }];
    pod.metadata.annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', kept: 'yes' };
    start();
    await reflector.waitForSync();
    expect(store.get('ns/a')).toMatchObject({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { annotations: { kept: 'yes' } },
    });
    expect(JSON.stringify(store.get('ns/a'))).not.toMatch(/managedFields|last-applied/);
  });

  it('is what the projection makes of it; where that throws the object is left out and counted', async () => {
    const project = (raw: KubeObject): Pod => {
      if (raw.metadata.name === 'bad') throw new Error('cannot read this');
      return { metadata: raw.metadata, spec: { nodeName: 'projected' } };
    };
    const { api, start, store, names, counter, reflector } = await setup({ project });
    api.put('a');
    api.put('bad');
    start();
    await reflector.waitForSync();
    await eventually(() => api.open.size === 1);
    api.send('ADDED', api.pod('b'));
    await eventually(() => store.size === 2);
    expect(names()).toEqual(['ns/a', 'ns/b']);
    expect(store.get('ns/b')?.spec?.nodeName).toBe('projected');
    expect(counter('aidc_reflector_panics_total')).toBe(1);
  });
});

describe('stop', () => {
  it('is final: no request, no event and no state after it', async () => {
    const { api, start, stop, server, store, states, reflector } = await setup();
    start();
    await eventually(() => api.open.size === 1);
    stop.abort();
    await eventually(() => reflector.state.phase === 'stopped');
    const [requests, changes] = [server.requests.length, states.length];
    api.send('ADDED', api.pod('a'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([server.requests.length, states.length, store.size]).toEqual([requests, changes, 0]);
    await eventually(() => api.open.size === 0);
  });

  it('during a list leaves the store alone', async () => {
    const { api, start, stop, store, reflector, server } = await setup();
    let answer = (): void => {};
    api.lists.push((_request, response) => {
      answer = () => json(response, { metadata: { resourceVersion: '1' }, items: [api.pod('late')] });
    });
    start();
    await eventually(() => server.requests.length === 1);
    stop.abort();
    answer();
    await eventually(() => reflector.state.phase === 'stopped');
    expect([store.size, reflector.synced]).toEqual([0, false]);
  });
});
