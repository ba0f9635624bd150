import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BinaryName, CATALOGUE, thisPlatform } from './catalog.ts';
import { type ResolveOptions, resolveBinaries } from './resolve.ts';

const { os, arch } = thisPlatform();
const script = (text: string) => `#!/bin/sh\necho ${text}\n`;
const output = (program: string) => execFileSync(program, { encoding: 'utf8' }).trim();
const digest = (algorithm: string, content: string | Buffer) => createHash(algorithm).update(content).digest('hex');

let work = '';
let server: Server;
let base = '';
/** What the release sites serve, by `/<host>/<path>`; anything else is 404, a function never answers. */
let published: Map<string, string | Buffer | 'silence'>;
let asked: string[];
let built: string[];

beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'aidc-resolve-'));
  published = new Map();
  asked = [];
  built = [];
  server = createServer((request, response) => {
    const path = request.url ?? '';
    if (request.method === 'GET') asked.push(path);
    const body = published.get(path);
    if (body === 'silence') return;
    response.writeHead(body === undefined && path !== '/' ? 404 : 200).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(work, { recursive: true, force: true });
});

function options(extra: Partial<ResolveOptions> = {}): ResolveOptions {
  return {
    environment: { XDG_CACHE_HOME: join(work, 'cache'), AIDC_DOWNLOAD_BASE: base },
    hasGo: async () => true,
    build: async (recipe, wanted, folder) => {
      built.push(recipe.name);
      for (const name of wanted) await program(join(folder, name), 'built');
    },
    probeMs: 300,
    timeoutMs: 400,
    ...extra,
  };
}

async function program(path: string, text: string): Promise<void> {
  await writeFile(path, script(text));
  await chmod(path, 0o755);
}

const schedulerPath = `/dl.k8s.io/v1.36.3/bin/${os}/${arch}/kube-scheduler`;

function publishScheduler(content = script('downloaded'), sum = digest('sha256', content)): void {
  published.set(schedulerPath, content);
  published.set(`${schedulerPath}.sha256`, sum);
}

