import { describe, expect, it } from 'vitest';
import { LifeMetrics } from '../workloads/life-metrics.ts';
import { PrometheusMetrics } from './metrics.ts';

const exposed = (metrics: PrometheusMetrics): Promise<string> =>
  metrics.expose((error) => {
    throw error;
  });

describe('a histogram', () => {
  it('has a series, empty, from when it is asked for, which asking again does not empty', async () => {
    const metrics = new PrometheusMetrics({ processMetrics: false });
    const family = () => metrics.histogram('aidc_x_seconds', 'X.', ['a', 'b'], [1]);
    family().labels({ a: '1', b: '2' });
    expect(await exposed(metrics)).toContain('aidc_x_seconds_count{a="1",b="2"} 0');
    family().labels({ a: '1', b: '2' }).observe(3);
    family().labels({ b: '2', a: '1' }).observe(4);
    expect(await exposed(metrics)).toContain('aidc_x_seconds_sum{a="1",b="2"} 7');
  });
});

describe('the series of a queue', () => {
  it('go with it, those of another stay', async () => {
    const metrics = new PrometheusMetrics({ processMetrics: false });
    const life = new LifeMetrics(metrics);
    const of = (queue: string) => ({ queue, kind: 'ModelTraining' as const, priorityClass: 'batch' });
    for (const queue of ['a', 'b']) {
      life.expects(of(queue));
      life.admitted(of(queue), 3000);
      life.ready(of(queue), 4);
      life.ran(of(queue), 50_000);
    }
    life.forget('a');
    const text = await exposed(metrics);
    expect(text).not.toContain('queue="a"');
    for (const family of ['queue_wait', 'workload_ready_wait', 'workload_execution']) {
      expect(text).toContain(`aidc_${family}_seconds_count{queue="b",kind="ModelTraining",priority_class="batch"} 1`);
    }
    // 1 s, then 2.5 s doubled: 16 buckets and that of all.
    expect(text.match(/^aidc_queue_wait_seconds_bucket/gm)).toHaveLength(17);
    expect(text).toContain('aidc_queue_wait_seconds_bucket{le="2560",queue="b"');
    expect(text).toContain('aidc_queue_wait_seconds_bucket{le="40960",queue="b"');
  });
});
