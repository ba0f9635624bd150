/**
 * The direction of imports, folder by folder: api <- core <- features <- modules <- main, with runtime and kube below
 * the features. A feature sees another only through its index. Run by `npm run check`.
 */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize, relative } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/** What each folder of src may import from; a folder that is not here may import nothing of ours. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  api: [],
  core: ['api'],
  runtime: [],
  kube: ['runtime'],
  config: [],
  'nvidia-smi': [],
  agent: ['api', 'core', 'kube', 'runtime', 'energy', 'nvidia-smi'],
  regions: ['api', 'core', 'kube', 'runtime'],
  energy: ['api', 'core'],
  scheduling: ['api', 'core', 'kube', 'runtime', 'regions'],
  workloads: ['api', 'core', 'kube', 'runtime', 'regions'],
  hub: ['api', 'core', 'kube', 'runtime', 'regions', 'energy', 'workloads'],
  ledger: ['api', 'core', 'kube', 'runtime', 'regions', 'energy', 'hub'],
  training: ['api', 'core', 'kube', 'runtime', 'regions', 'energy', 'scheduling', 'workloads', 'hub'],
  serving: ['api', 'core', 'kube', 'runtime', 'regions', 'energy', 'scheduling', 'workloads', 'hub'],
  quotes: ['api', 'core', 'kube', 'runtime', 'regions', 'energy', 'scheduling', 'workloads', 'hub'],
  datasets: ['api', 'core', 'kube', 'runtime', 'regions', 'workloads', 'hub'],
  release: ['api', 'kube', 'runtime'],
  cli: ['api', 'core', 'kube', 'runtime', 'energy'],
  observability: ['api', 'core', 'kube', 'runtime', 'regions', 'energy', 'scheduling', 'hub', 'ledger'],
};
/** Layers whose every file may be imported; the others are features, seen through index.ts only. */
const OPEN = new Set(['api', 'core', 'runtime', 'kube', 'workloads']);
const FRAMEWORK_FILES = /(^|\/)((?:[^/]+\.)?main|[^/]+\.module|[^/]+\.http|[^/]+\.health)\.ts$/;
const PURE = new Set(['api', 'core', 'nvidia-smi']);
/** Packages of the pure layers. */
const PURE_PACKAGES: Readonly<Record<string, readonly string[]>> = { api: ['zod'], 'nvidia-smi': ['fast-xml-parser'] };
/** What the pure layers may not touch: clocks, chance, I/O, waiting. */
const IMPURE: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b|\bnew Date\b(?!\s*\(\s*[^\s)])|(?<!new )\bDate\(|\bperformance\./, 'reads the clock'],
  [/\bMath\.random\b|\bcrypto\./, 'uses chance'],
  [/\bprocess\b\s*[.[]|\bconsole\.|\bfetch\s*\(/, 'does I/O'],
  [/\bset(?:Timeout|Interval|Immediate)\s*\(/, 'sets a timer'],
  [/\basync\b|\bawait\b|\bPromise\b/, 'waits'],
];
const IMPORT = /(?:^|\n)\s*(?:(?:import|export)\b[^'";]*?from|import)\s*(['"])(.+?)\1|\bimport\(\s*(['"])(.+?)\3/g;

/** Violations of one file, each a sentence. `path` is relative to src, with forward slashes. */
export function violationsOf(path: string, text: string): string[] {
  const isTest = /\.test\.ts$|(^|\/)testing\.ts$/.test(path);
  const folder = path.includes('/') ? (path.split('/')[0] ?? '') : '';
  const out: string[] = [];
  for (const match of text.matchAll(IMPORT)) {
    const target = match[2] ?? match[4] ?? '';
    if (target.startsWith('.')) out.push(...(isTest ? [] : ownImport(path, folder, target)));
    else out.push(...packageImport(path, folder, target, isTest));
  }
  if (PURE.has(folder) && !isTest) {
    const code = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g, '');
    for (const [pattern, what] of IMPURE)
      if (pattern.test(code)) out.push(`src/${path} ${what}, which ${folder} may not`);
  }
  return out;
}

function packageImport(path: string, folder: string, target: string, isTest: boolean): string[] {
  const out: string[] = [];
  if (target.startsWith('@nestjs/') && !FRAMEWORK_FILES.test(path)) {
    out.push(
      `src/${path} imports ${target}: the framework belongs into *main.ts, *.module.ts, *.http.ts and *.health.ts`,
    );
  }
  const isOdd = !(PURE_PACKAGES[folder] ?? []).includes(target);
  if (PURE.has(folder) && !isTest && isOdd) out.push(`src/${path} imports ${target}: ${folder} is pure`);
  return out;
}

function ownImport(path: string, folder: string, target: string): string[] {
  const resolved = normalize(join(dirname(path), target));
  if (resolved.startsWith('..')) return [`src/${path} imports ${target}, outside of src`];
  const other = resolved.includes('/') ? (resolved.split('/')[0] ?? '') : '';
  // Files directly in src put everything together.
  if (folder === '' || other === folder) return [];
  if (!(MAY_IMPORT[folder] ?? []).includes(other))
    return [`src/${path} imports ${resolved}: ${folder} may not import ${other || 'the composition'}`];
  if (!OPEN.has(other) && resolved !== `${other}/index.ts`) {
    return [`src/${path} imports ${resolved}: another feature is seen through ${other}/index.ts only`];
  }
  return [];
}

/** All violations below a src folder. */
export async function checkLayers(source: string = join(root, 'src')): Promise<string[]> {
  const out: string[] = [];
  for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
    const file = join(entry.parentPath, entry.name);
    const path = relative(source, file).replaceAll('\\', '/');
    out.push(...violationsOf(path, await readFile(file, 'utf8')));
  }
  return out.sort();
}

if (import.meta.main) {
  const violations = await checkLayers();
  for (const violation of violations) console.log(violation);
  process.exitCode = violations.length > 0 ? 1 : 0;
}
