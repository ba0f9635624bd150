import { describe, expect, it } from 'vitest';
import { type Access, type AccessOptions, type KubeconfigSecret, readAccess } from './access.ts';
import { aRegion } from './testing.ts';

const kubeconfig = (user = 'token: secret-1', server = 'https://guian:6443') => `
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: "${server}"}}]
users:
- name: u
  user:
    ${user}
`;
const secret = (text: string, key = 'kubeconfig'): KubeconfigSecret => ({
  metadata: { name: 'guian-kubeconfig', namespace: 'aidc-system' },
  data: { [key]: Buffer.from(text).toString('base64') },
});
const read = (found: KubeconfigSecret | undefined, over: Partial<AccessOptions> = {}, spec = aRegion('guian').spec) =>
  readAccess(spec, {
    namespace: 'aidc-system',
    secretNames: [],
    allowFileKubeconfigs: false,
    hubCredentials: undefined,
    secret: (key) => (key === 'aidc-system/guian-kubeconfig' ? found : undefined),
    ...over,
  });

describe('readAccess', () => {
  it('gives credentials, and equal fingerprints for equal kubeconfigs only', () => {
    const one = read(secret(kubeconfig())) as Access;
    expect(one.credentials).toMatchObject({ server: 'https://guian:6443', token: 'secret-1' });
    expect((read(secret(kubeconfig())) as Access).fingerprint).toBe(one.fingerprint);
    expect((read(secret(kubeconfig('token: secret-2'))) as Access).fingerprint).not.toBe(one.fingerprint);
    expect(one.fingerprint).not.toContain('secret');
  });

  it.each<[string, KubeconfigSecret | undefined, string]>([
    ['no Secret', undefined, 'Secret aidc-system/guian-kubeconfig does not exist'],
    ['another key', secret(kubeconfig(), 'value'), 'has no key "kubeconfig" (it has "value")'],
    ['an empty Secret', { metadata: { name: 'x' } }, 'has no key "kubeconfig" (it is empty)'],
    ['no YAML', secret('a: [secret-1'), 'no valid YAML'],
    ['an exec plugin', secret(kubeconfig('exec: {command: sh}')), 'exec plugin, which is not allowed'],
    ['a token file', secret(kubeconfig('tokenFile: /etc/passwd')), 'token file, which is not allowed'],
    ['a key file', secret(kubeconfig('client-key: /etc/key')), 'client key file, which is not allowed'],
    ['no user data', secret(kubeconfig('{}')), 'no token and no certificate'],
  ])('refuses %s with a sentence', (_name, found, sentence) => {
    const problem = read(found);
    expect(problem).toMatchObject({ reason: 'BadKubeconfig', message: expect.stringContaining(sentence) });
    expect(JSON.stringify(problem)).not.toContain('secret-1');
  });

  it('says which Secrets may be read where the named one is not among them', () => {
    const message = (secretNames: readonly string[]) => read(secret(kubeconfig()), { secretNames });
    expect(message(['guian-kubeconfig'])).toMatchObject({ credentials: { token: 'secret-1' } });
    expect(message(['a', 'b'])).toEqual({
      reason: 'BadKubeconfig',
      message:
        'Secret aidc-system/guian-kubeconfig is not among those that the operator may read (a, b). Add it to ' +
        'kubeconfigSecrets of the chart (--kubeconfig-secrets) and upgrade the release, or name one of these.',
    });
    const many = Array.from({ length: 20 }, (_, index) => `s${index}`);
    expect(message(many)).toMatchObject({ message: expect.stringContaining('s7 and 12 more') });
  });

  it('takes the hub’s own credentials for inCluster', () => {
    const spec = { ...aRegion('guian').spec, inCluster: true };
    const hubCredentials = { server: 'https://hub', token: 't' };
    expect(read(undefined, { hubCredentials }, spec)).toMatchObject({ credentials: hubCredentials });
    expect(read(undefined, {}, spec)).toMatchObject({ reason: 'BadKubeconfig' });
  });
});
