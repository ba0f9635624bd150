import type { AcceleratorType } from '../api/index.ts';
import { type ItPower, shareOfNode, unitWatts } from '../core/power/budget.ts';
import { addAmounts, addLarger, none, type RunOnNode } from './sums.ts';
import type { Amounts } from './types.ts';

interface Totals {
  readonly gpuTotal: number;
  readonly cpuTotal: number;
}

/** What everything held on one node is reckoned to draw. */
export function nodePower(
  device: AcceleratorType | undefined,
  totals: Totals,
  foreign: Iterable<Amounts>,
  runs: Iterable<readonly [string, RunOnNode]>,
  capOf: (run: string) => number | undefined,
): ItPower {
  const sum = { boardWatts: 0, nodeShare: 0 };
  const add = (pods: { gpuMilli: number; cpuMilli: number }, capWatts?: number): void => {
    const unit = device === undefined ? 0 : unitWatts(device, capWatts);
    sum.boardWatts += (pods.gpuMilli / 1000) * unit;
    sum.nodeShare += shareOfNode(pods, totals);
  };
  for (const pod of foreign) {
    const held = none();
    addAmounts(held, pod, device?.resourceName);
    // What others run beside the accelerators is no work of the centre.
    add({ gpuMilli: held.gpu, cpuMilli: 0 });
  }
  for (const [key, run] of runs) {
    const held = none();
    addLarger(held, run, device?.resourceName);
    add({ gpuMilli: held.gpu, cpuMilli: held.cpu }, capOf(key));
  }
  return sum;
}

/** Of a run on a node that is not there: by the dearest accelerator, and the whole node. */
export function awayPower(
  accelerators: readonly AcceleratorType[],
  gpuMilli: number,
  capWatts: number | undefined,
): ItPower {
  const dearest = Math.max(0, ...accelerators.map((accelerator) => unitWatts(accelerator, capWatts)));
  return { boardWatts: (gpuMilli / 1000) * dearest, nodeShare: 1 };
}
