import { add, amounts, type BadQuantity, larger, NO_AMOUNTS, type RawAmounts } from './quantities.ts';
import type { Amounts } from './types.ts';

interface RawContainer {
  readonly name?: string;
  readonly restartPolicy?: string;
  readonly resources?: { readonly requests?: RawAmounts };
}

interface RawContainerResources {
  readonly name?: string;
  readonly resources?: { readonly requests?: RawAmounts };
  readonly allocatedResources?: RawAmounts;
}

export interface RawPodResources {
  readonly spec?: {
    readonly containers?: readonly RawContainer[];
    readonly initContainers?: readonly RawContainer[];
    readonly overhead?: RawAmounts;
    readonly resources?: { readonly requests?: RawAmounts };
  };
  readonly status?: {
    readonly containerStatuses?: readonly RawContainerResources[];
    readonly initContainerStatuses?: readonly RawContainerResources[];
  };
}

/**
 * What a pod takes from its node, as kube-scheduler reckons it: the larger of all containers together and of the
 * largest step of initialisation, plus overhead. Restartable init containers (sidecars) run on beside all that come
 * after them. A request for the whole pod (`spec.resources`) stands for its cpu and memory. While a container is
 * being resized in place, the larger of wanted and given counts.
 */
export function podRequests(pod: RawPodResources, bad: BadQuantity): Amounts {
  const given = new Map<string, RawContainerResources>();
  for (const status of [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]) {
    if (status.name !== undefined) given.set(status.name, status);
  }
  const of = (container: RawContainer): Amounts => containerRequests(container, given, bad);

  let running = NO_AMOUNTS;
  for (const container of pod.spec?.containers ?? []) running = add(running, of(container));
  let sidecars = NO_AMOUNTS;
  let starting = NO_AMOUNTS;
  for (const container of pod.spec?.initContainers ?? []) {
    const own = of(container);
    if (container.restartPolicy === 'Always') {
      running = add(running, own);
      sidecars = add(sidecars, own);
      starting = larger(starting, sidecars);
    } else {
      starting = larger(starting, add(own, sidecars));
    }
  }
  const total = wholePod(larger(running, starting), pod.spec?.resources?.requests, bad);
  return add(total, amounts(pod.spec?.overhead, 'up', bad));
}

function containerRequests(
  container: RawContainer,
  given: ReadonlyMap<string, RawContainerResources>,
  bad: BadQuantity,
): Amounts {
  const wanted = amounts(container.resources?.requests, 'up', bad);
  const status = container.name === undefined ? undefined : given.get(container.name);
  if (status?.resources?.requests === undefined && status?.allocatedResources === undefined) return wanted;
  const now = larger(amounts(status.resources?.requests, 'up', bad), amounts(status.allocatedResources, 'up', bad));
  return larger(wanted, now);
}

function wholePod(sum: Amounts, requests: RawAmounts | undefined, bad: BadQuantity): Amounts {
  if (requests === undefined) return sum;
  const pod = amounts(requests, 'up', bad);
  return {
    cpuMilli: 'cpu' in requests ? pod.cpuMilli : sum.cpuMilli,
    memoryMi: 'memory' in requests ? pod.memoryMi : sum.memoryMi,
    extended: sum.extended,
  };
}
