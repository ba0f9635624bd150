import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../runtime/clock.ts';
import { errorMessage } from '../runtime/errors.ts';
import { type KeyPair, selfSigned } from './self-signed.ts';

/** A certificate that cannot be used; the message says why. */
export class CertificateError extends Error {}

/** Where a server has its certificate from. */
export interface CertificateSource {
  /** What to serve with from now on; undefined: as before. Rejects with a CertificateError. */
  next(): Promise<KeyPair | undefined>;
}

/** `tls.crt` and `tls.key` of a folder, as a Secret of type kubernetes.io/tls is mounted; renewed when they change. */
export class MountedCertificate implements CertificateSource {
  readonly #folder: string;
  #last = '';

  constructor(folder: string) {
    this.#folder = folder;
  }

  async next(): Promise<KeyPair | undefined> {
    const [cert, key] = await Promise.all([this.#read('tls.crt'), this.#read('tls.key')]);
    const both = `${cert}\n${key}`;
    if (both === this.#last) return undefined;
    this.#last = both;
    return { cert, key };
  }

  async #read(name: string): Promise<string> {
    const path = join(this.#folder, name);
    try {
      return await readFile(path, 'utf8');
    } catch (cause) {
      throw new CertificateError(`${path} cannot be read: ${errorMessage(cause)}`, { cause });
    }
  }
}

const DAY_MS = 24 * 60 * 60_000;
const VALID_MS = 365 * DAY_MS;
/** Clocks of others may be behind ours. */
const BACKDATED_MS = 60 * 60_000;

/** One of our own, which nobody can check: it encrypts, no more. Made anew in the middle of its life. */
export class OwnCertificate implements CertificateSource {
  readonly #clock: Pick<Clock, 'now'>;
  #renewAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  async next(): Promise<KeyPair | undefined> {
    const now = this.#clock.now();
    if (now < this.#renewAtMs) return undefined;
    this.#renewAtMs = now + VALID_MS / 2;
    const dnsNames = ['localhost', hostname()];
    const times = { notBeforeMs: now - BACKDATED_MS, notAfterMs: now + VALID_MS };
    return selfSigned({ commonName: 'aidc-operator metrics', dnsNames, ...times });
  }
}
