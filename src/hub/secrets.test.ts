import { describe, expect, it } from 'vitest';
import { NamedSecrets, type SecretObject } from './secrets.ts';

const secret = (name: string, version: string): SecretObject => ({
  metadata: { namespace: 'aidc-system', name, uid: name, resourceVersion: version },
});

describe('NamedSecrets', () => {
  it('is one source: a list of one Secret takes none of the others away', () => {
    const secrets = new NamedSecrets(['a', 'b']);
    secrets.stores.get('a')?.replaceAll([secret('a', '1')], '1');
    secrets.stores.get('b')?.replaceAll([secret('b', '2')], '2');
    expect(['a', 'b', 'c'].map((name) => secrets.get(`aidc-system/${name}`)?.metadata.resourceVersion)).toEqual([
      '1',
      '2',
      undefined,
    ]);
    secrets.stores.get('a')?.replaceAll([], '3');
    expect(secrets.get('aidc-system/a')).toBeUndefined();
    expect(secrets.get('aidc-system/b')).toBeDefined();
  });

  it('tells of changes of each, until told to stop', () => {
    const secrets = new NamedSecrets(['a', 'b']);
    const seen: string[] = [];
    const stop = secrets.subscribe(({ type, key }) => seen.push(`${type} ${key}`), { replay: false });
    for (const name of ['a', 'b']) secrets.stores.get(name)?.apply(secret(name, '1'));
    secrets.stores.get('a')?.remove('aidc-system/a');
    stop();
    secrets.stores.get('b')?.remove('aidc-system/b');
    expect(seen).toEqual(['added aidc-system/a', 'added aidc-system/b', 'deleted aidc-system/a']);
  });
});
