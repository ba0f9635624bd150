import { mkdtempSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { KubeClient, KubeClientOptions, WriteGuardResult } from '../../src/kube/client.ts';
import {
  CircuitOpenError,
  isAlreadyExists,
  isConflict,
  isGone,
  isInvalid,
  isNotFound,
  isUnreachable,
  isWriteRefused,
  KubeError,
} from '../../src/kube/errors.ts';
import { CONFIG_MAPS, NODES } from '../../src/kube/resource.ts';
import { eventually, FaultyServer, json, refuse, type Script, testClient } from './faulty-server.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setup(script: Script, options: Partial<KubeClientOptions> = {}) {
  const server = await new FaultyServer(script).listen();
  const client = testClient(server, options);
  cleanups.push(
    () => server.close(),
    () => client.close(),
  );
  return { server, client };
}

const object = { metadata: { name: 'a', namespace: 'ns', resourceVersion: '1' } };
const ok: Script = (_request, response) => json(response, object);
const silent: Script = () => {};
const create = (client: KubeClient) => client.create(CONFIG_MAPS, { namespace: 'ns', body: object });
const get = (client: KubeClient) => client.get(CONFIG_MAPS, { namespace: 'ns', name: 'a' });
const patch = (client: KubeClient) =>
  client.mergePatch(CONFIG_MAPS, { namespace: 'ns', name: 'a', body: { data: { k: 'v' } } });

async function failure(promise: Promise<unknown>): Promise<KubeError> {
  const error = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(KubeError);
  return error as KubeError;
}

describe('requests', () => {
  it('carry path, query, content type, token and body', async () => {
    const { server, client } = await setup(ok, { userAgent: 'test/1' });
    await get(client);
    await client.list(NODES, { labelSelector: 'a in (b,c)', limit: 5 });
    await client.create(CONFIG_MAPS, { namespace: 'ns', body: object, dryRun: true, fieldValidation: 'Strict' });
    await patch(client);
    await client.apply(CONFIG_MAPS, { namespace: 'ns', name: 'a', body: object, fieldManager: 'me' });
    await client.jsonPatch(CONFIG_MAPS, { namespace: 'ns', name: 'a', body: [{ op: 'test', path: '/x', value: 1 }] });
    await client.delete(CONFIG_MAPS, { namespace: 'ns', name: 'a', uid: 'u', propagationPolicy: 'Background' });
    const lines = server.requests.map(({ method, path, query }) => `${method} ${path} ${query.toString()}`.trim());
    expect(lines).toEqual([
      'GET /api/v1/namespaces/ns/configmaps/a',
      'GET /api/v1/nodes labelSelector=a+in+%28b%2Cc%29&limit=5',
      'POST /api/v1/namespaces/ns/configmaps dryRun=All&fieldValidation=Strict',
      'PATCH /api/v1/namespaces/ns/configmaps/a',
      'PATCH /api/v1/namespaces/ns/configmaps/a force=true&fieldManager=me',
      'PATCH /api/v1/namespaces/ns/configmaps/a',
      'DELETE /api/v1/namespaces/ns/configmaps/a',
    ]);
    expect(server.requests.slice(2).map(({ headers }) => headers['content-type'])).toEqual([
      'application/json',
      'application/merge-patch+json',
      'application/apply-patch+yaml',
      'application/json-patch+json',
      'application/json',
    ]);
    expect(JSON.parse(server.requests[2]?.body ?? '')).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
    expect(JSON.parse(server.requests[6]?.body ?? '')).toMatchObject({ preconditions: { uid: 'u' } });
    expect(server.requests[0]?.headers).toMatchObject({ authorization: 'Bearer token-1', 'user-agent': 'test/1' });
  });

  it('keep their connections: many requests, few sockets', async () => {
    const { server, client } = await setup(ok, { maxConnections: 4 });
    for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 20 }, () => patch(client)));
    expect(server.requests).toHaveLength(200);
    expect(server.sockets).toBeLessThanOrEqual(4);
  });

  it('reach a server behind a path prefix', async () => {
    const { server } = await setup(ok);
    const client = testClient({ url: `${server.url}/k8s/clusters/c1/` });
    cleanups.push(() => client.close());
    await get(client);
    expect(server.requests[0]?.path).toBe('/k8s/clusters/c1/api/v1/namespaces/ns/configmaps/a');
  });

  it('unpack compressed lists', async () => {
    const list = { metadata: { resourceVersion: '5' }, items: [object] };
    const zip: Script = (request, response) => {
      expect(request.headers['accept-encoding']).toBe('gzip');
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(gzipSync(JSON.stringify(list)));
    };
    const { client } = await setup(zip, { gzipLists: true });
    expect(await client.list(NODES)).toEqual(list);
  });

  it('estimate how far the clock of the server is ahead', async () => {
    const ahead: Script = (_request, response) =>
      json(response, object, 200, { date: new Date(Date.now() + 60_000).toUTCString() });
    const { client } = await setup(ahead);
    expect(client.clockSkewMs).toBeUndefined();
    await get(client);
    expect(client.clockSkewMs).toBeGreaterThan(55_000);
    expect(client.clockSkewMs).toBeLessThan(65_000);
  });

  it('keep to the rate limit', async () => {
    const { client } = await setup(ok, { qps: 20, burst: 1 });
    const started = Date.now();
    await Promise.all(Array.from({ length: 5 }, () => get(client)));
    expect(Date.now() - started).toBeGreaterThan(180);
  });
});

