import type { Admission } from '../api/index.ts';
import { addClasses, type Classes, NO_CLASSES } from './classes.ts';
import type { RunBook, RunOwner } from './cluster-book.ts';
import { addMoney, type Money, NO_MONEY } from './money.ts';
import { NO_SUMS, plus, type Sums } from './sums.ts';

/** What the agents have told of a workload, over all its runs and clusters. The sums have no money: that is in `costs`. */
export interface WorkloadUse {
  readonly measured: Sums;
  /** By configured board power for time that agents should have measured and did not. */
  readonly estimated: Sums;
  /** The part of `estimated` that nothing can change any more. */
  readonly final: Sums;
  /** Of runs that are over. */
  readonly classes: Classes;
  /** Facility power in watts as it was measured last; absent: not all of it is measured now. */
  readonly drawWatts?: number;
  /** Money of each of the sums, by currency; '': not known, of books of before it was kept. */
  readonly costs: Readonly<Record<'measured' | 'estimated' | 'final', Money>>;
}

export const NO_USE: WorkloadUse = {
  ...{ measured: NO_SUMS, estimated: NO_SUMS, final: NO_SUMS, classes: NO_CLASSES },
  costs: { measured: NO_MONEY, estimated: NO_MONEY, final: NO_MONEY },
};

export const addUse = (a: WorkloadUse, b: WorkloadUse): WorkloadUse => ({
  measured: plus(a.measured, b.measured),
  estimated: plus(a.estimated, b.estimated),
  final: plus(a.final, b.final),
  classes: addClasses(a.classes, b.classes),
  costs: {
    measured: addMoney(a.costs.measured, b.costs.measured),
    estimated: addMoney(a.costs.estimated, b.costs.estimated),
    final: addMoney(a.costs.final, b.costs.final),
  },
});

/** @param currency of the book that the run is in */
export function withRun(use: WorkloadUse, run: RunBook, currency: string): WorkloadUse {
  const estimated = Object.values(run.silent).reduce((sum, { sums }) => plus(sum, sums), run.estimated);
  const noMoney = (sums: Sums): Sums => ({ ...sums, costMicros: 0 });
  return addUse(use, {
    ...{ measured: noMoney(run.measured), estimated: noMoney(estimated), final: noMoney(run.estimated) },
    classes: run.classes,
    costs: {
      measured: addMoney({ [currency]: run.measured.costMicros }, run.otherCosts),
      estimated: { [currency]: estimated.costMicros },
      final: { [currency]: run.estimated.costMicros },
    },
  });
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
