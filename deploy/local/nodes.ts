import { KUBERNETES_VERSION } from './binaries/catalog.ts';
import type { NodeGroup, RegionNodes } from './centre.ts';

/** The Node objects of a region, as its kubelets would register them; kwok then keeps them alive. */
export function nodesOf(region: RegionNodes): { metadata: { name: string } }[] {
  let address = 0;
  return region.nodeGroups.flatMap((group) =>
    Array.from({ length: group.count }, (_, index) => {
      address += 1;
      return nodeOf(region.name, group, index, `10.32.${address >> 8}.${address & 255}`);
    }),
  );
}

function nodeOf(region: string, group: NodeGroup, index: number, address: string) {
  const name = `${group.prefix}-${String(index + 1).padStart(3, '0')}`;
  const devices = group.accelerator ? { [group.accelerator.resource]: String(group.accelerator.perNode) } : {};
  const resources = { cpu: group.cpu, memory: group.memory, pods: String(group.pods), ...devices };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: labelsOf(name, region, group, index) },
    spec: { taints: group.taints },
    status: {
      capacity: { ...resources, 'ephemeral-storage': '7Ti' },
      allocatable: { ...resources, 'ephemeral-storage': '7Ti' },
      addresses: [
        { type: 'InternalIP', address },
        { type: 'Hostname', address: name },
      ],
      nodeInfo: {
        architecture: 'amd64',
        operatingSystem: 'linux',
        osImage: 'Simulated Linux',
        kernelVersion: '6.6.0',
        containerRuntimeVersion: 'containerd://2.1.0',
        kubeletVersion: KUBERNETES_VERSION,
        kubeProxyVersion: '',
        bootID: crypto.randomUUID(),
        machineID: crypto.randomUUID(),
        systemUUID: crypto.randomUUID(),
      },
    },
  };
}

function labelsOf(name: string, region: string, group: NodeGroup, index: number): Record<string, string> {
  const rack = Math.floor(index / group.rackSize);
  const block = Math.floor(rack / group.racksPerBlock);
  return {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'topology.kubernetes.io/region': region,
    'topology.kubernetes.io/zone': group.zone ?? `${region}-a`,
    'aidc.dev/block': `${group.prefix}-b${block + 1}`,
    'aidc.dev/rack': `${group.prefix}-r${String(rack + 1).padStart(2, '0')}`,
    ...group.accelerator?.labels,
    ...group.labels,
  };
}
