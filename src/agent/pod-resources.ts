import { Client, credentials } from '@grpc/grpc-js';
import { allOf, textOf, textsOf } from './wire.ts';

/** Devices of one kind that a pod holds, from a device plugin or by a claim (DRA). */
export interface PodDevices {
  readonly namespace: string;
  readonly name: string;
  /** Name of the extended resource, such as `nvidia.com/gpu`; of a claim the driver, such as `gpu.nvidia.com`. */
  readonly resource: string;
  /** As the device plugin, or the driver, names them. */
  readonly ids: readonly string[];
}

const LIST = '/v1.PodResourcesLister/List';
const DEADLINE_MS = 5_000;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** `ListPodResourcesResponse` of the kubelet's `v1` API. @throws WireError */
export function decodePodResources(response: Uint8Array): PodDevices[] {
  return allOf(response, 1).flatMap((pod) => {
    const [name, namespace] = [textOf(pod, 1), textOf(pod, 2)];
    return allOf(pod, 3).flatMap((container) => [
      ...allOf(container, 2).map((devices) => ({
        namespace,
        name,
        resource: textOf(devices, 1),
        ids: textsOf(devices, 2),
      })),
      ...claimsOf(container).map((device) => ({ namespace, name, ...device })),
    ]);
  });
}

/** What a container holds by claims: `dynamic_resources[].claim_resources[]`. A node has one pool of each driver. */
const claimsOf = (container: Uint8Array): Pick<PodDevices, 'resource' | 'ids'>[] =>
  allOf(container, 5)
    .flatMap((claim) => allOf(claim, 4))
    .map((device) => ({ resource: textOf(device, 2), ids: [textOf(device, 4)] }));

/** The kubelet's word on which pod holds which device. The connection is made anew when the kubelet restarts. */
export class PodResources {
  readonly #client: Client;

  /** @param socket path of `kubelet.sock` in the kubelet's folder `pod-resources` */
  constructor(socket: string) {
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': MAX_ANSWER_BYTES,
      // The next question comes in seconds; by then a kubelet that restarts must be tried again.
      'grpc.max_reconnect_backoff_ms': 5_000,
    });
  }

  list(): Promise<PodDevices[]> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest<null, PodDevices[]>(
        LIST,
        // The request has no fields.
        () => Buffer.alloc(0),
        decodePodResources,
        null,
        { deadline: Date.now() + DEADLINE_MS },
        (error, pods) => (error === null ? resolve(pods ?? []) : reject(error)),
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}