describe('refusals', () => {
  it('become errors one can ask what they are', async () => {
    const codes: [number, string][] = [
      [404, 'NotFound'],
      [409, 'Conflict'],
      [409, 'AlreadyExists'],
      [410, 'Expired'],
      [422, 'Invalid'],
    ];
    const { client } = await setup((request, response) => {
      const [code, reason] = codes[Number(request.path.split('/').pop())] as [number, string];
      refuse(response, code, reason);
    });
    const errors = await Promise.all(codes.map((_, at) => failure(client.get(NODES, { name: String(at) }))));
    const table = [isNotFound, isConflict, isAlreadyExists, isGone, isInvalid].map((is) => errors.map(is));
    expect(table).toEqual(codes.map((_, row) => codes.map((_, column) => row === column)));
    expect(errors[0]?.message).toBe('get /api/v1/nodes/0 in cluster east: refused: NotFound');
    expect(errors.some(isUnreachable)).toBe(false);
  });

  it("of a proxy do not pass for the API's", async () => {
    const { client } = await setup(
      (_request, response) => void response.writeHead(404).end('<html>404 page not found'),
    );
    const error = await failure(get(client));
    expect([error.status, error.reason, isNotFound(error)]).toEqual([404, 'HTTP404', false]);
  });

  it('with 429 are tried again after Retry-After, writes too', async () => {
    const { server, client } = await setup((_request, response) => {
      if (server.requests.length <= 2) refuse(response, 429, 'TooManyRequests', { 'retry-after': '0' });
      else json(response, object, 201);
    });
    await create(client);
    expect(server.requests).toHaveLength(3);
  });

  it('with a long Retry-After are left to the caller', async () => {
    const { server, client } = await setup((_request, response) =>
      refuse(response, 429, 'TooManyRequests', { 'retry-after': '60' }),
    );
    const error = await failure(get(client));
    expect([error.retryAfterMs, server.requests.length]).toEqual([60_000, 1]);
  });

  it('with 500 are tried again a bounded number of times, but never a create', async () => {
    const { server, client } = await setup((_request, response) => refuse(response, 500, 'InternalError'), {
      maxRetries: 2,
    });
    await failure(get(client));
    expect(server.requests).toHaveLength(3);
    await failure(create(client));
    expect(server.requests).toHaveLength(4);
  });
});

