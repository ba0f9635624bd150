import { describe, expect, it } from 'vitest';
import { aHeldReplica, aServing } from '../../test/support/builders.ts';
import type { ModelServing, ModelServingStatus } from '../api/index.ts';
import { MemoryMetrics } from '../runtime/metrics.ts';
import { LifeMetrics } from '../workloads/life-metrics.ts';
import { tellAdmission, tellProgress } from './life.ts';

const OF = { queue: 'default', kind: 'ModelServing', priority_class: '' };
const at = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`;
const held = (replica: number, attempt: number, second: number, ending?: string) => ({
  ...aHeldReplica(replica, { attempt, admittedAt: at(second) }),
  ...(ending === undefined ? {} : { ending: { reason: ending, message: '', time: at(second) } }),
});
const withStatus = (status: ModelServingStatus): ModelServing => aServing({ status });

function told() {
  const metrics = new MemoryMetrics();
  const value = (family: string): [number, number] => [
    metrics.value(`${family}_count`, OF),
    metrics.value(`${family}_sum`, OF),
  ];
  const evicted = (reason: string): number => metrics.value('aidc_evictions_total', { reason });
  return { life: new LifeMetrics(metrics), value, evicted };
}

describe('what is told of the life of a serving', () => {
  it('waits from its creation to its first replica, once', () => {
    const { life, value } = told();
    tellAdmission(life, withStatus({}), { attempt: 1, admissions: [held(0, 1, 12)] });
    tellAdmission(life, withStatus({ attempt: 1 }), { attempt: 2, admissions: [held(0, 1, 12), held(1, 2, 40)] });
    expect(value('aidc_queue_wait_seconds')).toEqual([1, 12]);
  });

  it('is ready once, counted from the last replica it needed', () => {
    const { life, value } = told();
    const admissions = [held(0, 1, 10), held(1, 2, 20)];
    const before = withStatus({ attempt: 2, admissions });
    tellProgress(life, before, { attempt: 2, admissions, startTime: at(27) }, () => true);
    tellProgress(life, withStatus({ admissions, startTime: at(27) }), { admissions, startTime: at(27) }, () => true);
    expect(value('aidc_workload_ready_wait_seconds')).toEqual([1, 7]);
  });

  it('lost replicas: by what ended them, else by what became of their region', () => {
    const { life, evicted } = told();
    const before = withStatus({ admissions: [held(0, 1, 10, 'ScaledDown'), held(1, 2, 10), held(2, 3, 10)] });
    tellProgress(life, before, { admissions: [held(2, 3, 10)] }, () => true);
    expect([evicted('ScaledDown'), evicted('RegionLost')]).toEqual([1, 1]);
    tellProgress(life, withStatus({ admissions: [held(2, 3, 10)] }), { admissions: [] }, () => false);
    expect([evicted('ScaledDown'), evicted('RegionLost'), evicted('JobLost')]).toEqual([1, 1, 1]);
  });
});
