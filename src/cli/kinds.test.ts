import { describe, expect, it } from 'vitest';
import { KINDS } from '../api/index.ts';
import * as hub from '../hub/index.ts';
import { CLUSTERS, parseReference, QUEUES, QUOTES, SERVINGS, SUBJECTS, type Subject, TRAININGS } from './kinds.ts';

const ALL: readonly Subject[] = ['training', 'serving', 'quote'];

describe('the kinds of the plugin', () => {
  it('are those of the API', () => {
    expect([TRAININGS, SERVINGS, QUOTES, QUEUES, CLUSTERS]).toEqual([
      ...[hub.TRAININGS, hub.SERVINGS, hub.QUOTES, hub.QUEUES, hub.REGIONAL_CLUSTERS],
    ]);
  });

  it('have all the words that kubectl takes', () => {
    for (const [subject, { resource }] of Object.entries(SUBJECTS)) {
      const kind = KINDS.find((one) => one.kind === resource.kind);
      for (const word of [kind?.plural, kind?.singular, ...(kind?.shortNames ?? []), kind?.kind]) {
        expect(parseReference(`${word}/chat`, ALL)).toEqual({ subject, name: 'chat' });
      }
    }
  });
});

describe('a reference', () => {
  it.each([
    ['chat', { name: 'chat' }],
    ['training/chat', { subject: 'training', name: 'chat' }],
    ['modelserving.aidc.dev/chat', { subject: 'serving', name: 'chat' }],
  ])('%s is understood', (text, expected) => {
    expect(parseReference(text, ALL)).toEqual(expected);
  });

  it.each([
    ['pod/chat', /pod\/chat is not understood: write NAME or training\/NAME, serving\/NAME, quote\/NAME/],
    ['training/a/b', /is not understood/],
    ['training/', /is no name of an object/],
    ['Chat_1', /is no name of an object/],
    ['', /is no name of an object/],
    ['modelserving.example.com/chat', /is not understood/],
  ])('%s is refused', (text, message) => {
    expect(() => parseReference(text, ALL)).toThrow(message);
  });

  it('is refused where the command does not know the kind', () => {
    expect(() => parseReference('quote/ask', ['training', 'serving'])).toThrow(/write NAME or training\/NAME/);
  });
});
