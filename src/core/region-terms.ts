import type { Weights } from './model.ts';
import type { Rates } from './money.ts';

/** A place where the gang fits, and what it costs there. */
export interface CandidateFacts {
  readonly cluster: string;
  readonly region: string;
  /** Type, or '' for CPU only. */
  readonly accelerator: string;
  readonly currency: string;
  readonly rates: Rates;
  /** How fast it runs there, in thousandths of the reference; undefined: not known. */
  readonly speedPermille: number | undefined;
  /** Until its pods are expected to run, in ms. */
  readonly waitMs: number;
  readonly strandedBoards: number;
  readonly latencyMs: number | undefined;
}

export interface Ranked<T extends CandidateFacts = CandidateFacts> {
  readonly facts: T;
  readonly scorePermille: number;
  /** Each term's 0..100 times its weight over the sum of weights. */
  readonly parts: Weights;
}

export const TERMS = ['cost', 'energy', 'carbon', 'wait', 'latency', 'fragmentation'] as const;
export type Term = (typeof TERMS)[number];

/** What the term measures; less is better. */
export function measure(term: Term, facts: CandidateFacts): number | undefined {
  switch (term) {
    case 'cost':
      return forWork(facts.rates.costMicrosPerHour, facts);
    case 'energy':
      return forWork(facts.rates.watts, facts);
    case 'carbon':
      return forWork(facts.rates.carbonGramsPerHour, facts);
    case 'wait':
      return facts.waitMs;
    case 'latency':
      return facts.latencyMs;
    case 'fragmentation':
      return facts.strandedBoards;
  }
}

/** What an hour at the speed of reference costs, run as fast as it goes there. */
const forWork = (perHour: number, { speedPermille }: CandidateFacts): number =>
  speedPermille === undefined ? perHour : (perHour * 1000) / speedPermille;

/** Speeds count where all are known: else nothing could be said of the others. */
export const comparable = <T extends CandidateFacts>(candidates: readonly T[]): readonly T[] =>
  candidates.some(({ speedPermille }) => speedPermille === undefined)
    ? candidates.map((facts) => ({ ...facts, speedPermille: undefined }))
    : candidates;
