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
      const devices = [encodeField(1, resource), ...ids.map((id) => encodeField(2, id))];
      const container = [encodeField(1, 'main'), encodeField(2, Buffer.concat(devices))];
      const pod = [encodeField(1, name), encodeField(2, namespace), encodeField(3, Buffer.concat(container))];
      return encodeField(1, Buffer.concat(pod));
    }),
  );
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
