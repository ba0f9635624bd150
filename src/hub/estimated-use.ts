import type { UseSource } from '../core/use.ts';
import { type EnergyFacts, estimate } from '../energy/index.ts';
import type { MemberSource } from '../regions/index.ts';
import { boardsPerNode, energyFacts } from './lookup.ts';

/** Nothing is known of a cluster that was taken away: its boards still count, what they cost there does not. */
const NO_FACTS: EnergyFacts = {
  accelerators: [],
  currency: '',
  timezone: 'UTC',
  tariff: [],
  puePermille: 1000,
  gramsPerKWh: 0,
  nodeOverheadWatts: 0,
};

/** Use by configured power and the tariff at the time of use, as the status of workloads has it. */
export function estimatedUse(members: MemberSource): UseSource {
  return {
    share: ({ cluster, accelerator, nodes, perPod }) => {
      const member = members.get(cluster);
      const gpus = (nodes.length * perPod.gpuMilli) / 1000;
      const type = member?.object.spec.accelerators.find((entry) => entry.type === accelerator);
      const boards = member === undefined || type === undefined ? 0 : boardsPerNode(member, nodes, type.resourceName);
      return { cluster, accelerator, gpus, nodeShare: boards > 0 ? gpus / boards : 0 };
    },
    use: (share, fromMs, toMs) => {
      const member = members.get(share.cluster);
      const facts = member === undefined ? NO_FACTS : energyFacts(member);
      return { ...estimate(facts, share, fromMs, toMs), currency: facts.currency };
    },
  };
}
