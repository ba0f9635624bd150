/** Every policy on one trace. */
import { Fifo, srsf, srtf, Tiresias } from './baselines.ts';
import type { Policy } from './engine.ts';
import { replay } from './engine.ts';
import { Ours } from './ours.ts';
import type { Trace } from './trace.ts';

export const POLICIES = ['FIFO', 'SRTF', 'SRSF', 'Tiresias', 'ours', 'oursProgress'] as const;
export type PolicyName = (typeof POLICIES)[number];

/** In seconds. */
export interface Figures {
  readonly avgJct: number;
  readonly p99Jct: number;
  readonly makespan: number;
  readonly preemptionsPerJob: number;
}

export type Report = Readonly<Record<PolicyName, Figures>>;

const NEW: Readonly<Record<PolicyName, () => Policy>> = {
  FIFO: () => new Fifo(),
  SRTF: srtf,
  SRSF: srsf,
  Tiresias: () => new Tiresias(),
  ours: () => new Ours(false),
  oursProgress: () => new Ours(true),
};

/** Each pool is a cluster of its own; the figures are of all jobs. */
export function figuresOf(trace: Trace, policy: PolicyName): Figures {
  const jct: number[] = [];
  let [makespan, preemptions] = [0, 0];
  for (const [pool, nodes] of trace.nodes) {
    const outcome = replay(
      trace.jobs.filter((job) => job.pool === pool),
      nodes,
      NEW[policy](),
    );
    jct.push(...outcome.jct);
    makespan = Math.max(makespan, outcome.makespan);
    preemptions += outcome.preemptions;
  }
  const sorted = jct.sort((a, b) => a - b);
  return {
    avgJct: round(sorted.reduce((sum, seconds) => sum + seconds, 0) / sorted.length),
    // As the published figures count it.
    p99Jct: round(sorted[Math.floor(0.99 * sorted.length)] ?? 0),
    makespan: round(makespan),
    preemptionsPerJob: round(preemptions / sorted.length),
  };
}

export const report = (trace: Trace): Report =>
  Object.fromEntries(POLICIES.map((policy) => [policy, figuresOf(trace, policy)])) as Record<PolicyName, Figures>;

const round = (value: number): number => Number(value.toFixed(3));
