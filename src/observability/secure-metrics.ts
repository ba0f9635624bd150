import { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../runtime/clock.ts';
import { errorMessage } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import { CertificateError, type CertificateSource } from './certificates.ts';
import type { ScrapeAccess } from './scrape-access.ts';
import type { KeyPair } from './self-signed.ts';

export interface SecureMetricsOptions {
  readonly access: Pick<ScrapeAccess, 'answer'>;
  readonly certificates: CertificateSource;
  /** The exposition text. */
  readonly expose: () => Promise<string>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The kubelet brings a changed Secret within a minute or so; this adds little. */
const CERTIFICATE_MS = 10_000;
/** A client that has not sent its request by then is cut off. */
const REQUEST_MS = 10_000;
const TEXT = 'text/plain; charset=utf-8';
const EXPOSITION = 'text/plain; version=0.0.4; charset=utf-8';

/** /metrics over HTTPS, for those whom `access` lets in, and nothing else. */
export class SecureMetrics {
  readonly #options: SecureMetricsOptions;
  readonly #server: Server;
  readonly #stop = new AbortController();
  #following: Promise<void> | undefined;
  #trouble = '';

  constructor(options: SecureMetricsOptions) {
    this.#options = options;
    this.#server = createServer(
      { minVersion: 'TLSv1.2', handshakeTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS },
      (request, response) => void this.#serve(request, response),
    );
  }

  /** Rejects with a CertificateError, or with the system's error where the port cannot be had. */
  async listen(port: number, host: string): Promise<void> {
    await this.#renew();
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    this.#following = this.#follow(this.#stop.signal);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await Promise.all([closed, this.#following]);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const [path] = (request.url ?? '').split('?');
      if (path !== '/metrics') return send(response, 404, 'Only /metrics is here; probes are on the plain port.\n');
      if (request.method !== 'GET') return send(response, 405, 'Metrics can be read only: GET.\n', { allow: 'GET' });
      const answer = await this.#options.access.answer(request.headers.authorization);
      if (answer.status !== 200) return refuse(response, answer.status, answer.sentence);
      send(response, 200, await this.#options.expose(), { 'content-type': EXPOSITION });
    } catch (error) {
      this.#options.logger.error('metrics could not be told', { error: errorMessage(error) });
      if (!response.headersSent) send(response, 500, 'Metrics could not be told; see the operator’s log.\n');
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(CERTIFICATE_MS, signal);
      if (signal.aborted) return;
      try {
        await this.#renew();
        this.#trouble = '';
      } catch (error) {
        const trouble = errorMessage(error);
        if (trouble !== this.#trouble) logger.error('the new certificate is not taken, the old one stays', { error });
        this.#trouble = trouble;
      }
    }
  }

  async #renew(): Promise<void> {
    const pair = await this.#options.certificates.next();
    if (pair === undefined) return;
    const certificate = checked(pair);
    this.#server.setSecureContext({ ...pair, minVersion: 'TLSv1.2' });
    const { subject, subjectAltName, validTo, fingerprint256 } = certificate;
    this.#options.logger.info('certificate of /metrics', { subject, subjectAltName, validTo, fingerprint256 });
  }
}

/** Throws a CertificateError where the two are not what they should be, or do not belong together. */
function checked(pair: KeyPair): X509Certificate {
  try {
    createSecureContext({ ...pair });
    return new X509Certificate(pair.cert);
  } catch (cause) {
    const why = `the certificate and the key cannot be used together (${errorMessage(cause)}); both must be PEM`;
    throw new CertificateError(why, { cause });
  }
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  const headers = status === 401 ? { 'www-authenticate': 'Bearer realm="metrics"' } : {};
  send(response, status, `${sentence}\n`, status === 503 ? { 'retry-after': '1' } : headers);
}

function send(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': TEXT, ...headers });
  response.end(text);
}
