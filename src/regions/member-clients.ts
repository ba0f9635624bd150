import { KubeClient, type KubeClientOptions } from '../kube/client.ts';
import type { Access } from './access.ts';

/**
 * The client of a member, and beside it one with newer credentials until the right cluster has answered to them: so
 * nothing is ever sent to a cluster that was not looked at first.
 */
export class MemberClients {
  readonly #options: Omit<KubeClientOptions, 'credentials'>;
  #client: KubeClient | undefined;
  #clientHas: string | undefined;
  #candidate: KubeClient | undefined;

  constructor(options: Omit<KubeClientOptions, 'credentials'>) {
    this.#options = options;
  }

  /** The one that is used for everything; undefined before the first adoption. */
  get adopted(): KubeClient | undefined {
    return this.#client;
  }

  /** A client with these credentials, to look with. Throws where they cannot be used at all. */
  for(access: Access): KubeClient {
    if (this.#client !== undefined && this.#clientHas === access.fingerprint) return this.#client;
    this.#candidate ??= new KubeClient({ ...this.#options, credentials: access.credentials });
    return this.#candidate;
  }

  /** The right cluster answered to these credentials: they are used for everything from now on. */
  adopt(access: Access): KubeClient {
    if (this.#client !== undefined && this.#clientHas === access.fingerprint) return this.#client;
    if (this.#client === undefined) {
      this.#client = this.for(access);
    } else {
      this.#client.setCredentials(access.credentials);
      void this.#candidate?.close();
    }
    this.#candidate = undefined;
    this.#clientHas = access.fingerprint;
    return this.#client;
  }

  /** The credentials changed: what was tried with the last ones is of no use. */
  dropCandidate(): void {
    void this.#candidate?.close();
    this.#candidate = undefined;
  }

  async close(): Promise<void> {
    await Promise.all([this.#client?.close(), this.#candidate?.close()]);
  }
}
