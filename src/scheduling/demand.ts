import { DemandByType, type Learned, type PodAsk } from '../core/node-value/demand-by-type.ts';
import type { Holder, Observation } from './types.ts';

/**
 * What has been asked for, counted once a workload, by which nodes are chosen. It is kept in memory only: after a
 * restart it is learned from those that wait and those that hold nodes then.
 */
export class Demand {
  readonly #byType = new DemandByType();
  readonly #seen = new Set<string>();

  observe({ key, pending, holder }: Observation): void {
    const asked = pending?.request ?? (holder === undefined ? undefined : askOf(holder));
    if (asked === undefined || this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#byType.observe(asked);
  }

  /** Its object is gone; the demand was there all the same. */
  forget(key: string): void {
    this.#seen.delete(key);
  }

  /** As of now. */
  learned(): Learned {
    return this.#byType.learned();
  }
}

/** As far as it can be told from what was given: not which other accelerators would have done. */
const askOf = ({ accelerator, perPod }: Holder): PodAsk => ({
  cpuMilli: perPod.cpuMilli,
  accelerators: accelerator === '' ? [] : [{ type: accelerator, countPerNode: Math.ceil(perPod.gpuMilli / 1000) }],
});
