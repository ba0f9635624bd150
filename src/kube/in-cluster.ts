import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { errorMessage } from '../runtime/errors.ts';
import type { ClusterCredentials } from './credentials.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** A kubeconfig that cannot be used; the message says what is wrong with it, and holds no secret. */
export class KubeconfigError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KubeconfigError';
  }
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

/** Throws a KubeconfigError. */
export function checkCertificate(text: string, field: string): void {
  try {
    new X509Certificate(text);
  } catch {
    throw new KubeconfigError(`${field} is no PEM certificate`);
  }
}

/** Throws a KubeconfigError. */
export function readText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new KubeconfigError(`${what} cannot be read: ${errorMessage(cause)}`, { cause });
  }
}
