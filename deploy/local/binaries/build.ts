import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BinaryName, Recipe } from './catalog.ts';

const GO = 'go';
const goModule = join(dirname(fileURLToPath(import.meta.url)), 'go');

export class BuildError extends Error {}

/** The Go command's version, or undefined where Go is not installed. */
export async function goVersion(): Promise<string | undefined> {
  const { code, output } = await runGo(['version'], goModule, {}).catch(() => ({ code: 1, output: '' }));
  return code === 0 ? output.trim() : undefined;
}

/**
 * Builds a recipe and puts the wanted programs into `folder`. It is built aside and moved there when
 * it is whole: nobody ever starts half a program.
 */
export async function buildRecipe(
  recipe: Recipe,
  wanted: readonly BinaryName[],
  folder: string,
  onProgress: (line: string) => void,
): Promise<void> {
  await removeLeftovers(recipe, folder);
  const staging = await mkdtemp(join(folder, stagingPrefix(recipe)));
  const started = Date.now();
  const timer = setInterval(() => onProgress(`building ${recipe.name} ... ${minutes(Date.now() - started)}`), 10_000);
  try {
    onProgress(`building ${recipe.name} from its Go modules (a few minutes, once)`);
    const built = await compile(recipe, staging);
    await install(built, recipe, wanted, folder, staging);
    onProgress(`built ${recipe.name} in ${minutes(Date.now() - started)}`);
  } finally {
    clearInterval(timer);
    await rm(staging, { recursive: true, force: true });
  }
}

const stagingPrefix = (recipe: Recipe): string => `.build-${recipe.name}-`;

/** What a build that was killed left behind; the caller's lock says that no other build of it runs. */
async function removeLeftovers(recipe: Recipe, folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(stagingPrefix(recipe))) await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function compile(recipe: Recipe, staging: string): Promise<string> {
  const flags = ['-trimpath', '-ldflags', ['-s', '-w', ...recipe.ldflags].join(' ')];
  const built = join(staging, recipe.name);
  const { code, output } =
    'local' in recipe.target
      ? await runGo(['build', ...flags, '-o', built, recipe.target.local], goModule, {})
      : await runGo(['install', ...flags, recipe.target.remote], staging, { GOBIN: staging });
  if (code !== 0) throw new BuildError(`Building ${recipe.name} failed:\n${output.slice(-4000)}`);
  return built;
}

/** A recipe of several programs is kept once, with a link for each name. */
async function install(
  built: string,
  recipe: Recipe,
  wanted: readonly BinaryName[],
  folder: string,
  staging: string,
): Promise<void> {
  await rename(built, join(folder, recipe.name));
  for (const name of wanted) {
    if (name === recipe.name) continue;
    const link = join(staging, `link-${name}`);
    await symlink(recipe.name, link);
    await rename(link, join(folder, name));
  }
}

function runGo(
  args: string[],
  cwd: string,
  environment: Record<string, string>,
): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(GO, args, {
      cwd,
      // No C compiler is needed, and a workspace file further up must not change what is built.
      env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const collect = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-20_000);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

function minutes(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, '0')}s`;
}
