export * from './accrual.ts';
export * from './classes.ts';
export * from './cluster-book.ts';
export { type EnergyFacts, energyFactsOf } from './facts.ts';
export * from './money.ts';
export { bookedKey, type NodeBook } from './node-book.ts';
export type * from './report.ts';
export { listOf, NO_SUMS, plus, type Sums, sumsOf } from './sums.ts';
export * from './workload-use.ts';
