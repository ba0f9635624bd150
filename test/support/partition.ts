import { connect, createServer, type Server, type Socket } from 'node:net';
import type { LocalCluster } from '../../deploy/local/environment.ts';

/** A way to a cluster that can be cut: the cluster itself runs on, only who comes by this way does not reach it. */
export interface Road {
  /** The cluster's kubeconfig by this way. */
  readonly kubeconfig: string;
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/** Bytes are passed on as they are: TLS is between the client and the API server. */
export async function roadTo(cluster: LocalCluster): Promise<Road> {
  const address = new URL(/server: (\S+)/.exec(cluster.kubeconfig)?.[1] ?? '');
  const open = new Set<Socket>();
  let isCut = false;
  const pass = (near: Socket): void => {
    if (isCut) return void near.destroy();
    const far = connect(Number(address.port), address.hostname);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one
        .on('error', () => other.destroy())
        .on('close', () => {
          open.delete(one);
          other.destroy();
        });
    }
    near.pipe(far).pipe(near);
  };
  const server: Server = createServer(pass);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const dropAll = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    kubeconfig: cluster.kubeconfig.replace(address.host, `127.0.0.1:${port}`),
    cut: () => {
      isCut = true;
      dropAll();
    },
    mend: () => {
      isCut = false;
    },
    close: async () => {
      dropAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
