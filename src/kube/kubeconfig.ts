import { KubeConfig } from '@kubernetes/client-node';
import { parse as parseYaml } from 'yaml';
import { errorMessage } from '../runtime/errors.ts';
import type { ClusterCredentials } from './credentials.ts';
import { checkCertificate, inClusterCredentials, KubeconfigError, readText } from './in-cluster.ts';

export type { ClusterCredentials } from './credentials.ts';
export { inClusterCredentials, KubeconfigError } from './in-cluster.ts';

export interface KubeconfigOptions {
  /** Context to use (default: the file's current-context). */
  readonly context?: string;
  /** Allow exec plugins, auth providers, token files and file paths: they run code and read files on this machine. */
  readonly allowLocalAccess?: boolean;
  /** Allow `insecure-skip-tls-verify`, and servers without TLS. */
  readonly allowInsecure?: boolean;
}

type Raw = Record<string, unknown>;

/** Fields of a user that run code or read files here, with what to call them. */
const LOCAL_USER_FIELDS: readonly (readonly [string, string])[] = [
  ['exec', 'an exec plugin'],
  ['auth-provider', 'an auth provider'],
  ['tokenFile', 'a token file'],
  ['token-file', 'a token file'],
  ['client-certificate', 'a client certificate file'],
  ['client-key', 'a client key file'],
];

/**
 * Reads a kubeconfig. Without `allowLocalAccess` only inline data is taken, because whoever may write the Secret must
 * not run commands or read files where the operator runs. Throws a KubeconfigError.
 */
export function parseKubeconfig(text: string, options: KubeconfigOptions = {}): ClusterCredentials {
  const raw = parseRaw(text);
  const contextName = options.context ?? (raw['current-context'] as string | undefined);
  if (!contextName) throw new KubeconfigError('kubeconfig has no current-context');
  const context = entry(raw, 'contexts', 'context', contextName);
  const clusterName = asText(context.cluster);
  const userName = asText(context.user);
  if (!clusterName) throw new KubeconfigError(`context ${contextName} names no cluster`);
  const cluster = entry(raw, 'clusters', 'cluster', clusterName);
  const user = userName ? entry(raw, 'users', 'user', userName) : {};
  if (!asText(cluster.server)) throw new KubeconfigError(`cluster ${clusterName} has no server`);
  if (!options.allowLocalAccess) refuseLocalAccess(cluster, clusterName, user, userName);
  if (user.as) throw new KubeconfigError(`user ${userName} asks for impersonation, which is not supported`);
  if (user.username || user.password) {
    throw new KubeconfigError(`user ${userName} has a password; apiservers take certificates and tokens only`);
  }
  if (cluster['proxy-url'])
    throw new KubeconfigError(`cluster ${clusterName} asks for a proxy, which is not supported`);
  return checked(loadOnly(contextName, { clusterName, cluster, userName, user }), options);
}

/**
 * Where the hub is: `path` if given, else KUBECONFIG, else the pod's service account, else `~/.kube/config`. Local
 * files and plugins are allowed: the configuration is the operator's own. Throws a KubeconfigError.
 */
export function defaultCredentials(path?: string, options: KubeconfigOptions = {}): ClusterCredentials {
  const own = { ...options, allowLocalAccess: true, allowInsecure: options.allowInsecure ?? true };
  if (path === undefined && !process.env.KUBECONFIG && process.env.KUBERNETES_SERVICE_HOST)
    return inClusterCredentials();
  const config = new KubeConfig();
  try {
    if (path === undefined) config.loadFromDefault();
    else config.loadFromFile(path);
  } catch (cause) {
    throw new KubeconfigError(`kubeconfig ${path ?? ''} cannot be read: ${errorMessage(cause)}`, { cause });
  }
  if (options.context) config.setCurrentContext(options.context);
  return checked(config, own);
}

function parseRaw(text: string): Raw {
  let raw: unknown;
  try {
    raw = parseYaml(text);
  } catch (cause) {
    // The parser quotes the line it fails at, which may hold a secret: only the place is told.
    const at = (cause as { linePos?: { line: number; col: number }[] }).linePos?.[0];
    throw new KubeconfigError(`kubeconfig is no valid YAML${at ? ` (line ${at.line}, column ${at.col})` : ''}`);
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw new KubeconfigError('kubeconfig is empty or no YAML map');
  }
  return raw as Raw;
}

/** The named element of `clusters`, `users` or `contexts`. */
function entry(raw: Raw, list: string, field: string, name: string): Raw {
  const items = Array.isArray(raw[list]) ? (raw[list] as (Raw | null)[]) : [];
  const found = items.find((item) => item?.name === name);
  if (!found) throw new KubeconfigError(`kubeconfig has no ${field} named ${name}`);
  const value = found[field];
  if (typeof value !== 'object' || value === null) throw new KubeconfigError(`${field} ${name} is empty`);
  return value as Raw;
}

