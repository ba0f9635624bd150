import { describe, expect, it } from 'vitest';
import { anAdmission, aTraining } from '../../test/support/builders.ts';
import { memberJob } from './desired.ts';

interface Job {
  spec: { template: { spec: { containers: { env: { name: string; value?: string }[] }[] } } };
}

const PLACE = { hubId: 'hub', region: 'zhongwei', datasets: { 'my-photos': 's3://photos' } };
const env = (training = aTraining(), attempt = 1): Record<string, string | undefined> => {
  const job = memberJob(training, anAdmission({ attempt }), PLACE) as Job;
  return Object.fromEntries((job.spec.template.spec.containers[0]?.env ?? []).map(({ name, value }) => [name, value]));
};

describe('what a run is told', () => {
  it('where its data are, by the name of the Dataset', () => {
    expect(env()).toMatchObject({ AIDC_DATASET_MY_PHOTOS: 's3://photos', AIDC_REGION: 'zhongwei' });
  });

  it('where to write checkpoints, and where the attempt before wrote them, also in another region', () => {
    const checkpoint = { uri: 's3://ckpt-{region}/chat/' };
    expect(env(aTraining({ spec: { checkpoint } }))).toMatchObject({
      AIDC_CHECKPOINT_DIR: 's3://ckpt-zhongwei/chat/attempt-1',
    });
    const record = {
      ...{ attempt: 1, region: 'guian', cluster: 'guian', endTime: '2026-01-01T00:00:00Z', endReason: 'NodeLost' },
      ...{ runningSeconds: 0, gpuSeconds: 0 },
    };
    const second = env(aTraining({ spec: { checkpoint }, status: { attempts: [record] } }), 2);
    expect(second).toMatchObject({
      AIDC_CHECKPOINT_DIR: 's3://ckpt-zhongwei/chat/attempt-2',
      AIDC_RESUME_FROM: 's3://ckpt-guian/chat/attempt-1',
    });
    expect(env(aTraining({ spec: { checkpoint } }))).not.toHaveProperty('AIDC_RESUME_FROM');
  });
});
