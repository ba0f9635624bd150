import type { Filtered, Offer } from '../api/index.ts';
import type { Snapshot, Workload } from './model.ts';

export interface QuoteAsk {
  readonly runtimeSeconds: number;
  readonly limits: {
    readonly maxCostMicros?: number | undefined;
    readonly maxWattHours?: number | undefined;
    readonly maxCarbonGrams?: number | undefined;
  };
}

export interface QuoteAnswer {
  /** Best first, at most 16. */
  readonly offers: Offer[];
  readonly shortfalls: Filtered[];
}

export function quote(_workload: Workload, _ask: QuoteAsk, _snapshot: Snapshot, _now: number): QuoteAnswer {
  throw new Error('not implemented');
}
