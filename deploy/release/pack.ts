/**
 * `npm run release`: what is published of a version, in one folder: the chart as a package, the list of what is in the image
 * (SBOM), and their checksums. docs/releasing.md has the steps before and after it.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { resolveBinaries } from '../local/binaries/resolve.ts';
import { changelogSection, type Published, publishedChart, publishedValues } from './chart.ts';
import { sbomOf } from './sbom.ts';

const root = join(import.meta.dirname, '..', '..');
const execute = promisify(execFile);
const USAGE = `usage: npm run release -- --image REPOSITORY [FLAG ...]

  --image REPOSITORY   address of the image without its tag, such as ghcr.io/example/aidc-operator
  --digest sha256:...  digest of the pushed image; the chart is bound to it. Default: the tag of the version
  --source URL         the repository, for the page of the chart
  --out FOLDER         default: release
  --draft              also from a version that has no date, from a changed tree, or without its tag
`;

interface Options extends Omit<Published, 'changes'> {
  readonly out: string;
  readonly draft: boolean;
}

/** Bad flags, or a tree that is no release: a sentence for the user. */
class ReleaseError extends Error {
  override readonly name = 'ReleaseError';
}

/** Files of ours in the folder are replaced. @returns their names */
export async function pack({ out, draft, ...published }: Options): Promise<string[]> {
  const { version } = JSON.parse(await read('package.json')) as { version: string };
  const { date, text } = changelogSection(await read('CHANGELOG.md'), version);
  if (!draft) await refuseWhatIsNoRelease(version, date);
  await mkdir(out, { recursive: true });
  const isOurs = (name: string): boolean => /^(aidc-operator-.*\.(tgz|cdx\.json)|SHA256SUMS)$/.test(name);
  for (const name of (await readdir(out)).filter(isOurs)) await rm(join(out, name));
  await packChart(out, { ...published, changes: text });
  await writeFile(join(out, `aidc-operator-${version}.cdx.json`), `${JSON.stringify(await sbomOf(root), null, 2)}\n`);
  const names = (await readdir(out)).filter(isOurs).sort();
  const sums = await Promise.all(names.map(async (name) => `${sha256(await readFile(join(out, name)))}  ${name}\n`));
  await writeFile(join(out, 'SHA256SUMS'), sums.join(''));
  return [...names, 'SHA256SUMS'];
}

const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** What keeps a tree from being the release of a version. */
export function obstacles(
  version: string,
  date: string,
  changed: readonly string[],
  tags: readonly string[],
): string[] {
  const checks: [boolean, string][] = [
    [/^\d{4}-\d{2}-\d{2}$/.test(date), `CHANGELOG.md says ${version} - ${date}: give it its date`],
    [changed.length === 0, `${changed.length} files differ from the commit`],
    [tags.includes(`v${version}`), `the commit has no tag v${version}`],
  ];
  return checks.flatMap(([holds, what]) => (holds ? [] : [what]));
}

async function refuseWhatIsNoRelease(version: string, date: string): Promise<void> {
  const git = async (...args: string[]): Promise<string[]> =>
    (await execute('git', args, { cwd: root })).stdout.split('\n').filter((line) => line !== '');
  const wrong = obstacles(version, date, await git('status', '--porcelain'), await git('tag', '--points-at', 'HEAD'));
  if (wrong.length > 0) {
    throw new ReleaseError(`this is no release: ${wrong.join('; ')} (--draft packs it all the same)`);
  }
}

async function packChart(out: string, published: Published): Promise<void> {
  const { helm } = await resolveBinaries(['helm']);
  const work = await mkdtemp(join(tmpdir(), 'aidc-release-'));
  try {
    const chart = join(work, 'aidc-operator');
    await cp(join(root, 'charts', 'aidc-operator'), chart, { recursive: true });
    for (const [name, change] of [['values.yaml', publishedValues] as const, ['Chart.yaml', publishedChart] as const]) {
      await writeFile(join(chart, name), change(await readFile(join(chart, name), 'utf8'), published));
    }
    await execute(helm, ['package', chart, '--destination', out]);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** @throws ReleaseError with a sentence */
export function optionsOf(args: readonly string[]): Options {
  const text = { type: 'string', default: '' } as const;
  const options = { image: text, digest: text, source: text, out: { ...text, default: 'release' } } as const;
  let values: { image: string; digest: string; source: string; out: string; draft: boolean };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: { ...options, draft: { type: 'boolean', default: false } },
    }));
  } catch (error) {
    throw new ReleaseError(`${(error as Error).message}\n\n${USAGE}`);
  }
  const { image, digest, source, out, draft } = values;
  if (!/^[a-z0-9][a-z0-9.-]*(:\d+)?(\/[a-z0-9._-]+)+$/.test(image)) {
    throw new ReleaseError(
      `--image must be an address without tag, such as ghcr.io/example/aidc-operator, not "${image}"`,
    );
  }
  if (!/^(sha256:[0-9a-f]{64})?$/.test(digest)) {
    throw new ReleaseError(`--digest must be sha256: and 64 hexadecimal digits, not "${digest}"`);
  }
  if (!/^(https:\/\/\S+)?$/.test(source)) throw new ReleaseError(`--source must be a URL with https, not "${source}"`);
  return { image, digest, source, draft, out: resolve(root, out) };
}

if (import.meta.main) {
  try {
    const options = optionsOf(process.argv.slice(2));
    const names = await pack(options);
    console.log(names.map((name) => join(options.out, name)).join('\n'));
  } catch (error) {
    if (!(error instanceof ReleaseError)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}
