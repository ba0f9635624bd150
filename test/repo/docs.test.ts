import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { API_VERSION, KINDS } from '../../src/api/index.ts';
import { describeAgentSettings, describeSettings, loadAgentConfig, loadConfig } from '../../src/config/index.ts';

const root = join(import.meta.dirname, '..', '..');

/** Paths of files below a folder that a pattern matches, from the root. */
async function filesBelow(folder: string, pattern: RegExp): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');

const isGenerated = (path: string): boolean => path.startsWith('docs/reference/') || path === 'docs/metrics.md';
const documents = [
  'README.md',
  'README.zh-CN.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  ...(await filesBelow('docs', /\.md$/)),
];
const texts = new Map(await Promise.all(documents.map(async (path) => [path, await read(path)] as const)));

/** Text without code, where a bracket is no link. */
const prose = (text: string): string => text.replaceAll(/^```[\s\S]*?^```$/gm, '').replaceAll(/`[^`\n]*`/g, 'code');

/** What stands in fences and between backquotes. */
function code(text: string): string[] {
  const fences = [...text.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
  const spans = [...text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '');
  return [...fences, ...spans];
}

/** GitHub's name of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

const anchorsIn = (text: string): string[] =>
  [...text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm)].map((match) => anchorOf(match[1] ?? ''));

/** Relative links of a document that lead nowhere. */
function deadLinks(path: string, text: string): string[] {
  const targets = [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [file = '', anchor] = target.split('#');
      const to = file === '' ? path : join(dirname(path), file);
      if (file !== '' && (to.startsWith('..') || !existsSync(join(root, to)))) return true;
      return anchor !== undefined && !anchorsIn(texts.get(to) ?? text).includes(anchor);
    })
    .map((target) => `${path}: ${target}`);
}

const scripts = Object.keys((JSON.parse(await read('package.json')) as { scripts: object }).scripts);

/** Commands of npm itself. */
const OF_NPM = ['publish', 'sbom'];

/** `npm X` and `npm run X` for which there is no script. */
function unknownScripts(path: string, text: string): string[] {
  return code(text)
    .flatMap((part) => [...part.matchAll(/\bnpm (?:run )?([a-z][\w:-]*)/g)].map((match) => match[1] ?? ''))
    .filter((name) => !scripts.includes(name) && !OF_NPM.includes(name))
    .map((name) => `${path}: npm ${name}`);
}

interface Setting {
  readonly flag: string;
  readonly variable: string;
}

/** Settings of a role, the page that lists them, and their defaults. */
interface Role {
  readonly page: string;
  readonly settings: readonly Setting[];
  readonly defaults: Readonly<Record<string, unknown>>;
}

const settingsIn = (help: string): readonly Setting[] =>
  [...help.matchAll(/^ *(--[\w-]+) .*\[(AIDC_\w+)\]$/gm)].map(([, flag = '', variable = '']) => ({ flag, variable }));

const operator: Role = {
  page: 'docs/operations.md',
  settings: settingsIn(describeSettings()),
  defaults: loadConfig([], {}),
};
const agent: Role = {
  page: 'docs/agent.md',
  settings: settingsIn(describeAgentSettings()),
  defaults: loadAgentConfig([], {}),
};
/** These differ from place to place, or have none. */
const WITHOUT_DEFAULT: ReadonlySet<string> = new Set([
  'identity',
  'kubeconfig',
  'kubeconfigSecrets',
  'metricsCertDir',
  'node',
  'stateFile',
  'powerCapFrontier',
  'workloadLabels',
]);

const sources = (
  await Promise.all(
    [
      ...(await filesBelow('src', /(?<!\.test)\.ts$/)),
      ...(await filesBelow('deploy', /\.(ts|mjs|sh|ya?ml)$/)),
      ...(await filesBelow('test', /\.ts$/)),
      'vitest.config.ts',
    ]
      // This file names some that do not exist.
      .filter((path) => path !== 'test/repo/docs.test.ts')
      .map(read),
  )
).join('\n');

/** Variables of ours that nothing reads or sets. */
function unknownVariables(path: string, text: string): string[] {
  return [...new Set(text.match(/\bAIDC_[A-Z0-9_]+/g))]
    .filter((name) => ![operator, agent].some((role) => role.settings.some(({ variable }) => variable === name)))
    .filter((name) => !new RegExp(`\\b${name}(?![A-Z0-9_])`).test(sources))
    .map((name) => `${path}: ${name}`);
}

/** Cells of the rows of all tables under a header that begins so. */
function rowsUnder(text: string, header: string): string[][] {
  const rows: string[][] = [];
  let inside = false;
  for (const line of text.split('\n')) {
    if (line.startsWith(header)) inside = true;
    else if (!line.startsWith('|')) inside = false;
    else if (inside && !line.startsWith('|---'))
      rows.push(
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
  }
  return rows;
}

/** What a flag table says otherwise than the code does. */
function wrongSettings(text: string, { settings, defaults }: Role = operator): string[] {
  const rows = rowsUnder(text, '| Flag |');
  const said = rows.map(([flag = '', variable = '']) => `${flag} ${variable}`);
  const wanted = settings.map(({ flag, variable }) => `\`${flag}\` \`${variable}\``);
  const wrong = [
    ...wanted.filter((row) => !said.includes(row)).map((row) => `missing: ${row}`),
    ...said.filter((row) => !wanted.includes(row)).map((row) => `no such setting: ${row}`),
  ];
  for (const [flag = '', , value = ''] of rows) {
    const name = flag.replaceAll(/`|^`--/g, '').replaceAll(/-+([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const key = name.charAt(0).toLowerCase() + name.slice(1);
    if (WITHOUT_DEFAULT.has(key)) continue;
    if (value !== `\`${defaults[key]}\``) wrong.push(`default of ${flag}: ${value}, not \`${defaults[key]}\``);
  }
  return wrong;
}

/** A sample without what the schema would drop. */
function dropped(input: unknown, output: unknown, path: string): string[] {
  if (typeof input !== 'object' || input === null) return [];
  return Object.entries(input).flatMap(([key, value]) => {
    const kept = (output as Record<string, unknown> | undefined)?.[key];
    return kept === undefined ? [`${path}.${key} is not a field`] : dropped(value, kept, `${path}.${key}`);
  });
}

/** Manifests of ours in a document that the schemas refuse. */
function badManifests(path: string, text: string): string[] {
  const fences = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '');
  return fences.flatMap((fence) =>
    parseAllDocuments(fence).flatMap((document) => {
      if (document.errors.length > 0) return [`${path}: ${document.errors[0]?.message}`];
      const object = document.toJS() as { apiVersion?: string; kind?: string; spec?: unknown } | null;
      if (object?.apiVersion !== API_VERSION) return [];
      const kind = KINDS.find((one) => one.kind === object.kind);
      if (kind === undefined) return [`${path}: there is no kind ${object.kind}`];
      const parsed = kind.spec.safeParse(object.spec);
      if (!parsed.success) return [`${path}: ${parsed.error.message}`];
      return dropped(object.spec, parsed.data, `${path}: spec`);
    }),
  );
}

const everywhere = (problems: (path: string, text: string) => string[]): string[] =>
  [...texts].flatMap(([path, text]) => problems(path, text));

describe('the documentation', () => {
  it('has no link that leads nowhere', () => {
    expect(everywhere(deadLinks)).toEqual([]);
  });

  it('names only scripts that there are', () => {
    expect(everywhere(unknownScripts)).toEqual([]);
  });

  it('names only variables that something reads or sets', () => {
    expect(everywhere(unknownVariables)).toEqual([]);
  });

  it('has manifests that the API takes', () => {
    expect(everywhere(badManifests)).toEqual([]);
  });

  it('lists every setting, with its variable and its default', () => {
    expect(operator.settings.length).toBe(Object.keys(operator.defaults).length + 2);
    expect(agent.settings.length).toBe(Object.keys(agent.defaults).length + 3);
    for (const role of [operator, agent]) expect(wrongSettings(texts.get(role.page) ?? '', role)).toEqual([]);
  });

  it('lists every family of metrics, and none that there is not', async () => {
    const code = (await Promise.all((await filesBelow('src', /(?<!\.test)\.ts$/)).map(read))).join('\n');
    const families = [...code.matchAll(/'((?:aidc|workqueue|leader_election)_[a-z_]+)'/g)].map((match) => match[1]);
    // Those of the agent are in the generated page only.
    const ofAgent = texts.get('docs/metrics.md')?.match(/^## The agent$.*?(?=^## )/ms)?.[0] ?? '';
    const pages = [operator, agent].map(({ page }) => texts.get(page) ?? '').join('\n') + ofAgent;
    const said = [...pages.matchAll(/`((?:aidc|workqueue|leader_election)_[a-z_]+)`/g)];
    expect([...new Set(said.map((match) => match[1]))].sort()).toEqual([...new Set(families)].sort());
  });

  it('has every decision in the index, under the title of its record', async () => {
    const index = texts.get('docs/adr/README.md') ?? '';
    for (const path of documents.filter((one) => /^docs\/adr\/\d/.test(one))) {
      const name = path.slice('docs/adr/'.length);
      expect(index).toContain(`[${name.slice(0, 4)}](${name})`);
      expect(texts.get(path)).toMatch(
        new RegExp(`^# ${name.slice(0, 4)}: .+\n\n## Context\n[^]+\n## Decision\n[^]+\n## Consequences\n`),
      );
    }
  });

  it('speaks of every kind in the concepts', () => {
    for (const { kind, shortNames } of KINDS) {
      expect(texts.get('docs/concepts.md')).toContain(`| ${kind} | \`${shortNames[0]}\` |`);
    }
  });

  it('has one place for the picture of a run', () => {
    expect(texts.get('README.md')?.match(/^<!-- run:(start|end) -->$/gm)).toEqual([
      '<!-- run:start -->',
      '<!-- run:end -->',
    ]);
  });

  it('has the whole licence', async () => {
    const licence = await read('LICENSE');
    expect((await stat(join(root, 'LICENSE'))).size).toBeGreaterThan(11_000);
    for (const section of ['1. Definitions.', '9. Accepting Warranty', 'END OF TERMS AND CONDITIONS', 'APPENDIX'])
      expect(licence).toContain(section);
  });

  it('is written by hand but for the references', () => {
    for (const [path, text] of texts) expect(text.startsWith('<!-- Generated')).toBe(isGenerated(path));
  });
});

// A check that never bites proves nothing.
describe('the checks of the documentation', () => {
  it('find a dead link, and a dead anchor', () => {
    expect(deadLinks('docs/x.md', '[a](../README.md) [b](nowhere.md) [c](https://example.com)')).toEqual([
      'docs/x.md: nowhere.md',
    ]);
    expect(deadLinks('docs/x.md', '# A title: one\n[a](#a-title-one) [b](#other)')).toEqual(['docs/x.md: #other']);
    expect(deadLinks('docs/x.md', '[a](../../outside.md)')).toHaveLength(1);
  });

  it('find a script that is not there', () => {
    expect(
      unknownScripts('x.md', 'Say `npm run nothing` or `npm test`.\n```sh\nnpm run gen\nnpm other\n```\n'),
    ).toEqual(['x.md: npm other', 'x.md: npm nothing']);
  });

  it('find a variable that nothing reads', () => {
    expect(unknownVariables('x.md', 'AIDC_HTTP_PORT AIDC_DATASET_ AIDC_TEST_LOGS AIDC_NO_SUCH AIDC_TEST')).toEqual([
      'x.md: AIDC_NO_SUCH',
      'x.md: AIDC_TEST',
    ]);
  });

  it('find a setting that is missing, unknown, or has another default', () => {
    const table = [
      '| Flag | Variable |',
      '|---|---|',
      '| `--http-port` | `AIDC_HTTP_PORT` | `80` | x |',
      '| `--no` | `AIDC_NO` | x |',
    ];
    const wrong = wrongSettings(table.join('\n'));
    expect(wrong).toContain('missing: `--workers` `AIDC_WORKERS`');
    expect(wrong).toContain('no such setting: `--no` `AIDC_NO`');
    expect(wrong).toContain('default of `--http-port`: `80`, not `8080`');
  });

  it('find a manifest with a field that there is not', () => {
    const manifest = (spec: string) =>
      `\`\`\`yaml\napiVersion: ${API_VERSION}\nkind: ComputeQuote\nspec: ${spec}\n\`\`\`\n`;
    expect(badManifests('x.md', manifest('{numNodes: 2}'))).toEqual([]);
    expect(badManifests('x.md', manifest('{nodes: 2}'))).toEqual(['x.md: spec.nodes is not a field']);
    expect(badManifests('x.md', manifest('{numNodes: no}'))).toHaveLength(1);
  });
});