async function cacheFiles(): Promise<string[]> {
  const entries = await readdir(join(work, 'cache'), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

/** The servers are published for Linux only. */
const onLinux = it.runIf(os === 'linux');

describe('the order', () => {
  it('takes what the environment names first, each program by itself', async () => {
    const assets = join(work, 'assets');
    await mkdir(assets);
    await program(join(assets, 'etcd'), 'from the folder');
    await program(join(work, 'my-kubectl'), 'by its own name');
    const environment = {
      ...options().environment,
      KUBEBUILDER_ASSETS: assets,
      TEST_ASSET_KUBECTL: join(work, 'my-kubectl'),
    };
    const found = await resolveBinaries(['etcd', 'kubectl', 'kwok'], options({ environment }));
    expect(output(found.etcd)).toBe('from the folder');
    expect(output(found.kubectl)).toBe('by its own name');
    expect(output(found.kwok)).toBe('built');
  });

  it('says so when the environment names something that is no program', async () => {
    const environment = { ...options().environment, TEST_ASSET_ETCD: '/nowhere/etcd' };
    await expect(resolveBinaries(['etcd'], options({ environment }))).rejects.toThrow(
      'TEST_ASSET_ETCD names /nowhere/etcd, which is not a program',
    );
  });

  onLinux('downloads, and from then on uses the cache without asking the network', async () => {
    publishScheduler();
    expect(output((await resolveBinaries(['kube-scheduler'], options()))['kube-scheduler'])).toBe('downloaded');
    asked = [];
    expect(output((await resolveBinaries(['kube-scheduler'], options()))['kube-scheduler'])).toBe('downloaded');
    expect(asked).toEqual([]);
    expect(built).toEqual([]);
  });

  it('builds what cannot be downloaded, with one build for programs that share one', async () => {
    const names: BinaryName[] = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'helm'];
    const found = await resolveBinaries(names, options());
    expect(built.toSorted()).toEqual(['helm', 'kubernetes']);
    expect(output(found['kube-scheduler'])).toBe('built');
  });

  it('builds once when two ask at the same time', async () => {
    const slow: ResolveOptions['build'] = async (recipe, wanted, folder) => {
      built.push(recipe.name);
      await new Promise((resolve) => setTimeout(resolve, 200));
      for (const name of wanted) await program(join(folder, name), 'built');
    };
    const both = [1, 2].map(() => resolveBinaries(['kwok'], options({ build: slow })));
    for (const found of await Promise.all(both)) expect(output(found.kwok)).toBe('built');
    expect(built).toEqual(['kwok']);
  });

  it('names every way out when there is neither a download nor Go', async () => {
    const refused = resolveBinaries(['kwok'], options({ hasGo: async () => false }));
    await expect(refused).rejects.toThrow(/kwok: .*answers 404[\s\S]*Go is not installed[\s\S]*KUBEBUILDER_ASSETS/);
  });
});

describe('a download', () => {
  onLinux('with another checksum than published is refused and leaves nothing', async () => {
    publishScheduler(script('tampered'), digest('sha256', 'the original'));
    await expect(resolveBinaries(['kube-scheduler'], options())).rejects.toThrow(
      /Refused .*kube-scheduler: its sha256 is [0-9a-f]{64}, but [0-9a-f]{64} was published/,
    );
    expect(await cacheFiles()).toEqual([]);
    expect(built).toEqual([]);
  });

  onLinux('that never answers is given up, and the program is built', async () => {
    publishScheduler();
    published.set(schedulerPath, 'silence');
    const found = await resolveBinaries(['kube-scheduler'], options());
    expect(output(found['kube-scheduler'])).toBe('built');
  });

  onLinux('from a closed network costs one probe for all programs', async () => {
    const environment = { ...options().environment, AIDC_DOWNLOAD_BASE: 'http://127.0.0.1:9' };
    const started = Date.now();
    await resolveBinaries(['kube-scheduler', 'kube-controller-manager', 'kwok', 'etcd'], options({ environment }));
    expect(Date.now() - started).toBeLessThan(2000);
    expect(built.toSorted()).toEqual(['etcd', 'kubernetes', 'kwok']);
  });

  it('takes a program out of an archive, with the checksum file in lines of digest and name', async () => {
    await program(join(work, 'helm'), 'from the archive');
    execFileSync('tar', ['-czf', 'archive.tgz', 'helm'], { cwd: work });
    const archive = await readFile(join(work, 'archive.tgz'));
    const name = `helm-v3.22.0-${os}-${arch}.tar.gz`;
    published.set(`/get.helm.sh/${name}`, archive);
    published.set(`/get.helm.sh/${name}.sha256sum`, `${digest('sha256', archive)}  ${name}\n`);
    expect(output((await resolveBinaries(['helm'], options())).helm)).toBe('from the archive');
  });

  it('finds the checksum of a release asset', async () => {
    const content = script('an asset');
    const { url, checksum } = CATALOGUE.kwok.release(thisPlatform()) as { url: string; checksum: { url: string } };
    published.set(url.replace('https:/', ''), content);
    const assets = [{ name: `kwok-${os}-${arch}`, digest: `sha256:${digest('sha256', content)}` }];
    published.set(checksum.url.replace('https:/', ''), JSON.stringify({ assets }));
    expect(output((await resolveBinaries(['kwok'], options())).kwok)).toBe('an asset');
  });

  it('follows the index of the envtest releases, and takes another patch of the same minor', async () => {
    await program(join(work, 'etcd'), 'of envtest');
    execFileSync('tar', ['-czf', 'envtest.tgz', 'etcd'], { cwd: work });
    const archive = await readFile(join(work, 'envtest.tgz'));
    published.set('/example.org/envtest.tgz', archive);
    const entry = { hash: digest('sha512', archive), selfLink: 'https://example.org/envtest.tgz' };
    published.set(
      '/raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml',
      JSON.stringify({ releases: { 'v1.36.1': { [`envtest-v1.36.1-${os}-${arch}.tar.gz`]: entry } } }),
    );
    expect(output((await resolveBinaries(['etcd'], options())).etcd)).toBe('of envtest');
  });
});
