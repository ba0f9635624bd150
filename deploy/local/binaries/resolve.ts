import { access, constants, mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { BuildError, buildRecipe, goVersion } from './build.ts';
import { type BinaryName, CATALOGUE, type Catalogued, type Platform, type Recipe, thisPlatform } from './catalog.ts';
import { downloadBinary, UnavailableError } from './download.ts';
import { withLock } from './lock.ts';

export type BinaryPaths = Record<BinaryName, string>;

export interface ResolveOptions {
  onProgress?: (line: string) => void;
  environment?: NodeJS.ProcessEnv;
  catalogue?: Record<BinaryName, Catalogued>;
  /** Replaced in tests: builds take minutes. */
  build?: typeof buildRecipe;
  hasGo?: () => Promise<boolean>;
  probeMs?: number;
  timeoutMs?: number;
}

interface Context {
  environment: NodeJS.ProcessEnv;
  catalogue: Record<BinaryName, Catalogued>;
  platform: Platform;
  cache: string;
  options: ResolveOptions;
  onProgress: (line: string) => void;
}

/**
 * Finds each program by itself, in this order: the folder or file that the environment names (the names
 * that every envtest user knows), our cache, a download with checksum, a build from its Go module.
 */
export async function resolveBinaries<N extends BinaryName>(
  names: readonly N[],
  options: ResolveOptions = {},
): Promise<Record<N, string>> {
  const context = contextOf(options);
  const found = {} as Record<N, string>;
  const missing: N[] = [];
  for (const name of names) {
    const path = (await named(name, context)) ?? (await cached(name, context));
    if (path === undefined) missing.push(name);
    else found[name] = path;
  }
  if (missing.length > 0) await obtain(missing, context);
  for (const name of missing) found[name] = cachePath(name, context);
  return found;
}

function contextOf(options: ResolveOptions): Context {
  const environment = options.environment ?? process.env;
  return {
    environment,
    catalogue: options.catalogue ?? CATALOGUE,
    platform: thisPlatform(),
    cache: join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'aidc-operator'),
    options,
    onProgress: options.onProgress ?? (() => {}),
  };
}

async function named(name: BinaryName, { environment }: Context): Promise<string | undefined> {
  const variable = `TEST_ASSET_${name.toUpperCase().replaceAll('-', '_')}`;
  const exact = environment[variable];
  if (exact) {
    if (await isProgram(exact)) return exact;
    throw new Error(`${variable} names ${exact}, which is not a program that can be started.`);
  }
  const folder = environment.KUBEBUILDER_ASSETS;
  const inFolder = folder ? join(folder, name) : undefined;
  return inFolder && (await isProgram(inFolder)) ? inFolder : undefined;
}

function folderOf(name: BinaryName, { cache, catalogue, platform }: Context): string {
  return join(cache, `${catalogue[name].version}-${platform.os}-${platform.arch}`);
}

function cachePath(name: BinaryName, context: Context): string {
  return join(folderOf(name, context), name);
}

async function cached(name: BinaryName, context: Context): Promise<string | undefined> {
  const path = cachePath(name, context);
  return (await isProgram(path)) ? path : undefined;
}

async function isProgram(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Why a program could not be downloaded, for the message when it cannot be built either. */
type Failures = Map<BinaryName, string>;

async function obtain(names: readonly BinaryName[], context: Context): Promise<void> {
  const failures: Failures = new Map();
  await Promise.all(
    names.map(async (name) => {
      const failure = await download(name, context);
      if (failure !== undefined) failures.set(name, failure);
    }),
  );
  if (failures.size === 0) return;
  const hasGo = context.options.hasGo ?? (async () => (await goVersion()) !== undefined);
  if (!(await hasGo())) throw new Error(neitherMessage(failures));
  // One after another: each build uses all cores anyway.
  for (const [recipe, wanted] of recipesOf([...failures.keys()], context)) await build(recipe, wanted, context);
}

/** Returns why it failed; throws when a file was refused. */
async function download(name: BinaryName, context: Context): Promise<string | undefined> {
  const release = context.catalogue[name].release(context.platform);
  if (release === undefined) return 'it is not published for this platform';
  const path = cachePath(name, context);
  const lock = join(context.cache, `.lock-download-${name}`);
  const waiting = (owner: number) => context.onProgress(`waiting for process ${owner}, which downloads ${name}`);
  try {
    return await withLock(lock, waiting, async () => {
      if (await isProgram(path)) return undefined;
      await downloadBinary(release, path, {
        base: context.environment.AIDC_DOWNLOAD_BASE,
        platform: context.platform,
        ...(context.options.probeMs === undefined ? {} : { probeMs: context.options.probeMs }),
        ...(context.options.timeoutMs === undefined ? {} : { timeoutMs: context.options.timeoutMs }),
      });
      context.onProgress(`downloaded ${name}`);
      return undefined;
    });
  } catch (error) {
    if (error instanceof UnavailableError) return error.message;
    throw error;
  }
}

function recipesOf(names: BinaryName[], { catalogue }: Context): Map<Recipe, BinaryName[]> {
  const recipes = new Map<Recipe, BinaryName[]>();
  for (const name of names) {
    const { recipe } = catalogue[name];
    recipes.set(recipe, [...(recipes.get(recipe) ?? []), name]);
  }
  return recipes;
}

async function build(recipe: Recipe, wanted: BinaryName[], context: Context): Promise<void> {
  const folder = folderOf(wanted[0] as BinaryName, context);
  await mkdir(folder, { recursive: true });
  const waiting = (owner: number) => context.onProgress(`waiting for process ${owner}, which builds ${recipe.name}`);
  await withLock(join(context.cache, `.lock-build-${recipe.name}`), waiting, async () => {
    const missing: BinaryName[] = [];
    for (const name of wanted) if (!(await isProgram(join(folder, name)))) missing.push(name);
    if (missing.length === 0) return;
    await (context.options.build ?? buildRecipe)(recipe, missing, folder, context.onProgress);
    for (const name of missing) {
      if (!(await isProgram(join(folder, name)))) throw new BuildError(`Building ${recipe.name} made no ${name}.`);
    }
  });
}

function neitherMessage(failures: Failures): string {
  const lines = [...failures].map(([name, why]) => `  ${name}: ${why}`);
  return [
    'These programs of the local environment are missing and could not be downloaded:',
    ...lines,
    'They can also be built, but Go is not installed. Do one of these and run the command again:',
    '  - install Go 1.26 or newer (https://go.dev/dl), or',
    '  - allow the network the addresses above, or set AIDC_DOWNLOAD_BASE to a mirror of them, or',
    '  - set KUBEBUILDER_ASSETS to a folder that holds the programs.',
  ].join('\n');
}