describe('faults of the network', () => {
  it('a reset before the answer: what may be repeated is, a create is not', async () => {
    const { server, client } = await setup((_request, response, socket) => {
      if (server.requests.length % 2 === 1) socket.resetAndDestroy();
      else json(response, object);
    });
    await get(client);
    await patch(client);
    expect(server.requests).toHaveLength(4);
    const error = await failure(create(client));
    expect([isUnreachable(error), server.requests.length]).toEqual([true, 5]);
  });

  it('no server at all: any verb may be tried again, and fails with the name of the cluster', async () => {
    const { server, client } = await setup(ok, { maxRetries: 1 });
    await server.close();
    const error = await failure(create(client));
    expect(isUnreachable(error)).toBe(true);
    expect(error.message).toMatch(/^cluster east: no connection: .*ECONNREFUSED/);
  });

  it('a server that never answers costs one deadline', async () => {
    const { server, client } = await setup(silent, { requestTimeoutMs: 200 });
    const error = await failure(get(client));
    expect([error.reason, isUnreachable(error), server.requests.length]).toEqual(['RequestTimedOut', true, 1]);
    expect(error.message).toContain('no answer within 200 ms');
  });

  it('headers that trickle and bodies that stall cost one deadline', async () => {
    const { client } = await setup(
      (request, response, socket) => {
        if (request.path.endsWith('trickle')) socket.write('HTTP/1.1 200 O');
        else {
          response.writeHead(200, { 'content-length': '100' });
          response.write('{"metadata":');
        }
      },
      { requestTimeoutMs: 200 },
    );
    expect((await failure(client.get(NODES, { name: 'trickle' }))).message).toContain('no answer within');
    expect((await failure(client.get(NODES, { name: 'stall' }))).message).toContain('no whole answer within');
  });

  it('a listener that accepts and says nothing costs one deadline', async () => {
    const sockets = new Set<Socket>();
    const listener = createServer((socket) => void sockets.add(socket.on('error', () => {})));
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as AddressInfo;
    // With TLS the connection never gets as far as a request.
    const client = testClient({ url: `https://127.0.0.1:${port}` }, { requestTimeoutMs: 200 });
    const error = await failure(create(client));
    expect(error.message).toContain('no connection within 200 ms');
    for (const socket of sockets) socket.destroy();
    listener.close();
    await client.close();
  });

  it('an abort ends a request with the reason of the signal, and does not blame the cluster', async () => {
    const { client, server } = await setup(silent);
    const abort = new AbortController();
    const pending = client.get(NODES, { name: 'a', signal: abort.signal });
    await eventually(() => server.requests.length === 1);
    abort.abort(new Error('not needed any more'));
    await expect(pending).rejects.toThrow('not needed any more');
    await expect(client.get(NODES, { name: 'a', signal: abort.signal })).rejects.toThrow('not needed any more');
    expect(client.circuitOpen).toBe(false);
  });

  it('requests that hang in every connection do not hold up an urgent one', async () => {
    const { client } = await setup(
      (request, response) => {
        if (request.path.endsWith('lease')) json(response, object);
      },
      { maxConnections: 2, requestTimeoutMs: 2000 },
    );
    const hung = Array.from({ length: 4 }, () => failure(get(client)));
    await client.get(NODES, { name: 'lease', urgent: true });
    await client.close();
    await Promise.all(hung);
  });
});

describe('circuit breaker', () => {
  it('opens when the cluster is away, fails at once, and closes by a probe', async () => {
    const changes: boolean[] = [];
    const { server, client } = await setup(silent, {
      requestTimeoutMs: 1000,
      maxRetries: 0,
      breaker: { threshold: 3, baseOpenMs: 300, maxOpenMs: 300, onChange: (open) => changes.push(open) },
    });
    await Promise.all(Array.from({ length: 3 }, () => failure(get(client))));
    expect(client.circuitOpen).toBe(true);
    const before = server.requests.length;
    const error = await failure(get(client));
    expect(error).toBeInstanceOf(CircuitOpenError);
    expect(error.message).toMatch(
      /^cluster east is unreachable \(.*no answer within 1000 ms.*\); it is tried again in 1 s$/,
    );
    expect(server.requests).toHaveLength(before);
    server.answer(ok);
    await eventually(() => {
      void get(client).catch(() => {});
      return !client.circuitOpen;
    });
    expect(changes).toEqual([true, false]);
    await get(client);
  });

  it('does not open for refusals, or timeouts that were the callers own haste', async () => {
    const { client, server } = await setup((_request, response) => refuse(response, 503, 'ServiceUnavailable'), {
      maxRetries: 0,
      breaker: { threshold: 2 },
    });
    for (let i = 0; i < 4; i++) await failure(get(client));
    server.answer(silent);
    for (let i = 0; i < 4; i++) await failure(client.get(NODES, { name: 'a', timeoutMs: 20 }));
    expect(client.circuitOpen).toBe(false);
  });

  it('opens for one cluster only', async () => {
    const options = { maxRetries: 0, breaker: { threshold: 1 } };
    const { server, client: gone } = await setup(ok, options);
    const { client: here } = await setup(ok, options);
    await server.close();
    await failure(get(gone));
    expect([gone.circuitOpen, here.circuitOpen]).toEqual([true, false]);
    await get(here);
  });
});

