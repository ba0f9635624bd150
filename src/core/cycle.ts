import type { CyclePlan, Snapshot, Workload } from './model.ts';

export interface CycleOptions {
  /** Stop after that many admissions; what was not looked at then is in neither list of the plan. */
  readonly limit?: number;
}

/** A cycle in slices: the caller gives back the event loop between steps. */
export class Cycle {
  constructor(_workloads: readonly Workload[], _snapshot: Snapshot, _now: number, _options?: CycleOptions) {}
  /** Answers up to `budget` workloads; true: all are answered. */
  step(_budget: number): boolean {
    throw new Error('not implemented');
  }
  plan(): CyclePlan {
    throw new Error('not implemented');
  }
}

export function runCycle(
  workloads: readonly Workload[],
  snapshot: Snapshot,
  now: number,
  options: CycleOptions = {},
): CyclePlan {
  const cycle = new Cycle(workloads, snapshot, now, options);
  while (!cycle.step(Number.POSITIVE_INFINITY));
  return cycle.plan();
}
