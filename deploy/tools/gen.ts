/**
 * `npm run gen`: everything that follows from the schemas in src/api, the dashboards, and the list of metrics. With
 * --check nothing is written, and the exit code is 1 when a file is not what it should be.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { customResourceDefinition, type Field, fieldsOf, rootSchema } from '../../src/api/crd.ts';
import { API_VERSION, GROUP, KINDS, type KindDefinition } from '../../src/api/index.ts';
import { DASHBOARD_FOLDER, dashboardFiles } from '../grafana/index.ts';
import { families, metricsDocument } from '../metrics/families.ts';

const root = join(import.meta.dirname, '..', '..');
const HEADER = 'Generated from src/api by `npm run gen`; do not edit.';

const CHART_FILES = 'charts/aidc-operator/files';
const CRD_FOLDERS = ['crds', `${CHART_FILES}/crds`];
/** One for whoever takes them by hand, one inside of the chart. */
const DASHBOARD_FOLDERS = [DASHBOARD_FOLDER, `${CHART_FILES}/dashboards`];
const RULES = 'deploy/prometheus/rules.yaml';

/** Content by path of what follows from the schemas. */
export function generated(): Map<string, string> {
  const files = new Map<string, string>();
  for (const kind of KINDS) {
    const yaml = stringify(customResourceDefinition(kind), {
      lineWidth: 0,
      aliasDuplicateObjects: false,
      compat: 'yaml-1.1',
    });
    // One for `kubectl apply`, one inside of the chart, which can read its own files only.
    for (const folder of CRD_FOLDERS) files.set(`${folder}/${GROUP}_${kind.plural}.yaml`, `# ${HEADER}\n${yaml}`);
  }
  files.set('docs/reference/api.md', reference());
  return files;
}

function reference(): string {
  const parts = [`<!-- ${HEADER} -->`, '# API reference', '', `Group and version: \`${API_VERSION}\`.`];
  for (const kind of KINDS) parts.push(...section(kind));
  return `${parts.join('\n')}\n`;
}

function section(kind: KindDefinition): string[] {
  const fields = [...fieldsOf(rootSchema(kind), '')].filter(({ path }) => /^\.(spec|status)/.test(path));
  return [
    '',
    `## ${kind.kind}`,
    '',
    `${kind.description} Short name: \`${kind.shortNames.join('`, `')}\`; ${kind.namespaced ? 'namespaced' : 'cluster-scoped'}.`,
    '',
    '| Field | Type | Default | Meaning |',
    '|---|---|---|---|',
    ...fields.map(row),
  ];
}

function row(field: Field): string {
  const fallback = 'default' in field ? `\`${JSON.stringify(field.default)}\`` : field.required ? 'required' : '';
  return `| \`${field.path.slice(1)}\` | ${field.type} | ${fallback} | ${field.description.replaceAll('|', '\\|')} |`;
}

async function main(check: boolean): Promise<number> {
  const metrics = metricsDocument(
    await families(),
    'Generated from the families in src by `npm run gen`; do not edit.',
  );
  const files = new Map([...generated(), ['docs/metrics.md', metrics] as const]);
  for (const folder of DASHBOARD_FOLDERS) {
    for (const [name, content] of dashboardFiles()) files.set(`${folder}/${name}`, content);
  }
  files.set(
    `${CHART_FILES}/rules.yaml`,
    `# Copy of ${RULES}, written by \`npm run gen\`; do not edit.
${await rules()}`,
  );
  const wrong: string[] = [];
  for (const [path, content] of files) {
    const now = await readFile(join(root, path), 'utf8').catch(() => undefined);
    if (now === content) continue;
    wrong.push(path);
    if (check) continue;
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  for (const path of await strays(files)) {
    wrong.push(path);
    if (!check) await rm(join(root, path));
  }
  if (wrong.length === 0) console.log(`${files.size} generated files are up to date`);
  else console.log(`${check ? 'not up to date (run npm run gen)' : 'written'}:\n  ${wrong.join('\n  ')}`);
  return check && wrong.length > 0 ? 1 : 0;
}

const rules = (): Promise<string> => readFile(join(root, RULES), 'utf8');

/** Files beside the CRDs that no kind stands behind, and dashboards that are no more. */
async function strays(files: Map<string, string>): Promise<string[]> {
  const present = await Promise.all(
    [...CRD_FOLDERS, ...DASHBOARD_FOLDERS].map(async (folder) => {
      const names = await readdir(join(root, folder)).catch(() => []);
      return names.map((name) => `${folder}/${name}`);
    }),
  );
  return present.flat().filter((path) => !files.has(path));
}

if (import.meta.main) process.exitCode = await main(process.argv.includes('--check'));
