import type { Admission } from '../api/index.ts';
import { addClasses, type Classes, NO_CLASSES } from './classes.ts';
import type { RunBook, RunOwner } from './cluster-book.ts';
import { NO_SUMS, plus, type Sums } from './sums.ts';

/** What the agents have told of a workload, over all its runs and clusters. */
export interface WorkloadUse {
  readonly measured: Sums;
  /** By configured board power for time that agents should have measured and did not. */
  readonly estimated: Sums;
  /** The part of `estimated` that nothing can change any more. */
  readonly final: Sums;
  /** Of runs that are over. */
  readonly classes: Classes;
}

export const NO_USE: WorkloadUse = { measured: NO_SUMS, estimated: NO_SUMS, final: NO_SUMS, classes: NO_CLASSES };

export function withRun(use: WorkloadUse, run: RunBook): WorkloadUse {
  const silent = Object.values(run.silent).reduce((sum, { sums }) => plus(sum, sums), run.estimated);
  return {
    measured: plus(use.measured, run.measured),
    estimated: plus(use.estimated, silent),
    final: plus(use.final, run.estimated),
    classes: addClasses(use.classes, run.classes),
  };
}

/** Where controllers learn what was measured; the ledger is one. */
export interface EnergySource {
  /** What was measured of the workload; undefined: nothing is known of it. */
  use(uid: string): WorkloadUse | undefined;
  /** Part of what an admission held between two moments of the hub's clock for which no agent measures, of 1. */
  unmetered(admission: Pick<Admission, 'cluster' | 'assignment'>, fromMs: number, toMs: number): number;
  /** Calls `listener` when more is known of a workload. Returns the way to end it. */
  onChange(listener: (owner: Pick<RunOwner, 'kind' | 'namespace' | 'name'>) => void): () => void;
}