function refuseLocalAccess(cluster: Raw, clusterName: string, user: Raw, userName: string | undefined): void {
  const how = 'put the data itself into the kubeconfig';
  if (cluster['certificate-authority']) {
    throw new KubeconfigError(`cluster ${clusterName} uses a certificate authority file, which is not allowed: ${how}`);
  }
  for (const [field, name] of LOCAL_USER_FIELDS) {
    if (user[field]) throw new KubeconfigError(`user ${userName} uses ${name}, which is not allowed: ${how}`);
  }
}

interface Selected {
  readonly clusterName: string;
  readonly cluster: Raw;
  readonly userName: string | undefined;
  readonly user: Raw;
}

/** A KubeConfig of the chosen context alone, so that faults elsewhere in the file do not matter. */
function loadOnly(context: string, selected: Selected): KubeConfig {
  const { clusterName, cluster, user } = selected;
  const userName = selected.userName ?? 'none';
  const config = new KubeConfig();
  const only = {
    clusters: [{ name: clusterName, cluster }],
    users: [{ name: userName, user }],
    contexts: [{ name: context, context: { cluster: clusterName, user: userName } }],
    'current-context': context,
  };
  try {
    config.loadFromString(JSON.stringify(only));
  } catch (cause) {
    throw new KubeconfigError(`kubeconfig cannot be used: ${errorMessage(cause)}`, { cause });
  }
  return config;
}

function checked(config: KubeConfig, options: KubeconfigOptions): ClusterCredentials {
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (!cluster) throw new KubeconfigError(`context ${config.getCurrentContext()} has no cluster`);
  checkServer(cluster.server, options);
  if (cluster.skipTLSVerify && !options.allowInsecure) {
    throw new KubeconfigError(`cluster ${cluster.name} skips TLS verification, which is not allowed`);
  }
  const ca = pem(cluster.caData, cluster.caFile, 'certificate-authority-data');
  const cert = pem(user?.certData, user?.certFile, 'client-certificate-data');
  const key = pem(user?.keyData, user?.keyFile, 'client-key-data');
  if (ca) checkCertificate(ca, 'certificate-authority-data');
  if (cert) checkCertificate(cert, 'client-certificate-data');
  if (key && !/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key))
    throw new KubeconfigError('client-key-data is no PEM key');
  if ((cert === undefined) !== (key === undefined)) {
    throw new KubeconfigError(
      `user ${user?.name} has a client ${cert ? 'certificate without its key' : 'key without its certificate'}`,
    );
  }
  const plugin = user?.exec || user?.authProvider;
  if (!plugin && !user?.token && !cert)
    throw new KubeconfigError(`user ${user?.name ?? ''} has no token and no certificate`);
  return {
    server: cluster.server,
    ...(ca ? { ca } : {}),
    ...(cert && key ? { cert, key } : {}),
    ...(plugin ? { tokenSource: () => tokenFrom(config) } : user?.token ? { token: user.token.trim() } : {}),
    ...(cluster.tlsServerName ? { serverName: cluster.tlsServerName } : {}),
    ...(cluster.skipTLSVerify ? { insecure: true } : {}),
  };
}

function checkServer(server: string, options: KubeconfigOptions): void {
  const url = URL.parse(server);
  if (!url || !/^https?:$/.test(url.protocol)) throw new KubeconfigError(`server ${server} is no http(s) address`);
  if (url.username || url.password) throw new KubeconfigError('server address must not hold a user or password');
  if (url.protocol === 'http:' && !options.allowInsecure) {
    throw new KubeconfigError(`server ${server} does not use TLS, which is not allowed`);
  }
}

/** Inline base64 data, or a file where that was allowed. */
function pem(data: string | undefined, file: string | undefined, field: string): string | undefined {
  if (data) {
    const compact = String(data).replace(/\s+/g, '');
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(compact) || compact.length % 4 === 1) {
      throw new KubeconfigError(`${field} is no valid base64`);
    }
    return Buffer.from(compact, 'base64').toString('utf8');
  }
  return file ? readText(file, field) : undefined;
}

/** Runs whatever flow the kubeconfig names and takes the bearer token out of it. */
async function tokenFrom(config: KubeConfig): Promise<string | undefined> {
  const request: { headers: Record<string, string> } = { headers: {} };
  await config.applyToHTTPSOptions(request as never);
  return request.headers.Authorization?.replace(/^Bearer /, '');
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
