import { describe, expect, it } from 'vitest';
import { templateProblems } from './pod-template.ts';

const training = (spec: object): string[] => templateProblems({ spec }, 'podTemplate', 'trainer', false);
const serving = (spec: object): string[] =>
  templateProblems({ spec: { containers: [{ name: 'main', image: 'serve:1' }], ...spec } }, 'template', 'main', true);

describe('templateProblems', () => {
  it('finds none in what can be obeyed', () => {
    expect(training({ nodeSelector: { disk: 'ssd' }, volumes: [{ name: 'a', emptyDir: {} }] })).toEqual([]);
    expect(training({ restartPolicy: 'Never', automountServiceAccountToken: false, affinity: {} })).toEqual([]);
    expect(training({ containers: [{ name: 'trainer', env: [{ name: 'HOME', value: '/' }] }] })).toEqual([]);
    expect(serving({ restartPolicy: 'Always' })).toEqual([]);
  });

  it.each([
    [{ affinity: { nodeAfinity: {} } }, 'podTemplate.spec.affinity.nodeAfinity is not a field of an affinity.'],
    [{ automountServiceAccountToken: true }, /automountServiceAccountToken is refused/],
    [{ restartPolicy: 'OnFailure' }, /restartPolicy is refused/],
    [{ containers: [{ name: 'trainer', image: 'other:1' }] }, /image is refused: set spec.trainer.image/],
    [{ containers: [{ name: 'trainer', env: [{ name: 'PET_NNODES', value: '1' }] }] }, /env PET_NNODES is refused/],
  ])('refuses what would be dropped or written over: %j', (spec, sentence) => {
    expect(training(spec)).toEqual([typeof sentence === 'string' ? sentence : expect.stringMatching(sentence)]);
  });

  it('leaves the other containers alone', () => {
    const sidecar = { name: 'logs', image: 'logs:1', env: [{ name: 'AIDC_REGION', value: 'x' }] };
    expect(training({ containers: [sidecar] })).toEqual([]);
    expect(serving({ containers: [{ name: 'main', image: 'serve:1' }, sidecar] })).toEqual([]);
  });
});
