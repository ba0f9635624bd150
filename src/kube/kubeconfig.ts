import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { KubeConfig } from '@kubernetes/client-node';
import { errorMessage } from '../runtime/errors.ts';
import type { ClusterCredentials } from './credentials.ts';
import { entry, KubeconfigError, parseRaw, type Raw, readKubeconfig } from './kubeconfig-files.ts';

export type { ClusterCredentials } from './credentials.ts';
export { KubeconfigError } from './kubeconfig-files.ts';

export interface KubeconfigOptions {
  /** Context to use (default: the file's current-context). */
  readonly context?: string;
  /** Allow exec plugins, auth providers, token files and file paths: they run code and read files on this machine. */
  readonly allowLocalAccess?: boolean;
  /** Allow `insecure-skip-tls-verify`, and servers without TLS. */
  readonly allowInsecure?: boolean;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Fields of a user that run code or read files here, with what to call them. */
const LOCAL_USER_FIELDS: readonly (readonly [string, string])[] = [
  ['exec', 'an exec plugin'],
  ['auth-provider', 'an auth provider'],
  ['tokenFile', 'a token file'],
  ['token-file', 'a token file'],
  ['client-certificate', 'a client certificate file'],
  ['client-key', 'a client key file'],
];

/** One context of a kubeconfig, taken apart. */
interface Selected {
  readonly contextName: string;
  readonly context: Raw;
  readonly clusterName: string;
  readonly cluster: Raw;
  readonly userName: string;
  readonly user: Raw;
}

/**
 * Reads a kubeconfig. Without `allowLocalAccess` only inline data is taken, because whoever may write the Secret must
 * not run commands or read files where the operator runs. Throws a KubeconfigError.
 */
export function parseKubeconfig(text: string, options: KubeconfigOptions = {}): ClusterCredentials {
  return credentialsOf(select(parseRaw(text), options.context), options);
}

/** The chosen context alone, so that faults elsewhere in the file do not matter. */
function select(raw: Raw, wanted: string | undefined): Selected {
  const contextName = wanted ?? asText(raw['current-context']);
  if (!contextName) throw new KubeconfigError('kubeconfig has no current-context');
  const context = entry(raw, 'contexts', contextName);
  const clusterName = asText(context.cluster);
  const userName = asText(context.user);
  if (!clusterName) throw new KubeconfigError(`context ${contextName} names no cluster`);
  const cluster = entry(raw, 'clusters', clusterName);
  const user = userName ? entry(raw, 'users', userName) : {};
  return { contextName, context, clusterName, cluster, userName: userName ?? '', user };
}

/** Credentials of the pod's service account. Throws a KubeconfigError outside a cluster. */
export function inClusterCredentials(root = SERVICE_ACCOUNT, env: NodeJS.ProcessEnv = process.env): ClusterCredentials {
  const host = env.KUBERNETES_SERVICE_HOST;
  const port = env.KUBERNETES_SERVICE_PORT ?? '443';
  if (!host) throw new KubeconfigError('not in a cluster: KUBERNETES_SERVICE_HOST is not set');
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const ca = readText(`${root}/ca.crt`, 'certificate authority');
  checkCertificate(ca, 'certificate authority');
  return { server, ca, tokenFile: `${root}/token` };
}

/** The hub as the user's own kubeconfig names it. */
export interface LocalContext {
  readonly credentials: ClusterCredentials;
  /** Namespace of the context, if it names one. */
  readonly namespace?: string;
}

/**
 * Where the hub is: `path` if given, else KUBECONFIG, else the pod's service account, else `~/.kube/config`. Local
 * files and plugins are allowed: the configuration is the operator's own. Throws a KubeconfigError.
 */
export function localContext(
  path?: string,
  options: KubeconfigOptions = {},
  env: NodeJS.ProcessEnv = process.env,
): LocalContext {
  if (path === undefined && !env.KUBECONFIG && env.KUBERNETES_SERVICE_HOST && options.context === undefined) {
    return { credentials: inClusterCredentials(SERVICE_ACCOUNT, env) };
  }
  const selected = select(readKubeconfig(path, env), options.context);
  const own = { ...options, allowLocalAccess: true, allowInsecure: options.allowInsecure ?? true };
  const namespace = asText(selected.context.namespace);
  return { credentials: credentialsOf(selected, own), ...(namespace === undefined ? {} : { namespace }) };
}

export const defaultCredentials = (path?: string, options: KubeconfigOptions = {}): ClusterCredentials =>
  localContext(path, options).credentials;

function refuseLocalAccess(cluster: Raw, clusterName: string, user: Raw, userName: string | undefined): void {
  const how = 'put the data itself into the kubeconfig';
  if (cluster['certificate-authority']) {
    throw new KubeconfigError(`cluster ${clusterName} uses a certificate authority file, which is not allowed: ${how}`);
  }
  for (const [field, name] of LOCAL_USER_FIELDS) {
    if (user[field]) throw new KubeconfigError(`user ${userName} uses ${name}, which is not allowed: ${how}`);
  }
}

function credentialsOf(selected: Selected, options: KubeconfigOptions): ClusterCredentials {
  const { clusterName, cluster, userName, user } = selected;
  const server = asText(cluster.server)?.replace(/\/$/, '');
  if (!server) throw new KubeconfigError(`cluster ${clusterName} has no server`);
  if (!options.allowLocalAccess) refuseLocalAccess(cluster, clusterName, user, userName);
  refuseUnsupported(selected);
  checkServer(server, options);
  const insecure = cluster['insecure-skip-tls-verify'] === true;
  if (insecure && !options.allowInsecure) {
    throw new KubeconfigError(`cluster ${clusterName} skips TLS verification, which is not allowed`);
  }
  const ca = pem(cluster, 'certificate-authority');
  if (ca) checkCertificate(ca, 'certificate-authority-data');
  const serverName = asText(cluster['tls-server-name']);
  return {
    server,
    ...(ca ? { ca } : {}),
    ...identityOf(selected),
    ...(serverName ? { serverName } : {}),
    ...(insecure ? { insecure } : {}),
  };
}

function refuseUnsupported({ cluster, clusterName, user, userName }: Selected): void {
  if (user.as) throw new KubeconfigError(`user ${userName} asks for impersonation, which is not supported`);
  if (user.username || user.password) {
    throw new KubeconfigError(`user ${userName} has a password; apiservers take certificates and tokens only`);
  }
  if (cluster['proxy-url'])
    throw new KubeconfigError(`cluster ${clusterName} asks for a proxy, which is not supported`);
}

/** Who we are: a certificate, and a token or where to get one. */
function identityOf(selected: Selected): Partial<ClusterCredentials> {
  const { user, userName } = selected;
  const cert = pem(user, 'client-certificate');
  const key = pem(user, 'client-key');
  if (cert) checkCertificate(cert, 'client-certificate-data');
  if (key && !/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key))
    throw new KubeconfigError('client-key-data is no PEM key');
  if ((cert === undefined) !== (key === undefined)) {
    throw new KubeconfigError(
      `user ${userName} has a client ${cert ? 'certificate without its key' : 'key without its certificate'}`,
    );
  }
  const certificate = cert && key ? { cert, key } : {};
  if (user.exec || user['auth-provider']) return { ...certificate, tokenSource: tokenSource(selected) };
  const tokenFile = asText(user.tokenFile) ?? asText(user['token-file']);
  if (tokenFile) return { ...certificate, tokenFile };
  const token = asText(user.token)?.trim();
  if (!token && !cert) throw new KubeconfigError(`user ${userName} has no token and no certificate`);
  return token ? { ...certificate, token } : certificate;
}

