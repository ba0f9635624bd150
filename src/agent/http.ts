import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the agent answers over HTTP; a probe is well when it is undefined, else it is a sentence. */
export interface Answers {
  readonly metrics: () => Promise<string>;
  readonly live: () => string | undefined;
  readonly ready: () => string | undefined;
}

/** /metrics, /livez and /readyz. The operator's framework would take more memory than all of the rest. */
export async function serve(answers: Answers, host: string, port: number): Promise<Server> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://agent').pathname;
    if (path === '/metrics') {
      answers.metrics().then(
        (text) => send(response, 200, text, 'text/plain; version=0.0.4; charset=utf-8'),
        (error: unknown) => send(response, 500, `${String(error)}\n`),
      );
    } else if (path === '/livez') probe(response, answers.live());
    else if (path === '/readyz') probe(response, answers.ready());
    else send(response, 404, 'There are /metrics, /livez and /readyz.\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return server;
}

export const portOf = (server: Server): number => (server.address() as AddressInfo).port;

const probe = (response: ServerResponse, trouble: string | undefined): void =>
  send(response, trouble === undefined ? 200 : 503, `${trouble ?? 'ok'}\n`);

function send(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type });
  response.end(text);
}
