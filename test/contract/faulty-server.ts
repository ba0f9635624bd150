import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { KubeClient, type KubeClientOptions } from '../../src/kube/client.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { MemoryLogger } from '../../src/runtime/logger.ts';
import { MemoryMetrics } from '../../src/runtime/metrics.ts';

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** What the server does with one request. Doing nothing leaves the client waiting. */
export type Script = (request: Seen, response: http.ServerResponse, socket: Socket) => void | Promise<void>;

/** A small HTTP server that does what a test tells it, and remembers what it was asked. */
export class FaultyServer {
  readonly requests: Seen[] = [];
  /** Connections accepted so far. */
  sockets = 0;
  readonly #server: http.Server;
  readonly #open = new Set<Socket>();
  #script: Script;

  constructor(script: Script) {
    this.#script = script;
    this.#server = http.createServer((request, response) => void this.#serve(request, response));
    this.#server.keepAliveTimeout = 60_000;
    this.#server.on('connection', (socket) => {
      this.sockets += 1;
      this.#open.add(socket);
      socket.on('close', () => this.#open.delete(socket));
      socket.on('error', () => {});
    });
  }

  /** Replaces the script. */
  answer(script: Script): void {
    this.#script = script;
  }

  async listen(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get openSockets(): number {
    return this.#open.size;
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    let body = '';
    try {
      for await (const chunk of request.setEncoding('utf8')) body += chunk;
    } catch {
      return;
    }
    const url = new URL(request.url ?? '/', 'http://x');
    const seen: Seen = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body,
    };
    this.requests.push(seen);
    await this.#script(seen, response, request.socket);
  }
}

/** Answers with JSON. */
export function json(response: http.ServerResponse, value: unknown, status = 200, headers: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
}

/** Answers as the API does when it refuses. */
export function refuse(response: http.ServerResponse, code: number, reason: string, headers: object = {}): void {
  const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code, message: `refused: ${reason}` };
  json(response, status, code, headers);
}

export function testClient(server: { readonly url: string }, options: Partial<KubeClientOptions> = {}): KubeClient {
  return new KubeClient({ cluster: 'east', credentials: { server: server.url, token: 'token-1' }, ...options });
}

export function instruments() {
  return { metrics: new MemoryMetrics(), logger: new MemoryLogger(), clock: systemClock };
}

/** Waits until the condition holds; fails with its text after ten seconds. */
export async function eventually(condition: () => boolean, what = condition.toString()): Promise<void> {
  const end = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
