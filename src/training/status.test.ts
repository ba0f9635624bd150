import { describe, expect, it } from 'vitest';
import { anAdmission, anAdmit, aTraining } from '../../test/support/builders.ts';
import type { ModelTraining, ModelTrainingStatus } from '../api/index.ts';
import { evaluate, type TrainingContext } from './evaluate.ts';
import { admittedStatus, deriveStatus, type Sight } from './status.ts';

const T0 = Date.parse('2026-01-01T00:00:00Z');
const context: TrainingContext = {
  queue: 'default',
  priority: 0,
  dataset: () => undefined,
  declared: [],
  excluded: [],
};

const sight = (training: ModelTraining, over: Partial<Sight> = {}): Sight => ({
  nowMs: T0 + 60_000,
  evaluation: evaluate(training, context),
  honoured: { type: 'SpecHonoured', status: 'True', reason: 'Honoured', message: 'ok' },
  tenant: 'team',
  placed: false,
  gone: false,
  avoidMs: 600_000,
  ...over,
});

/** Applies one look at the world after the other, as the reconciler does. */
function step(training: ModelTraining, over: Partial<Sight> = {}): ModelTraining {
  return { ...training, status: deriveStatus(training, sight(training, over)) };
}

function admitted(training = aTraining()): ModelTraining {
  const queued = step(training);
  const { workload, shapeHash } = evaluate(queued, context);
  if (workload === undefined) throw new Error('nothing to admit');
  expect(shapeHash).toMatch(/^[0-9a-f]+$/);
  const status = admittedStatus(queued, anAdmit(workload), evaluate(queued, context), 7, 'team', T0 + 70_000);
  return { ...queued, status };
}

const running = (training = admitted()): ModelTraining =>
  step(training, { nowMs: T0 + 80_000, placed: true, view: { bind: [], ready: 2, allReady: true, active: 2 } });

const condition = (status: ModelTrainingStatus | undefined, type: string) =>
  status?.conditions?.find((entry) => entry.type === type);

