import { createHash } from 'node:crypto';
import type { RegionalClusterSpec } from '../api/index.ts';
import type { ClusterCredentials } from '../kube/credentials.ts';
import { KubeconfigError, parseKubeconfig } from '../kube/kubeconfig.ts';
import type { KubeObject } from '../kube/resource.ts';
import { MEMBER_REASON, type Problem } from './reasons.ts';

/** A Secret as far as it is read here. */
export interface KubeconfigSecret extends KubeObject {
  data?: Record<string, string>;
}

/** How a member is reached: credentials, and a text that is equal only for equal ones. */
export interface Access {
  readonly credentials: ClusterCredentials;
  readonly fingerprint: string;
}

export interface AccessOptions {
  /** The operator's namespace, where the Secrets are. */
  readonly namespace: string;
  /** Names of the only Secrets that may be read; empty: all of the namespace. */
  readonly secretNames: readonly string[];
  /** Allow kubeconfigs that read files or run plugins here. */
  readonly allowFileKubeconfigs: boolean;
  /** Credentials of the hub, for `inCluster: true`. */
  readonly hubCredentials: ClusterCredentials | undefined;
  readonly secret: (key: string) => KubeconfigSecret | undefined;
}

/** Credentials of a member out of its spec and Secret, or why there are none. */
export function readAccess(spec: RegionalClusterSpec, options: AccessOptions): Access | Problem {
  if (spec.inCluster) {
    if (options.hubCredentials !== undefined) return { credentials: options.hubCredentials, fingerprint: 'inCluster' };
    return bad('The spec says inCluster: true, but the hub’s own credentials are not known; use kubeconfigSecretRef.');
  }
  const ref = spec.kubeconfigSecretRef;
  if (ref === undefined) return bad('Neither kubeconfigSecretRef nor inCluster is set; set one of them.');
  const where = `${options.namespace}/${ref.name}`;
  if (options.secretNames.length > 0 && !options.secretNames.includes(ref.name)) return bad(unlisted(where, options));
  const secret = options.secret(where);
  if (secret === undefined) {
    return bad(`Secret ${where} does not exist; create it with the kubeconfig under the key "${ref.key}".`);
  }
  const data = secret.data?.[ref.key];
  if (data === undefined || data === '') {
    const keys = Object.keys(secret.data ?? {}).sort();
    const has = keys.length === 0 ? 'it is empty' : `it has ${keys.map((key) => `"${key}"`).join(', ')}`;
    return bad(`Secret ${where} has no key "${ref.key}" (${has}); add it, or name the key in kubeconfigSecretRef.key.`);
  }
  return parse(where, Buffer.from(data, 'base64').toString('utf8'), options);
}

function parse(where: string, text: string, options: AccessOptions): Access | Problem {
  try {
    const credentials = parseKubeconfig(text, { allowLocalAccess: options.allowFileKubeconfigs });
    return { credentials, fingerprint: createHash('sha256').update(text).digest('hex') };
  } catch (error) {
    if (!(error instanceof KubeconfigError)) throw error;
    return bad(
      `The kubeconfig in Secret ${where} cannot be used: ${error.message}. Correct the Secret; it is read again at once.`,
    );
  }
}

/** Shown so many; the list may have one for each of many regions. */
const NAMED = 8;

function unlisted(where: string, { secretNames }: AccessOptions): string {
  const more = secretNames.length - NAMED;
  const names = `${secretNames.slice(0, NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return (
    `Secret ${where} is not among those that the operator may read (${names}). Add it to kubeconfigSecrets of the ` +
    'chart (--kubeconfig-secrets) and upgrade the release, or name one of these.'
  );
}

const bad = (message: string): Problem => ({ reason: MEMBER_REASON.BadKubeconfig, message });
