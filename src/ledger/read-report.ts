import { NOBODY_INDEX, type NodeEnergyTotals, nodeEnergyData } from '../api/index.ts';
import type { Report, Use } from '../energy/index.ts';

/** Reads the `data` of an agent's ConfigMap; a sentence where it is not what an agent writes. */
export function readReport(data: unknown): Report | string {
  const parsed = nodeEnergyData.safeParse(data);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0] ?? { path: [], message: '' };
    return `${path.join('.') || 'data'}: ${message}`;
  }
  const { node, series, writtenAt, totals, buckets } = parsed.data;
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
    };
  } catch (error) {
    return (error as Error).message;
  }
}

/** @throws where an index points nowhere */
function usesOf({ pods, gpus }: NodeEnergyTotals, list: NodeEnergyTotals['use']): Use[] {
  return list.map(([podIndex, gpuIndex, ...amounts]) => {
    const gpu = gpus[gpuIndex]?.[0];
    const pod = pods[podIndex];
    if (gpu === undefined) throw new Error(`use: there is no board ${gpuIndex}`);
    if (podIndex === NOBODY_INDEX) return { pod: null, gpu, amounts };
    if (pod === undefined) throw new Error(`use: there is no pod ${podIndex}`);
    const [uid, namespace, name, run] = pod;
    return { pod: { uid, namespace, name, run }, gpu, amounts };
  });
}
