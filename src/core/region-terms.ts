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
      return facts.rates.costMicrosPerHour;
    case 'energy':
      return facts.rates.watts;
    case 'carbon':
      return facts.rates.carbonGramsPerHour;
    case 'wait':
      return facts.waitMs;
    case 'latency':
      return facts.latencyMs;
    case 'fragmentation':
      return facts.strandedBoards;
  }
}
