import type { AcceleratorRequest, AcceleratorType } from '../api/index.ts';
import type { Workload } from './model.ts';

/**
 * How fast a gang runs with the units of an entry of its list, in thousandths of what it would do with the first entry
 * at a throughput of 1000: twice the units do twice the work. undefined: the cluster does not say, or CPU only.
 */
export function speedPermille(
  { request, modelClass = 'Other' }: Pick<Workload, 'request' | 'modelClass'>,
  entry: AcceleratorRequest | undefined,
  accelerator: Pick<AcceleratorType, 'throughputPermille'> | undefined,
): number | undefined {
  const declared = accelerator?.throughputPermille;
  const throughput = declared?.[modelClass] ?? declared?.Other;
  if (throughput === undefined || entry === undefined) return undefined;
  const first = request.accelerators[0]?.countPerNode ?? entry.countPerNode;
  return (throughput * entry.countPerNode) / first;
}

/** Time for what takes `time` at a speed of 1000, rounded up. */
export const timeAt = (speed: number | undefined, time: number): number =>
  speed === undefined ? time : Math.ceil((time * 1000) / speed);
