import { describe, expect, it } from 'vitest';
import { anAdmission, aTraining } from '../../test/support/builders.ts';
import type { AttemptRecord } from '../api/training-status.ts';
import { graceSeconds, memberJob } from './desired.ts';

interface Job {
  spec: { template: { spec: { containers: { env: { name: string; value?: string }[] }[] } } };
}

const PLACE = { hubId: 'hub', region: 'zhongwei', datasets: { 'my-photos': 's3://photos' } };
const env = (training = aTraining(), attempt = 1): Record<string, string | undefined> => {
  const job = memberJob(training, anAdmission({ attempt }), PLACE) as Job;
  return Object.fromEntries((job.spec.template.spec.containers[0]?.env ?? []).map(({ name, value }) => [name, value]));
};

describe('the Job of an attempt', () => {
  it('ends itself without word from the hub where it may be placed elsewhere then, and only there', () => {
    const seconds = (admission = anAdmission()) =>
      (memberJob(aTraining(), admission, PLACE) as { spec: { activeDeadlineSeconds?: number } }).spec
        .activeDeadlineSeconds;
    expect(seconds()).toBeUndefined();
    expect(seconds(anAdmission({ relocateAfterSeconds: 600 }))).toBe(600);
  });

  it('asks for what the device plugin wants to know of each unit, beside the units', () => {
    const admission = anAdmission({
      resourceName: 'nvidia.com/gpu',
      gpusPerNode: 2,
      resourcesPerUnit: { 'nvidia.com/gpumem': 20_480, 'nvidia.com/gpucores': 25 },
    });
    const job = memberJob(aTraining(), admission, PLACE) as unknown as {
      spec: { template: { spec: { containers: { resources: Record<string, Record<string, string>> }[] } } };
    };
    const asked = { 'nvidia.com/gpu': '2', 'nvidia.com/gpumem': '20480', 'nvidia.com/gpucores': '25' };
    const { resources } = job.spec.template.spec.containers[0] ?? {};
    expect(resources).toMatchObject({ limits: asked, requests: asked });
  });

  it('tells the agents of its nodes which power cap it asks for, if any', () => {
    const annotation = (energy: object) => {
      const job = memberJob(aTraining({ spec: { energy } }), anAdmission(), PLACE);
      const { annotations } = (job as { spec: { template: { metadata: { annotations: Record<string, string> } } } })
        .spec.template.metadata;
      return annotations['aidc.dev/gpu-power-cap'];
    };
    expect(annotation({})).toBeUndefined();
    expect(annotation({ powerCap: 'Auto' })).toBe('Auto');
    expect(annotation({ powerCap: 'Fixed', gpuPowerCapWatts: 300 })).toBe('300');
  });

  it('gives pods the grace that the hub waits for', () => {
    expect(graceSeconds(aTraining())).toBe(30);
    const template = { podTemplate: { spec: { terminationGracePeriodSeconds: 5 } } };
    const trainer = { image: 'train:1', numNodes: 2, ...template };
    expect(graceSeconds(aTraining({ spec: { trainer } }))).toBe(5);
    const checkpoint = { uri: 's3://ckpt', graceSeconds: 120 };
    expect(graceSeconds(aTraining({ spec: { trainer, checkpoint } }))).toBe(120);
    const longer = { ...trainer, podTemplate: { spec: { terminationGracePeriodSeconds: 600 } } };
    expect(graceSeconds(aTraining({ spec: { trainer: longer, checkpoint } }))).toBe(600);
  });
});

const TIME = '2026-01-01T00:00:00Z';
const record = (attempt: number, over: Partial<AttemptRecord> = {}): AttemptRecord => ({
  ...{ attempt, region: 'guian', cluster: 'guian', endTime: TIME, endReason: 'NodeLost' },
  ...{ runningSeconds: 0, gpuSeconds: 0, ...over },
});

describe('what a run is told', () => {
  it('where its data are, by the name of the Dataset', () => {
    expect(env()).toMatchObject({ AIDC_DATASET_MY_PHOTOS: 's3://photos', AIDC_REGION: 'zhongwei' });
  });

  it('where to write checkpoints, and where the attempt before wrote them, also in another region', () => {
    const checkpoint = { uri: 's3://ckpt-{region}/chat/' };
    expect(env(aTraining({ spec: { checkpoint } }))).toMatchObject({
      AIDC_CHECKPOINT_DIR: 's3://ckpt-zhongwei/chat/attempt-1',
    });
    const second = env(aTraining({ spec: { checkpoint }, status: { attempts: [record(1, { startTime: TIME })] } }), 2);
    expect(second).toMatchObject({
      AIDC_CHECKPOINT_DIR: 's3://ckpt-zhongwei/chat/attempt-2',
      AIDC_RESUME_FROM: 's3://ckpt-guian/chat/attempt-1',
    });
    expect(env(aTraining({ spec: { checkpoint } }))).not.toHaveProperty('AIDC_RESUME_FROM');
  });

  it('where to go on: not from attempts that never ran, nor from ones without a checkpoint where others have some', () => {
    const resumes = (...attempts: AttemptRecord[]): string | undefined => {
      const training = aTraining({ spec: { checkpoint: { uri: 's3://ckpt' } }, status: { attempts } });
      return env(training, attempts.length + 1).AIDC_RESUME_FROM;
    };
    const [ran, said] = [{ startTime: TIME }, { startTime: TIME, checkpointTime: TIME }];
    expect(resumes(record(1))).toBeUndefined();
    expect(resumes(record(1, ran), record(2))).toBe('s3://ckpt/attempt-1');
    expect(resumes(record(1, ran), record(2, ran), record(3))).toBe('s3://ckpt/attempt-2');
    expect(resumes(record(1, said), record(2, ran))).toBe('s3://ckpt/attempt-1');
    expect(resumes(record(1, said), record(2, said), record(3, ran))).toBe('s3://ckpt/attempt-2');
  });
});
