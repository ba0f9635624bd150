import { describe, expect, it } from 'vitest';
import { END_REASON, PENDING_REASON } from '../api/conditions.ts';
import { adviceFor, END_ADVICE, PENDING_ADVICE } from './advice.ts';

describe('what would help', () => {
  it('is one sentence for every reason of the closed sets, and no other', () => {
    expect(Object.keys(PENDING_ADVICE).sort()).toEqual(Object.values(PENDING_REASON).sort());
    expect(Object.keys(END_ADVICE).sort()).toEqual(Object.values(END_REASON).sort());
    const sentences = Object.values(PENDING_ADVICE);
    for (const sentence of [...sentences, ...Object.values(END_ADVICE)]) expect(sentence).toMatch(/^[A-Z].{10,}\.$/);
    expect(new Set(sentences).size).toBe(sentences.length);
  });

  it('is about waiting where a word is both a reason to wait and of an end', () => {
    expect(adviceFor('QueueHeld')).toBe(PENDING_ADVICE.QueueHeld);
    expect(adviceFor('NodeLost')).toBe(END_ADVICE.NodeLost);
    expect(adviceFor('ReachedMaxRestarts')).toContain('failurePolicy');
    expect(adviceFor('AllReady')).toBeUndefined();
    expect(adviceFor('toString')).toBeUndefined();
  });
});
