import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { type CertificateSource, MountedCertificate, OwnCertificate } from '../../src/observability/certificates.ts';
import { ScrapeAccess } from '../../src/observability/scrape-access.ts';
import { SecureMetrics } from '../../src/observability/secure-metrics.ts';
import { type KeyPair, selfSigned } from '../../src/observability/self-signed.ts';
import { FakeClock, systemClock } from '../../src/runtime/clock.ts';
import { MemoryLogger } from '../../src/runtime/logger.ts';
import { FaultyServer, json, refuse, type Seen, testClient } from './faulty-server.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** An API server that knows the tokens `good` and `poor`, and lets the first one's user read metrics. */
function hub({ path, body }: Seen, response: ServerResponse): void {
  const { spec } = JSON.parse(body) as { spec: { token?: string; user?: string } };
  if (path === '/apis/authentication.k8s.io/v1/tokenreviews') {
    const authenticated = spec.token === 'good' || spec.token === 'poor';
    const user = { username: `user-of-${spec.token}` };
    json(response, { status: authenticated ? { authenticated, user } : { error: 'invalid' } }, 201);
  } else if (path === '/apis/authorization.k8s.io/v1/subjectaccessreviews') {
    json(response, { status: { allowed: spec.user === 'user-of-good' } }, 201);
  } else refuse(response, 404, 'NotFound');
}

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Common name of the certificate that was shown. */
  readonly shown: unknown;
}

/** Each on a connection of its own, so that each sees the certificate of its time. */
const ask = (port: number, token?: string, path = '/metrics', method = 'GET'): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const sent = request({ port, path, method, headers, agent: false, rejectUnauthorized: false }, (response) => {
      const shown = (response.socket as TLSSocket).getPeerCertificate().subject?.CN;
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode, text, headers: response.headers, shown }));
    });
    sent.once('error', reject);
    sent.end();
  });

async function start(certificates: CertificateSource = new OwnCertificate(systemClock)) {
  const clock = new FakeClock();
  const logger = new MemoryLogger();
  const api = await new FaultyServer(hub).listen();
  const client = testClient(api);
  const access = new ScrapeAccess({ client, clock: systemClock, logger });
  const server = new SecureMetrics({ access, certificates, expose: async () => 'up 1\n', clock, logger });
  cleanups.push(
    () => api.close(),
    () => client.close(),
  );
  await server.listen(0, '127.0.0.1');
  cleanups.push(() => server.close());
  return { clock, logger, api, server };
}

describe('/metrics over HTTPS', () => {
  it('answers those whom the hub lets, and tells the others why not', async () => {
    const { server } = await start();
    expect(await ask(server.port, 'good')).toMatchObject({
      status: 200,
      text: 'up 1\n',
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
      shown: 'aidc-operator metrics',
    });
    expect(await ask(server.port)).toMatchObject({
      status: 401,
      text: expect.stringContaining('Authorization: Bearer TOKEN'),
      headers: { 'www-authenticate': 'Bearer realm="metrics"' },
    });
    expect(await ask(server.port, 'bad')).toMatchObject({ status: 401, text: expect.stringContaining('new one') });
    expect(await ask(server.port, 'poor')).toMatchObject({ status: 403, text: expect.stringMatching(/^user-of-poor/) });
  });

  it('has nothing but metrics, and those to read only', async () => {
    const { server, api } = await start();
    expect(await ask(server.port, 'good', '/readyz')).toMatchObject({ status: 404 });
    expect(await ask(server.port, 'good', '/metrics', 'POST')).toMatchObject({
      status: 405,
      headers: { allow: 'GET' },
    });
    await expect(fetch(`http://127.0.0.1:${server.port}/metrics`)).rejects.toThrow();
    expect(api.requests).toEqual([]);
    expect(await ask(server.port, 'good', '/metrics?x=1')).toMatchObject({ status: 200 });
  });

  it('lets nobody in while the hub gives no answer', async () => {
    const { server, api } = await start();
    api.answer((_request, response) => refuse(response, 500, 'InternalError'));
    expect(await ask(server.port, 'good')).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    api.answer((_request, _response, socket) => void socket.destroy());
    expect(await ask(server.port, 'good')).toMatchObject({ status: 503 });
    api.answer((_request, response) => json(response, {}, 201));
    expect(await ask(server.port, 'good')).toMatchObject({ status: 401 });
  });

  it('says which right it lacks itself', async () => {
    const { server, api } = await start();
    api.answer((_request, response) => refuse(response, 403, 'Forbidden'));
    expect(await ask(server.port, 'good')).toMatchObject({
      status: 503,
      text: expect.stringContaining('Grant it create of tokenreviews'),
    });
  });
});

describe('its certificate, from a folder', () => {
  const pair = (commonName: string): KeyPair =>
    selfSigned({ commonName, dnsNames: ['x'], notBeforeMs: Date.now(), notAfterMs: Date.now() + 3_600_000 });
  async function mounted(first: KeyPair) {
    const folder = await mkdtemp(join(tmpdir(), 'aidc-certificate-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    const put = async ({ cert, key }: KeyPair): Promise<void> => {
      await writeFile(join(folder, 'tls.crt'), cert);
      await writeFile(join(folder, 'tls.key'), key);
    };
    await put(first);
    return { folder, put };
  }

  it('is taken anew when it changes, and kept where the new one is none', async () => {
    const { folder, put } = await mounted(pair('first'));
    const { server, clock, logger } = await start(new MountedCertificate(folder));
    expect(await ask(server.port, 'good')).toMatchObject({ status: 200, shown: 'first' });
    await put({ ...pair('second'), key: pair('third').key });
    await expect
      .poll(async () => {
        await clock.advance(10_000);
        return logger.lines.filter(({ level }) => level === 'error').length;
      })
      .toBe(1);
    expect(await ask(server.port, 'good')).toMatchObject({ status: 200, shown: 'first' });
    await put(pair('fourth'));
    await expect
      .poll(async () => {
        await clock.advance(10_000);
        return (await ask(server.port, 'good')).shown;
      })
      .toBe('fourth');
    await rm(join(folder, 'tls.key'));
    for (let turn = 0; turn < 3; turn++) await clock.advance(10_000);
    expect(await ask(server.port, 'good')).toMatchObject({ status: 200, shown: 'fourth' });
  });

  it('is asked for at start, by name, where it is missing or wrong', async () => {
    const { folder, put } = await mounted(pair('first'));
    const certificates = new MountedCertificate(folder);
    await put({ ...pair('first'), key: pair('second').key });
    await expect(start(certificates)).rejects.toThrow(/cannot be used together .*both must be PEM/);
    await rm(join(folder, 'tls.crt'));
    await expect(start(certificates)).rejects.toThrow(`${join(folder, 'tls.crt')} cannot be read`);
  });
});

describe('its own certificate', () => {
  it('is made anew in the middle of its life', async () => {
    const clock = new FakeClock();
    const own = new OwnCertificate(clock);
    const first = await own.next();
    expect(first).toBeDefined();
    expect(await own.next()).toBeUndefined();
    const halfAYear = 182.5 * 24 * 3_600_000;
    await clock.advance(halfAYear - 1);
    expect(await own.next()).toBeUndefined();
    await clock.advance(1);
    const second = await own.next();
    expect(second?.cert).not.toBe(first?.cert);
  });
});
