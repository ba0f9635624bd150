import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Clock } from '../runtime/clock.ts';
import type { ClusterCredentials } from './credentials.ts';

/** A rotated token is read again after so many milliseconds; kubelet rotates at 80 % of an hour or more. */
const REFRESH_MS = 60_000;

/** The `Authorization` header of one cluster; knows when to look for a newer token. */
export class Authorization {
  readonly #credentials: ClusterCredentials;
  readonly #clock: Clock;
  #header: string | undefined;
  #readAt: number;
  #pending: Promise<void> | undefined;

  /** Reads the token file once, synchronously; a file that cannot be read throws. */
  constructor(credentials: ClusterCredentials, clock: Clock) {
    this.#credentials = credentials;
    this.#clock = clock;
    this.#readAt = credentials.tokenSource ? Number.NEGATIVE_INFINITY : clock.monotonic();
    const token =
      credentials.tokenFile === undefined ? credentials.token : readFileSync(credentials.tokenFile, 'utf8').trim();
    this.#header = token ? `Bearer ${token}` : undefined;
  }

  /** True where another token may be had than the one used so far. */
  get refreshable(): boolean {
    return this.#credentials.tokenFile !== undefined || this.#credentials.tokenSource !== undefined;
  }

  /** The present header. Starts a refresh in the background when it is due. */
  header(): string | undefined {
    if (this.refreshable && this.#clock.monotonic() - this.#readAt > REFRESH_MS) void this.refresh();
    return this.#header;
  }

  /** True until a token source has given its first token: wait for `refresh` then. */
  get missing(): boolean {
    return this.#header === undefined && this.#credentials.tokenSource !== undefined;
  }

  /** Fetches the token again; keeps the old one when that fails. Never rejects. */
  refresh(): Promise<void> {
    this.#pending ??= this.#read().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #read(): Promise<void> {
    this.#readAt = this.#clock.monotonic();
    const { tokenFile, tokenSource } = this.#credentials;
    try {
      const token = tokenFile === undefined ? await tokenSource?.() : (await readFile(tokenFile, 'utf8')).trim();
      if (token) this.#header = `Bearer ${token}`;
    } catch {
      // The old token may still do; if not, the server's 401 says so better than we could.
    }
  }
}
