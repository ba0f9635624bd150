import { NOBODY_INDEX, type NodeEnergyNow, type NodeEnergyTotals, nodeEnergyData } from '../api/index.ts';
import type { Report, ReportedNow, ReportedPod, Use } from '../energy/index.ts';

/** Reads the `data` of an agent's ConfigMap; a sentence where it is not what an agent writes. */
export function readReport(data: unknown): Report | string {
  const parsed = nodeEnergyData.safeParse(data);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0] ?? { path: [], message: '' };
    return `${path.join('.') || 'data'}: ${message}`;
  }
  const { node, series, writtenAt, totals, buckets, now } = parsed.data;
  try {
    return {
      node,
      series,
      writtenAtMs: Date.parse(writtenAt),
      boards: totals.gpus.map(([uuid]) => uuid),
      watchedSeconds: totals.gpus.reduce((longest, [, , seconds]) => Math.max(longest, seconds), 0),
      totals: usesOf(totals, totals.use),
      buckets: buckets
        .map(({ sequence, start, use }) => ({ sequence, startMs: Date.parse(start), uses: usesOf(totals, use) }))
        .sort((a, b) => a.sequence - b.sequence),
      ...(now === undefined ? {} : { now: nowOf(totals, now) }),
    };
  } catch (error) {
    return (error as Error).message;
  }
}

/** @throws where an index points nowhere */
const nowOf = (totals: NodeEnergyTotals, { trouble, expected, boards }: NodeEnergyNow): ReportedNow => ({
  ...{ trouble, expected },
  boards: boards.map(([uuid, health, watts, holders]) => ({
    ...{ uuid, health, watts },
    holders: holders.map(([index, share]) => ({ pod: podAt(totals, index), share })),
  })),
});

function podAt({ pods }: NodeEnergyTotals, index: number): ReportedPod {
  const pod = pods[index];
  if (pod === undefined) throw new Error(`there is no pod ${index}`);
  const [uid, namespace, name, run] = pod;
  return { uid, namespace, name, run };
}

/** @throws where an index points nowhere */
function usesOf(totals: NodeEnergyTotals, list: NodeEnergyTotals['use']): Use[] {
  return list.map(([podIndex, gpuIndex, ...amounts]) => {
    const gpu = totals.gpus[gpuIndex]?.[0];
    if (gpu === undefined) throw new Error(`there is no board ${gpuIndex}`);
    return { pod: podIndex === NOBODY_INDEX ? null : podAt(totals, podIndex), gpu, amounts };
  });
}