describe('write guard', () => {
  it('refuses writes without sending them, and lets reads and dry runs pass', async () => {
    const { server, client } = await setup(ok, { beforeWrite: () => ({ ok: false, reason: 'not leading' }) });
    const error = await failure(patch(client));
    expect([isWriteRefused(error), error.message]).toEqual([true, 'write to cluster east was not sent: not leading']);
    await failure(create(client));
    await failure(client.delete(CONFIG_MAPS, { namespace: 'ns', name: 'a' }));
    expect(server.requests).toHaveLength(0);
    await get(client);
    await client.create(CONFIG_MAPS, { namespace: 'ns', body: object, dryRun: true });
    expect(server.requests).toHaveLength(2);
  });

  it('is asked again before each retry', async () => {
    const verdicts: WriteGuardResult[] = [{ ok: true }, { ok: false, reason: 'lost meanwhile' }];
    const { server, client } = await setup((_request, response) => refuse(response, 500, 'InternalError'), {
      beforeWrite: () => verdicts.shift() as WriteGuardResult,
    });
    expect(isWriteRefused(await failure(patch(client)))).toBe(true);
    expect(server.requests).toHaveLength(1);
  });

  it('is asked when the write leaves the queue, not when it enters', async () => {
    let leading = true;
    const { server, client } = await setup(silent, {
      maxConnections: 1,
      requestTimeoutMs: 300,
      beforeWrite: () => (leading ? { ok: true } : { ok: false, reason: 'deposed' }),
    });
    const [first, second] = [failure(patch(client)), failure(patch(client))];
    await eventually(() => server.requests.length === 1);
    leading = false;
    await first;
    expect(isWriteRefused(await second)).toBe(true);
    expect(server.requests).toHaveLength(1);
  });

  it('keeps the deadline below what is left of the term', async () => {
    const { server, client } = await setup(silent, { beforeWrite: () => ({ ok: true, remainingMs: 400 }) });
    expect((await failure(patch(client))).message).toContain('within 300 ms');
    expect(server.requests).toHaveLength(1);
    const { client: late } = await setup(silent, { beforeWrite: () => ({ ok: true, remainingMs: 50 }) });
    expect(isWriteRefused(await failure(patch(late)))).toBe(true);
  });
});

describe('credentials', () => {
  it('can be swapped for another token and another server', async () => {
    const { server, client } = await setup(ok);
    const { server: other } = await setup(ok);
    await get(client);
    client.setCredentials({ server: server.url, token: 'token-2' });
    await get(client);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);
    // One, or two where the second request came before the first connection was free again.
    expect(server.sockets).toBeLessThanOrEqual(2);
    client.setCredentials({ server: other.url, token: 'token-3' });
    await get(client);
    expect(other.requests[0]?.headers.authorization).toBe('Bearer token-3');
    await eventually(() => server.openSockets === 0);
  });

  it('a swap to another server lets requests in flight finish and cuts watches', async () => {
    const release = Promise.withResolvers<void>();
    const { server, client } = await setup(async (request, response) => {
      if (request.query.has('watch')) response.writeHead(200).flushHeaders();
      else {
        await release.promise;
        json(response, object);
      }
    });
    const { server: other } = await setup(ok);
    const slow = get(client);
    const watch = client.watch(NODES).next();
    await eventually(() => server.requests.length === 2);
    client.setCredentials({ server: other.url, token: 't' });
    expect(isUnreachable(await failure(watch))).toBe(true);
    release.resolve();
    await slow;
  });

  it('of another server close an open circuit', async () => {
    const { server, client } = await setup(ok, { maxRetries: 0, breaker: { threshold: 1, baseOpenMs: 30_000 } });
    await server.close();
    await failure(get(client));
    expect(client.circuitOpen).toBe(true);
    const { server: other } = await setup(ok);
    client.setCredentials({ server: other.url, token: 't' });
    await get(client);
  });

  it('after close requests fail at once', async () => {
    const { server, client } = await setup(ok);
    await client.close();
    expect((await failure(get(client))).message).toBe('cluster east: the client was closed');
    expect(server.requests).toHaveLength(0);
  });

  it('a rotated token file is read again after a 401', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'token-')), 'token');
    writeFileSync(file, 'old\n');
    const script: Script = (request, response) => {
      if (request.headers.authorization === 'Bearer new') json(response, object);
      else refuse(response, 401, 'Unauthorized');
    };
    const { server } = await setup(script);
    const client = testClient(server, { credentials: { server: server.url, tokenFile: file } });
    cleanups.push(() => client.close());
    expect((await failure(create(client))).status).toBe(401);
    writeFileSync(file, 'new\n');
    await create(client);
  });

  it('a token source is asked before the first request', async () => {
    const { server } = await setup(ok);
    const client = testClient(server, { credentials: { server: server.url, tokenSource: async () => 'sourced' } });
    cleanups.push(() => client.close());
    await get(client);
    expect(server.requests[0]?.headers.authorization).toBe('Bearer sourced');
  });
});
