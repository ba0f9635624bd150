import { rmSync } from 'node:fs';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { PodDevices } from '../../src/agent/pod-resources.ts';

/** A field that is a string, bytes or a message, as protobuf writes it. */
export function encodeField(number: number, content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content as string);
  const length: number[] = [];
  for (let rest = bytes.length; ; rest >>>= 7) {
    if (rest < 0x80) {
      length.push(rest);
      break;
    }
    length.push((rest & 0x7f) | 0x80);
  }
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), bytes]);
}

/** `ListPodResourcesResponse`. */
export function encodePodResources(pods: readonly PodDevices[]): Buffer {
  return Buffer.concat(
    pods.map(({ namespace, name, resource, ids }) => {
      const container = [encodeField(1, 'main'), held(resource, ids)];
      const pod = [encodeField(1, name), encodeField(2, namespace), encodeField(3, Buffer.concat(container))];
      return encodeField(1, Buffer.concat(pod));
    }),
  );
}

/** A resource with a slash is of a device plugin; without one it is a driver of claims. */
function held(resource: string, ids: readonly string[]): Buffer {
  if (resource.includes('/')) {
    return encodeField(2, Buffer.concat([encodeField(1, resource), ...ids.map((id) => encodeField(2, id))]));
  }
  const devices = ids.map((id) => {
    const cdi = encodeField(1, encodeField(1, `k8s.${resource}/claim=${id}`));
    const device = [cdi, encodeField(2, resource), encodeField(3, 'gpu-1'), encodeField(4, id)];
    return encodeField(4, Buffer.concat(device));
  });
  return encodeField(5, Buffer.concat([encodeField(2, 'claim'), encodeField(3, 'ns'), ...devices]));
}

/** The kubelet's pod-resources API on a socket, with the pods that a test puts there. */
export class FakeKubelet {
  pods: readonly PodDevices[] = [];
  readonly socket: string;
  #server: Server | undefined;

  constructor(socket: string) {
    this.socket = socket;
  }

  async start(): Promise<void> {
    rmSync(this.socket, { force: true });
    const server = new Server();
    server.addService(
      {
        list: {
          path: '/v1.PodResourcesLister/List',
          requestStream: false,
          responseStream: false,
          requestSerialize: (value: Buffer) => value,
          requestDeserialize: (bytes: Buffer) => bytes,
          responseSerialize: encodePodResources,
          responseDeserialize: (bytes: Buffer) => bytes,
        },
      },
      { list: (_: unknown, answer: (error: null, pods: readonly PodDevices[]) => void) => answer(null, this.pods) },
    );
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${this.socket}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
    this.#server = server;
  }

  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }
}
