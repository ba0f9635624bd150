import type { UseSource } from '../core/use.ts';
import { type EnergyFacts, energyFactsOf, estimate } from '../energy/index.ts';
import type { MemberSource } from '../regions/index.ts';
import { boardsPerNode } from './lookup.ts';

/** Nothing is known of a cluster that was taken away: its boards still count, what they cost there does not. */
const NO_FACTS: EnergyFacts = {
  accelerators: [],
  currency: '',
  timezone: 'UTC',
  tariff: [],
  puePermille: 1000,
  gramsPerKWh: 0,
  greenPowerPermille: 0,
  nodeOverheadWatts: 0,
};

/** Use by configured power and the tariff at the time of use, also where agents measure: a budget knows it at once. */
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
      const facts = member === undefined ? NO_FACTS : energyFactsOf(member.object);
      const { gpuSeconds, gpuMicros, energy } = estimate({ facts, holding: share }, fromMs, toMs);
      const { facilityJoules, carbonGrams, costMicros } = energy;
      return { gpuSeconds, facilityJoules, carbonGrams, costMicros: costMicros + gpuMicros, currency: facts.currency };
    },
  };
}