function checkServer(server: string, options: KubeconfigOptions): void {
  const url = URL.parse(server);
  if (!url || !/^https?:$/.test(url.protocol)) throw new KubeconfigError(`server ${server} is no http(s) address`);
  if (url.username || url.password) throw new KubeconfigError('server address must not hold a user or password');
  if (url.protocol === 'http:' && !options.allowInsecure) {
    throw new KubeconfigError(`server ${server} does not use TLS, which is not allowed`);
  }
}

/** The field's inline base64 data, or its file where that was allowed. */
function pem(fields: Raw, name: string): string | undefined {
  const data = fields[`${name}-data`];
  if (!data) {
    const file = asText(fields[name]);
    return file ? readText(file, name) : undefined;
  }
  const compact = String(data).replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(compact) || compact.length % 4 === 1) {
    throw new KubeconfigError(`${name}-data is no valid base64`);
  }
  return Buffer.from(compact, 'base64').toString('utf8');
}

function checkCertificate(text: string, field: string): void {
  try {
    new X509Certificate(text);
  } catch {
    throw new KubeconfigError(`${field} is no PEM certificate`);
  }
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new KubeconfigError(`${what} cannot be read: ${errorMessage(cause)}`, { cause });
  }
}

/**
 * Runs whatever flow the kubeconfig names and takes the bearer token out of it. The package that knows the flows takes
 * a second to load, so only those who need it wait for it.
 */
function tokenSource({ cluster, user }: Selected): () => Promise<string | undefined> {
  let loaded: Promise<KubeConfig> | undefined;
  const load = async (): Promise<KubeConfig> => {
    const { KubeConfig } = await import('@kubernetes/client-node');
    const config = new KubeConfig();
    const only = {
      clusters: [{ name: 'only', cluster }],
      users: [{ name: 'only', user }],
      contexts: [{ name: 'only', context: { cluster: 'only', user: 'only' } }],
      'current-context': 'only',
    };
    config.loadFromString(JSON.stringify(only));
    return config;
  };
  return async () => {
    loaded ??= load();
    const request: { headers: Record<string, string> } = { headers: {} };
    await (await loaded).applyToHTTPSOptions(request as never);
    return request.headers.Authorization?.replace(/^Bearer /, '');
  };
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
