import { describe, expect, it } from 'vitest';
import { type Identity, judgeIdentity } from './identity.ts';

const one = (name: string, over: Partial<Identity> = {}): Identity => ({
  name,
  createdAt: '2026-01-01T00:00:00Z',
  recorded: undefined,
  seen: undefined,
  ...over,
});
const later = '2026-01-02T00:00:00Z';

describe('judgeIdentity', () => {
  it.each<[string, Identity, Identity[], string | undefined]>([
    ['nothing seen yet', one('a', { recorded: 'u1' }), [], undefined],
    ['alone', one('a', { seen: 'u1' }), [one('b', { seen: 'u2' })], undefined],
    ['as recorded', one('a', { seen: 'u1', recorded: 'u1' }), [], undefined],
    ['another than recorded', one('a', { seen: 'u2', recorded: 'u1' }), [], 'ClusterIdentityChanged'],
    ['the younger of two', one('a', { seen: 'u', createdAt: later }), [one('b', { seen: 'u' })], 'DuplicateCluster'],
    ['the older of two', one('b', { seen: 'u' }), [one('a', { seen: 'u', createdAt: later })], undefined],
    ['same second, later name', one('b', { seen: 'u' }), [one('a', { seen: 'u' })], 'DuplicateCluster'],
    ['same second, earlier name', one('a', { seen: 'u' }), [one('b', { seen: 'u' })], undefined],
    [
      'the older one is away, but recorded',
      one('a', { seen: 'u', createdAt: later }),
      [one('b', { recorded: 'u' })],
      'DuplicateCluster',
    ],
    [
      'the older one stands for another cluster and only looks at this one by mistake',
      one('a', { seen: 'u', createdAt: later }),
      [one('b', { recorded: 'u0', seen: 'u' })],
      undefined,
    ],
    ['itself in the list', one('a', { seen: 'u' }), [one('a', { seen: 'u' })], undefined],
  ])('%s', (_name, me, all, reason) => {
    expect(judgeIdentity(me, all)?.reason).toBe(reason);
  });
});
