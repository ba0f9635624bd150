import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { type SelfSignedOptions, selfSigned } from './self-signed.ts';

const NOW = Date.now();
const HOUR = 3_600_000;
const make = (over: Partial<SelfSignedOptions> = {}) =>
  selfSigned({
    commonName: 'metrics',
    dnsNames: ['localhost', 'aidc-operator-0'],
    notBeforeMs: NOW - HOUR,
    notAfterMs: NOW + HOUR,
    ...over,
  });

/** What a client of TLS says of a server that has this pair, when it trusts `ca` and asks for `servername`. */
async function handshake(pair: { cert: string; key: string }, ca: string, servername: string): Promise<string> {
  const server = createServer(pair);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  let socket: TLSSocket | undefined;
  try {
    return await new Promise<string>((resolve) => {
      socket = connect({ port, host: '127.0.0.1', ca, servername }, () => resolve('trusted'));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  } finally {
    socket?.destroy();
    server.close();
  }
}

describe('selfSigned', () => {
  it('is a certificate by its own key, for a server and nothing else', () => {
    const { cert, key } = make();
    const parsed = new X509Certificate(cert);
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(parsed.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(parsed).toMatchObject({
      subject: 'CN=metrics',
      issuer: 'CN=metrics',
      subjectAltName: 'DNS:localhost, DNS:aidc-operator-0',
      ca: false,
      // Server authentication.
      keyUsage: ['1.3.6.1.5.5.7.3.1'],
    });
    expect(parsed.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
    expect(new X509Certificate(make().cert).serialNumber).not.toBe(parsed.serialNumber);
  });

  it.each([
    ['this century', Date.UTC(2026, 0, 2, 3, 4, 5), Date.UTC(2049, 11, 31, 23, 59, 59)],
    ['years with four digits', Date.UTC(2049, 11, 31, 23, 59, 59), Date.UTC(2050, 0, 1)],
  ])('holds from and until the second that was asked for: %s', (_what, notBeforeMs, notAfterMs) => {
    const parsed = new X509Certificate(make({ notBeforeMs, notAfterMs }).cert);
    expect([parsed.validFrom, parsed.validTo].map((text) => Date.parse(text))).toEqual([notBeforeMs, notAfterMs]);
  });

  it('takes names of any length', () => {
    const dnsNames = Array.from({ length: 40 }, (_, index) => `pod-${index}.a-rather-long-name.example`);
    const parsed = new X509Certificate(make({ dnsNames }).cert);
    for (const name of dnsNames) expect(parsed.checkHost(name)).toBe(name);
  });

  it('is taken by a client that trusts it, under its names and in its time, and by no other', async () => {
    const pair = make();
    expect(await handshake(pair, pair.cert, 'localhost')).toBe('trusted');
    expect(await handshake(pair, pair.cert, 'aidc-operator-0')).toBe('trusted');
    expect(await handshake(pair, pair.cert, 'elsewhere')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await handshake(pair, make().cert, 'localhost')).toMatch(/SELF_SIGNED|UNABLE_TO_VERIFY|SIGNATURE/);
    const old = make({ notBeforeMs: NOW - 2 * HOUR, notAfterMs: NOW - HOUR });
    expect(await handshake(old, old.cert, 'localhost')).toBe('CERT_HAS_EXPIRED');
  });
});
