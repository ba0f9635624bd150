import type { PreemptionRule } from '../api/index.ts';
import type { Victim } from '../core/model.ts';
import type { RuntimeMetrics } from '../runtime/metrics.ts';

/** Durations from 1 ms, doubling 15 times. */
const CYCLE_BUCKETS = Array.from({ length: 15 }, (_, power) => 0.001 * 2 ** power);

const REASONS = { WithinQueue: 'within_queue', Reclaim: 'reclaim', Borrow: 'borrow' } as const satisfies Record<
  PreemptionRule,
  string
>;

/** The scheduler's own series; queue and workload series are read from the stores at scrape. */
export function schedulerMetrics(metrics: RuntimeMetrics) {
  const attempts = metrics.counter('aidc_scheduling_attempts_total', 'Decisions about a workload by result.', [
    'result',
  ]);
  const preempted = metrics.counter(
    'aidc_preemptions_total',
    'Trainings and replicas chosen to make room for one of the queue; reason: within_queue, reclaim (of its own, from who borrowed it), borrow (in order to borrow).',
    ['queue', 'reason'],
  );
  const cycle = metrics
    .histogram('aidc_scheduling_cycle_duration_seconds', 'Duration of a scheduling cycle.', [], CYCLE_BUCKETS)
    .labels({});
  const stored = metrics
    .histogram(
      'aidc_scheduling_attempt_duration_seconds',
      'From the start of a cycle to the stored admission, for each workload that it admits.',
      [],
      CYCLE_BUCKETS,
    )
    .labels({});
  return {
    storedSeconds: (seconds: number) => stored.observe(seconds),
    attempt: (result: 'bound' | 'unschedulable' | 'error') => attempts.labels({ result }).inc(),
    preempted: (queue: string, victims: readonly Pick<Victim, 'rule'>[]) => {
      for (const [rule, reason] of Object.entries(REASONS)) {
        preempted.labels({ queue, reason }).inc(victims.filter((victim) => victim.rule === rule).length);
      }
    },
    /** The queue is gone. */
    forget: (queue: string) => {
      for (const reason of Object.values(REASONS)) preempted.remove?.({ queue, reason });
    },
    cycleSeconds: (seconds: number) => cycle.observe(seconds),
  };
}