describe('deriveStatus', () => {
  it('fails a training that waited past its deadline and holds nothing', () => {
    const training = aTraining({ spec: { preRunningDeadlineSeconds: 30 } });
    const late = { reason: 'PreRunningDeadlineExceeded', message: 'it did not run within 30 s of its creation' };
    const failed = step(training, { overdue: late });
    expect(failed.status).toMatchObject({ phase: 'Failed', completionTime: '2026-01-01T00:01:00Z' });
    expect(condition(failed.status, 'Failed')).toMatchObject({ status: 'True', ...late });
    expect(condition(failed.status, 'Admitted')).toMatchObject({ status: 'False', reason: 'Finished' });
  });

  it('says why it waits, and rewrites the sentence only when the reason changes', () => {
    const waiting = step(aTraining(), { waiting: { reason: 'InsufficientGPU', message: 'short 8' } });
    expect(waiting.status).toMatchObject({ phase: 'Queued', display: { reason: 'InsufficientGPU' } });
    const again = step(waiting, { waiting: { reason: 'InsufficientGPU', message: 'short 7' }, nowMs: T0 + 99_000 });
    expect(again.status).toEqual(waiting.status);
    const other = step(again, { waiting: { reason: 'QuotaExceeded', message: 'quota' } });
    expect(condition(other.status, 'Admitted')).toMatchObject({
      status: 'False',
      reason: 'QuotaExceeded',
      message: 'quota',
    });
  });

  it('stays Pending while the spec cannot be honoured', () => {
    const bad = step(aTraining(), {
      honoured: { type: 'SpecHonoured', status: 'False', reason: 'FieldRefused', message: 'hostPath' },
    });
    expect(bad.status?.phase).toBe('Pending');
    expect(condition(bad.status, 'Admitted')).toMatchObject({ reason: 'SpecNotHonoured', message: 'hostPath' });
  });

  it('goes Binding, Starting, Running, Succeeded with a true clock and a closed bill', () => {
    const binding = admitted();
    expect(binding.status).toMatchObject({ phase: 'Binding', attempt: 1, times: { queuedSeconds: 70 } });
    const starting = step(binding, {
      nowMs: T0 + 72_000,
      placed: true,
      view: { bind: [], ready: 0, allReady: false, active: 2 },
    });
    expect(starting.status?.phase).toBe('Starting');
    const run = running(starting);
    expect(run.status).toMatchObject({
      phase: 'Running',
      startTime: '2026-01-01T00:01:20Z',
      display: { gpus: '16/16', nodes: '2/2' },
    });
    const done = step(run, {
      nowMs: T0 + 180_000,
      placed: true,
      end: { reason: 'Succeeded', message: 'all pods succeeded', avoid: [] },
    });
    expect(done.status).toMatchObject({
      phase: 'Succeeded',
      completionTime: '2026-01-01T00:03:00Z',
      times: { queuedSeconds: 70, startingSeconds: 10, runningSeconds: 100 },
    });
    expect(done.status?.admission).toBeUndefined();
    expect(done.status?.attempts).toMatchObject([
      { attempt: 1, endReason: 'Succeeded', runningSeconds: 100, gpuSeconds: 110 * 16 },
    ]);
    expect(condition(done.status, 'Complete')?.status).toBe('True');
    expect(condition(done.status, 'Failed')).toBeUndefined();
  });

  it('keeps the nodes until an ended attempt is confirmed gone, then waits out the backoff', () => {
    const lost = step(running(), {
      nowMs: T0 + 100_000,
      placed: true,
      end: {
        reason: 'NodeLost',
        message: 'node gpu-2 not ready',
        avoid: [{ node: 'gpu-2', reason: 'NodeLost', bootId: 'b' }],
      },
    });
    expect(lost.status).toMatchObject({
      phase: 'Recovering',
      ending: { reason: 'NodeLost' },
      avoid: [{ node: 'gpu-2', bootId: 'b' }],
    });
    expect(lost.status?.admission).toBeDefined();
    const gone = step(lost, { nowMs: T0 + 110_000, placed: true, gone: true });
    expect(gone.status).toMatchObject({
      phase: 'Queued',
      restarts: { infra: 1, application: 0, free: 0 },
      nextAttemptTime: '2026-01-01T00:02:20Z',
    });
    expect(gone.status?.admission).toBeUndefined();
    expect(gone.status?.ending).toBeUndefined();
    expect(condition(gone.status, 'Placed')?.status).toBe('False');
    // It ran from 80 s on; that its nodes were held until 110 s is not running.
    expect(gone.status?.attempts).toMatchObject([
      { endReason: 'NodeLost', startTime: '2026-01-01T00:01:20Z', runningSeconds: 20, endTime: '2026-01-01T00:01:40Z' },
    ]);
  });

  it('is scheduled by the class of its model', () => {
    const of = (name: 'LLM' | 'Weather') =>
      evaluate(aTraining({ spec: { model: { name: 'm', class: name } } }), context);
    expect([of('LLM').workload?.modelClass, of('Weather').workload?.modelClass]).toEqual(['LLM', 'Weather']);
    // Speeds differ, so the choice of one is no answer for the other; what is asked of nodes is the same.
    expect(of('LLM').workload?.classKey).not.toBe(of('Weather').workload?.classKey);
    expect(of('LLM').shapeHash).toBe(of('Weather').shapeHash);
  });

  it('remembers the nodes of an attempt until the next one is admitted, and of the last one no longer', () => {
    const lost = { reason: 'NodeLost' as const, message: 'node gpu-2 not ready', avoid: [] };
    const gone = step(step(running(), { placed: true, end: lost }), { placed: true, gone: true });
    const { cluster, assignment } = running().status?.admission ?? {};
    expect(gone.status?.previousAssignment).toEqual({ cluster, assignment });
    expect(evaluate(gone, context).workload).toMatchObject({ previous: { cluster, nodes: ['gpu-1', 'gpu-2'] } });
    expect(evaluate(gone, context).workload?.classKey).toBe(evaluate(admitted(), context).workload?.classKey);
    const again = admitted(gone);
    expect(again.status?.previousAssignment).toBeUndefined();
    const done = { reason: 'Succeeded' as const, message: 'all pods succeeded', avoid: [] };
    expect(step(running(again), { placed: true, end: done }).status?.previousAssignment).toBeUndefined();
  });

  it('does not count a bind conflict against any limit and waits for nothing', () => {
    const conflict = step(running(), {
      placed: true,
      end: { reason: 'BindConflict', message: 'x', avoid: [{ node: 'gpu-1', reason: 'BindConflict' }] },
    });
    const gone = step(conflict, { placed: true, gone: true });
    expect(gone.status).toMatchObject({ phase: 'Queued', restarts: { infra: 0, application: 0, free: 1 } });
    expect(gone.status?.nextAttemptTime).toBeUndefined();
  });

  it('fails for good after the last error restart, keeping the Job for its logs', () => {
    const training = aTraining({ spec: { failurePolicy: { maxErrorRestarts: 0 } } });
    const failed = step(running(admitted(training)), {
      placed: true,
      end: { reason: 'AppFailed', message: 'pod run-1-0 exited with code 3', avoid: [] },
    });
    expect(failed.status).toMatchObject({ phase: 'Failed', display: { reason: 'AppFailed' } });
    expect(failed.status?.ending).toBeUndefined();
    expect(condition(failed.status, 'Failed')).toMatchObject({
      status: 'True',
      message: 'pod run-1-0 exited with code 3',
    });
  });

  it('is Suspended only once nothing is held', () => {
    const asked = { ...running(), spec: { ...running().spec, suspend: true } };
    const stopping = step(asked, {
      placed: true,
      end: { reason: 'Suspended', message: 'spec.suspend is true', avoid: [] },
    });
    expect(stopping.status?.phase).toBe('Suspending');
    expect(condition(stopping.status, 'Suspended')?.status).toBe('False');
    const stopped = step(stopping, { placed: true, gone: true });
    expect(stopped.status?.phase).toBe('Suspended');
    expect(condition(stopped.status, 'Suspended')?.status).toBe('True');
    expect(stopped.status?.restarts).toEqual({ infra: 0, application: 0, free: 0 });
  });

  it('keeps what it knew while the member does not answer', () => {
    const blind = step(running(), { unreachable: 'guian does not answer', nowMs: T0 + 90_000 });
    expect(blind.status?.phase).toBe('Running');
    expect(condition(blind.status, 'PodsReady')).toMatchObject({ status: 'Unknown', reason: 'ClusterUnreachable' });
  });

  it('writes nothing when nothing changed', () => {
    const run = running();
    const again = step(run, {
      nowMs: T0 + 85_000,
      placed: true,
      view: { bind: [], ready: 2, allReady: true, active: 2 },
    });
    expect(again.status).toEqual(run.status);
  });

  it('bills at transitions and every five minutes, each second once', () => {
    const meter = {
      facts: {
        accelerators: [
          { type: 'H100', resourceName: 'nvidia.com/gpu', nodeSelector: {}, boardWatts: 700, gpuHourMicros: 3_600_000 },
        ],
        currency: 'CNY',
        timezone: 'Asia/Shanghai',
        tariff: [{ months: [], hours: [], pricePerKWhMicros: 0 }],
        puePermille: 1000,
        gramsPerKWh: 1000,
        greenPowerPermille: 0,
        nodeOverheadWatts: 0,
      },
      holding: { accelerator: 'H100', gpus: 16, nodeShare: 2 },
    };
    const seen = { placed: true, view: { bind: [], ready: 2, allReady: true, active: 2 }, meter };
    const run = step(admitted(), { ...seen, nowMs: T0 + 80_000 });
    expect(run.status?.usage).toMatchObject({ gpuSeconds: 160, facilityJoules: 16 * 700 * 10, source: 'Estimate' });
    const early = step(run, { ...seen, nowMs: T0 + 200_000 });
    expect(early.status?.usage).toEqual(run.status?.usage);
    const later = step(early, { ...seen, nowMs: T0 + 400_000 });
    expect(later.status?.usage).toMatchObject({ gpuSeconds: 330 * 16, costMicros: 330 * 16 * 1000 });
    const done = step(later, { ...seen, nowMs: T0 + 430_000, end: { reason: 'Succeeded', message: '', avoid: [] } });
    expect(done.status?.usage).toMatchObject({ gpuSeconds: 360 * 16, facilityJoules: 360 * 16 * 700 });
  });

  it('never moves a terminal condition', () => {
    const done = step(running(), { placed: true, end: { reason: 'Succeeded', message: 'all', avoid: [] } });
    const after = step(done, { nowMs: T0 + 500_000, waiting: { reason: 'QueueHeld', message: 'x' } });
    expect(after.status?.phase).toBe('Succeeded');
    expect(condition(after.status, 'Complete')).toEqual(condition(done.status, 'Complete'));
  });
});

