import { describe, expect, it } from 'vitest';
import { anAdmit, aTraining } from '../../test/support/builders.ts';
import type { ModelTraining } from '../api/index.ts';
import { MemoryMetrics } from '../runtime/metrics.ts';
import { LifeMetrics } from '../workloads/life-metrics.ts';
import { evaluate, type TrainingContext } from './evaluate.ts';
import { tellAdmission, tellProgress } from './life.ts';
import { admittedStatus, deriveStatus, type Sight } from './status.ts';

const T0 = Date.parse('2026-01-01T00:00:00Z');
const context: TrainingContext = {
  queue: 'team-a',
  priority: 0,
  dataset: () => undefined,
  declared: [],
  excluded: [],
};
const OF = { queue: 'team-a', kind: 'ModelTraining', priority_class: 'batch' };
const up = { bind: [], ready: 2, allReady: true, active: 2 };
const down = { ...up, ready: 1, allReady: false };
const end = (reason: 'Preempted' | 'Succeeded') => ({ reason, message: 'it did', avoid: [] });

/** A training whose status is stored as it is derived, with what is told of it. */
class Story {
  readonly metrics = new MemoryMetrics();
  readonly life = new LifeMetrics(this.metrics);
  training: ModelTraining = aTraining({ spec: { priorityClassName: 'batch' } });

  look(seconds: number, over: Partial<Sight> = {}): this {
    const sight: Sight = {
      nowMs: T0 + seconds * 1000,
      evaluation: evaluate(this.training, context),
      honoured: { type: 'SpecHonoured', status: 'True', reason: 'Honoured', message: 'ok' },
      tenant: 'team',
      placed: this.training.status?.admission !== undefined,
      gone: false,
      avoidMs: 600_000,
      ...over,
    };
    const status = deriveStatus(this.training, sight);
    tellProgress(this.life, this.training, status);
    this.training = { ...this.training, status };
    return this;
  }

  admit(seconds: number, region = 'guian'): this {
    const evaluation = evaluate(this.training, context);
    if (evaluation.workload === undefined) throw new Error('nothing to admit');
    const admit = anAdmit({ ...evaluation.workload, queue: 'team-a' }, { region });
    const status = admittedStatus(this.training, admit, evaluation, 7, 'team', T0 + seconds * 1000);
    tellAdmission(this.life, this.training, status);
    this.training = { ...this.training, status };
    return this;
  }

  /** Count and sum. */
  told(family: string): [number, number] {
    return [this.metrics.value(`${family}_count`, OF), this.metrics.value(`${family}_sum`, OF)];
  }
}

describe('what is told of the life of a training', () => {
  it('waits from its creation to the first admission, once', () => {
    const story = new Story().look(1).admit(70);
    expect(story.told('aidc_queue_wait_seconds')).toEqual([1, 70]);
    story
      .look(80, { view: up })
      .look(90, { end: end('Preempted') })
      .look(95, { gone: true })
      .admit(100);
    expect(story.told('aidc_queue_wait_seconds')).toEqual([1, 70]);
  });

  it('is ready once an attempt, also when its pods fall back and come up again', () => {
    const story = new Story().look(1).admit(70).look(75, { view: down }).look(82, { view: up });
    story.look(90, { view: down }).look(95, { view: up });
    expect(story.told('aidc_workload_ready_wait_seconds')).toEqual([1, 12]);
    story
      .look(96, { end: end('Preempted') })
      .look(97, { gone: true })
      .admit(100)
      .look(103, { view: up });
    expect(story.told('aidc_workload_ready_wait_seconds')).toEqual([2, 15]);
  });

  it('counts no wait in which its region did not answer', () => {
    const story = new Story().look(1).admit(70).look(75, { unreachable: 'silent' }).look(300, { view: up });
    expect(story.told('aidc_workload_ready_wait_seconds')).toEqual([0, 0]);
  });

  it('ran, and why it ended: when the attempt is over, not while it is being removed', () => {
    const evicted = (reason: string): number => story.metrics.value('aidc_evictions_total', { reason });
    const story = new Story()
      .look(1)
      .admit(70)
      .look(80, { view: up })
      .look(200, { end: end('Preempted') });
    expect(evicted('Preempted')).toBe(0);
    story.look(210).look(220, { gone: true }).look(221);
    expect(story.told('aidc_workload_execution_seconds')).toEqual([1, 120]);
    expect(evicted('Preempted')).toBe(1);
    story
      .admit(300)
      .look(310, { view: up })
      .look(360, { end: end('Succeeded') })
      .look(361);
    expect(story.told('aidc_workload_execution_seconds')).toEqual([2, 170]);
    expect(story.training.status?.phase).toBe('Succeeded');
    expect(evicted('Succeeded')).toBe(0);
    expect(evicted('Preempted')).toBe(1);
  });

  it('moved, when its next attempt is admitted in another region', () => {
    const again = (story: Story, seconds: number) =>
      story.look(seconds, { end: end('Preempted') }).look(seconds, { gone: true });
    const moved = (): number =>
      story.metrics.value('aidc_migrations_total', { from_region: 'guian', to_region: 'zhongwei' });
    const story = new Story().look(1).admit(70);
    again(story, 80).admit(90);
    again(story, 91).admit(92, 'zhongwei');
    expect(moved()).toBe(1);
    again(story, 93).admit(94, 'zhongwei');
    expect(moved()).toBe(1);
  });

  it('is not told again by a leader that starts later', () => {
    const story = new Story().look(1).admit(70).look(80, { view: up });
    const later = new Story();
    later.training = story.training;
    later.look(90, { view: up }).look(400, { view: up });
    for (const family of ['queue_wait', 'workload_ready_wait', 'workload_execution']) {
      expect(later.told(`aidc_${family}_seconds`), family).toEqual([0, 0]);
    }
  });
});
