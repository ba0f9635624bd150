import type { ComputeQueue } from '../api/index.ts';
import type { FairShareView, QueueView } from '../core/model.ts';

/** A ComputeQueue as the pure core sees it. */
export function queueView(queue: ComputeQueue): QueueView {
  const { spec } = queue;
  const { withinQueue, reclaim, borrow } = spec.preemption;
  const thousand = (count: number | undefined) => (count === undefined ? undefined : count * 1000);
  const given = <T extends object>(values: T) =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
  return {
    name: queue.metadata.name,
    ...(spec.parent === undefined ? {} : { parent: spec.parent }),
    ordering: spec.ordering,
    ...given({ agingSeconds: spec.agingSeconds }),
    weight: spec.weight,
    ...given({ fairShare: fairShareOf(spec) }),
    preemption: {
      withinQueue,
      reclaim,
      borrow: borrow.policy,
      ...given({ borrowMaxPriority: borrow.maxPriority }),
    },
    reserveAfterMs: spec.reserveAfterSeconds * 1000,
    quotaDrainMs: spec.quotaDrainSeconds * 1000,
    ...given({
      minRuntimeMs: thousand(spec.minRuntimeSeconds),
      maxRunning: spec.limits.maxRunning,
      maxPending: spec.limits.maxPending,
    }),
    quota: spec.quota.map(({ accelerator, region, nominal, borrowingLimit, lendingLimit }) => ({
      accelerator,
      region,
      nominal: nominal * 1000,
      ...given({ borrowingLimit: thousand(borrowingLimit), lendingLimit: thousand(lendingLimit) }),
    })),
    ...(spec.namespaceSelector === undefined ? {} : { namespaceSelector: spec.namespaceSelector }),
    stopPolicy: spec.stopPolicy,
  };
}

function fairShareOf({ fairShare }: ComputeQueue['spec']): FairShareView | undefined {
  const { halfLifeSeconds, entryPenaltySeconds } = fairShare;
  if (halfLifeSeconds === undefined) return undefined;
  return { halfLifeMs: halfLifeSeconds * 1000, entryPenaltyMs: entryPenaltySeconds * 1000 };
}
