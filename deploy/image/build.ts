/**
 * `npm run image`: what the Dockerfile makes, without Docker. Its instructions are carried out in clean folders, and
 * what the image would hold beside Node is measured.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { build, readDockerfile, type Stage, stated } from './dockerfile.ts';

const root = join(import.meta.dirname, '..', '..');

export interface ImageTree {
  /** What the image has as its working folder. */
  readonly folder: string;
  /** What node runs, and with which arguments, as ENTRYPOINT and CMD have it. */
  readonly program: string;
  readonly args: readonly string[];
  readonly uid: number;
  readonly gid: number;
  readonly bytes: number;
  /** Files that run on one processor only: there must be none. */
  readonly native: readonly string[];
  remove(): Promise<void>;
}

export interface ImageOptions {
  /**
   * `npm ci` by copying what is installed here, package by package as the lock file lists them: the same files without
   * the network. Default: run npm.
   */
  readonly offline?: boolean;
}

export async function buildImageTree({ offline = false }: ImageOptions = {}): Promise<ImageTree> {
  const stages = await readDockerfile(join(root, 'Dockerfile'));
  const image = stages.at(-1) as Stage;
  const work = await mkdtemp(join(tmpdir(), 'aidc-image-'));
  const run = (command: string, folder: string): Promise<void> =>
    offline && command.startsWith('npm ci')
      ? copyInstalled(folder, command.includes('--omit=dev'))
      : sh(command, folder);
  const folder = await build(stages, { context: root, work, run });
  const [program = '', entry = '', ...rest] = [...words(stated(image, 'ENTRYPOINT')), ...words(stated(image, 'CMD'))];
  if (program !== 'node') throw new Error(`the image starts ${program}, not node`);
  const [uid = 0, gid = 0] = (stated(image, 'USER') ?? '').split(':').map(Number);
  const files = await filesBelow(folder);
  return {
    folder,
    program: join(work, 'image', entry),
    args: rest,
    uid,
    gid,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    native: files.map(({ path }) => path).filter((path) => /\.(node|so|dylib|dll)$/.test(path)),
    remove: () => rm(work, { recursive: true, force: true }),
  };
}

const words = (json: string | undefined): string[] => JSON.parse(json ?? '[]') as string[];

async function sh(command: string, folder: string): Promise<void> {
  // The Node that runs this is the one of the image.
  const env = { ...process.env, PATH: `${join(process.execPath, '..')}:${process.env.PATH ?? ''}` };
  const child = spawn('sh', ['-c', command], { cwd: folder, env, stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${command} ended with code ${code}`);
}

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
}

async function copyInstalled(folder: string, withoutDev: boolean): Promise<void> {
  // The compiler only reads.
  if (!withoutDev) return symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  const { packages } = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8')) as LockFile;
  const listed = Object.entries(packages).filter(([path]) => path !== '');
  const isNested = (path: string): boolean => path.lastIndexOf('node_modules/') > 0;
  for (const [path, { dev }] of listed) {
    // Packages for other processors are in the lock file, but not installed.
    if (dev === true || isNested(path) || !existsSync(join(root, path))) continue;
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await sh(`cp -R '${join(root, path)}' '${join(folder, path)}'`, folder);
  }
  for (const [path, { dev }] of listed) {
    if (dev === true && isNested(path)) await rm(join(folder, path), { recursive: true, force: true });
  }
}

async function filesBelow(folder: string): Promise<{ path: string; bytes: number }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(paths.map(async (path) => ({ path, bytes: (await lstat(path)).size })));
}

if (import.meta.main) {
  const tree = await buildImageTree();
  console.log(`${(tree.bytes / 1e6).toFixed(1)} MB beside Node in ${tree.folder}`);
  console.log(`start it: ${process.execPath} ${[tree.program, ...tree.args].join(' ')}`);
}
