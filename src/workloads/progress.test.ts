import { expect, it } from 'vitest';
import type { MemberPod } from '../regions/index.ts';
import { toldProgress } from './progress.ts';

const pod = (attempt: number, progress?: string, remaining?: string): MemberPod =>
  ({
    metadata: {
      labels: { 'aidc.dev/attempt': String(attempt) },
      annotations: {
        ...(progress === undefined ? {} : { 'aidc.dev/progress': progress }),
        ...(remaining === undefined ? {} : { 'aidc.dev/remaining-seconds': remaining }),
      },
    },
  }) as unknown as MemberPod;

it('is that of the slowest pod that tells, of the present attempt', () => {
  const pods = [pod(2, '40', '60'), pod(2, '38.5', '90'), pod(2), pod(2, 'soon'), pod(1, '1', '9000')];
  expect(toldProgress(pods, 2)).toEqual({ percent: 38.5, remainingSeconds: 90 });
  expect(toldProgress(pods, 1)).toEqual({ percent: 1, remainingSeconds: 9000 });
});

it('is nothing where none tells', () => {
  expect(toldProgress([pod(1), pod(1, '101', 'x')], 1)).toBeUndefined();
  expect(toldProgress([], 1)).toBeUndefined();
});