describe('an admission', () => {
  it('is complete: everything a restart needs is in it', () => {
    const { status } = admitted();
    expect(Object.keys(status?.admission ?? {}).sort()).toEqual(Object.keys(anAdmission()).sort());
    expect(status?.admission).toMatchObject({ epoch: 7, attempt: 1, assignment: 'gpu-[1-2]:1' });
  });
});

describe('its columns', () => {
  const place = { position: '3', wait: '~01-01 08:00Z' };

  it('tell its place while it waits, and then how long it waited', () => {
    const waiting = step(aTraining(), { place });
    expect(waiting.status?.display).toMatchObject(place);
    const held = admitted(waiting);
    expect(held.status?.display).toMatchObject({ wait: '70s', gpus: '0/16', nodes: '0/2', accelerator: 'H100' });
    expect(held.status?.display).not.toHaveProperty('position');
    expect(held.status?.display).not.toHaveProperty('reason');
    expect(running(held).status?.display?.wait).toBe('70s');
    const suspended = { ...waiting, spec: { ...waiting.spec, suspend: true } };
    expect(step(suspended, { place }).status?.display).not.toHaveProperty('position');
  });

  it('tell its progress, and again its place when it waits again', () => {
    const run = running();
    const far = step(run, { nowMs: T0 + 280_000, placed: true, progress: { percent: 40 } });
    expect(far.status).toMatchObject({
      display: { progress: '40%' },
      trainerStatus: { progressPercentage: 40, estimatedRemainingSeconds: 300 },
    });
    const end = { reason: 'PodLost' as const, message: 'gone', avoid: [] };
    const [checkpointMs, nowMs] = [T0 + 285_000, T0 + 290_000];
    const lost = step(far, { nowMs, placed: true, end, checkpointMs, progress: { percent: 42 } });
    // With the end of the attempt goes its last word.
    expect(lost.status?.trainerStatus?.progressPercentage).toBe(42);
    const again = step(lost, { nowMs: T0 + 300_000, gone: true, place });
    expect(again.status).toMatchObject({ phase: 'Queued', display: { ...place, progress: '42%' } });
    const anew = step(step(far, { nowMs, placed: true, end }), { nowMs: T0 + 300_000, gone: true });
    expect(anew.status?.display).not.toHaveProperty('progress');
    expect(anew.status).not.toHaveProperty('trainerStatus');
  });
});
