/**
 * The rules of Grafana's dashboard-linter, by their names there, over the JSON that Grafana gets; deploy/grafana/lint.yaml
 * says where we differ, in the linter's own format. That each query is valid PromQL is asked of a real Prometheus, in
 * test/integration/prometheus.test.ts.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { dashboardFiles } from '../../deploy/grafana/index.ts';

interface Dashboard {
  title: string;
  editable: boolean;
  templating: { list: Template[] };
  panels: Panel[];
}
interface Template {
  readonly name: string;
  readonly type: string;
  readonly query: unknown;
  readonly datasource?: { readonly uid: string };
  label: string;
  refresh: number;
}
interface Panel {
  readonly type: string;
  title: string;
  description: string;
  datasource?: { readonly uid: string };
  targets: { readonly refId: string; readonly datasource: { readonly uid: string }; expr: string }[];
  fieldConfig: { readonly defaults: { unit?: string } };
}
/** What breaks a rule, and where. */
interface Fault {
  readonly rule: string;
  readonly dashboard: string;
  readonly panel?: string;
}
interface Exclusion {
  readonly reason: string;
  readonly entries?: readonly { readonly dashboard?: string; readonly panel?: string }[];
}

const SOURCE = '$' + '{datasource}';
/** Ids of Grafana's units (packages/grafana-data/src/valueFormats/categories.ts) that we have use for. */
const UNITS = ['none', 's', 'bytes', 'celsius', 'kwatth', 'watt', 'masskg', 'ops', 'reqps', 'percentunit'];

const dashboards = [...dashboardFiles()].map(([, text]) => JSON.parse(text) as Dashboard);
const { exclusions } = parse(
  await readFile(join(import.meta.dirname, '..', '..', 'deploy', 'grafana', 'lint.yaml'), 'utf8'),
) as { exclusions: Record<string, Exclusion> };

/** Selectors of an expression: the family, its matchers, the range behind it and the function around that. */
function selectors(expr: string) {
  const plain = expr.replaceAll(/\b(?:by|without|on|ignoring|group_left|group_right) \([^)]*\)/g, '');
  const found = plain.matchAll(
    /(?:(\w+)\()?\b((?:aidc|workqueue|controller_runtime|leader_election|process|nodejs)_\w+)(\{[^}]*\})?(?:\[([^\]]+)\])?/g,
  );
  return [...found].map(([, call = '', family = '', matchers = '', range]) => ({ call, family, matchers, range }));
}

function faultsOfQuery(expr: string): string[] {
  const all = selectors(expr);
  const rules: [boolean, string][] = [
    [all.length > 0, 'target-promql-rule'],
    [all.every(({ matchers }) => matchers.includes('job=~"$job"')), 'target-job-rule'],
    [all.every(({ matchers }) => matchers.includes('instance=~"$instance"')), 'target-instance-rule'],
    [
      all.every(({ call, range }) => !/^i?rate$/.test(call) || range === '$__rate_interval'),
      'target-rate-interval-rule',
    ],
    // Stricter than the linter, which looks only at families that stand without matchers.
    [
      all.every(({ family, call }) => !/_(total|bucket)$/.test(family) || /^(i?rate|increase)$/.test(call)),
      'target-counter-agg-rule',
    ],
  ];
  return broken(rules);
}

const broken = (rules: readonly [boolean, string][]): string[] =>
  rules.flatMap(([holds, rule]) => (holds ? [] : [rule]));

function faultsOf(dashboard: Dashboard): Fault[] {
  const { title, editable, templating, panels } = dashboard;
  const [source, ...variables] = templating.list;
  const names = variables.map(({ name }) => name);
  const ofDashboard: [boolean, string][] = [
    [source?.type === 'datasource' && source.query === 'prometheus', 'template-datasource-rule'],
    [source?.name === 'datasource' && source.label === 'Data source', 'template-datasource-rule'],
    [names.includes('job'), 'template-job-rule'],
    [names.includes('instance'), 'template-instance-rule'],
    [variables.every(({ datasource }) => datasource?.uid === SOURCE), 'panel-datasource-rule'],
    [variables.every(({ refresh }) => refresh === 2), 'template-on-time-change-reload-rule'],
    [!editable, 'uneditable-dashboard'],
  ];
  const faults: Fault[] = broken(ofDashboard).map((rule) => ({ rule, dashboard: title }));
  for (const { type, title: panel, description, datasource, targets, fieldConfig } of panels) {
    if (type === 'row') continue;
    const ofPanel: [boolean, string][] = [
      [
        [datasource, ...targets.map((target) => target.datasource)].every((one) => one?.uid === SOURCE),
        'panel-datasource-rule',
      ],
      [panel !== '' && description !== '', 'panel-title-description-rule'],
      [UNITS.includes(fieldConfig.defaults.unit ?? ''), 'panel-units-rule'],
      [targets.length > 0, 'panel-no-targets-rule'],
      [new Set(targets.map(({ refId }) => refId)).size === targets.length, 'panel-no-targets-rule'],
      // A variable that is spelt wrong is sent as it is, and finds nothing.
      [
        targets.every(({ expr }) => (expr.match(/\$(?!__)\w+/g) ?? []).every((name) => names.includes(name.slice(1)))),
        'template-label-promql-rule',
      ],
    ];
    const rules = [...broken(ofPanel), ...new Set(targets.flatMap(({ expr }) => faultsOfQuery(expr)))];
    faults.push(...rules.map((rule) => ({ rule, dashboard: title, panel })));
  }
  return faults;
}

const covers = (entry: { dashboard?: string; panel?: string }, fault: Fault): boolean =>
  (entry.dashboard ?? fault.dashboard) === fault.dashboard && (entry.panel ?? fault.panel) === fault.panel;

function isExcluded(fault: Fault): boolean {
  const exclusion = exclusions[fault.rule];
  return exclusion !== undefined && (exclusion.entries?.some((entry) => covers(entry, fault)) ?? true);
}

it('keeps the rules, but where lint.yaml says why not', () => {
  expect(dashboards.flatMap(faultsOf).filter((fault) => !isExcluded(fault))).toEqual([]);
});

it('excludes nothing without need or reason', () => {
  const faults = dashboards.flatMap(faultsOf);
  for (const [rule, { reason, entries = [{}] }] of Object.entries(exclusions)) {
    expect(reason.length, rule).toBeGreaterThan(40);
    for (const entry of entries) {
      expect(
        faults.some((fault) => fault.rule === rule && covers(entry, fault)),
        `${rule}: ${JSON.stringify(entry)}`,
      ).toBe(true);
    }
  }
});

it.each<[string, (dashboard: Dashboard, panel: Panel) => void]>([
  ['template-datasource-rule', (dashboard) => Object.assign(dashboard.templating.list[0] as Template, { label: 'X' })],
  [
    'template-on-time-change-reload-rule',
    ({ templating }) => Object.assign(templating.list[1] as Template, { refresh: 1 }),
  ],
  ['uneditable-dashboard', (dashboard) => Object.assign(dashboard, { editable: true })],
  ['panel-datasource-rule', (_, panel) => Object.assign(panel, { datasource: { uid: 'P1809F7CD0C75ACF3' } })],
  ['panel-title-description-rule', (_, panel) => Object.assign(panel, { description: '' })],
  ['panel-units-rule', (_, panel) => Object.assign(panel.fieldConfig.defaults, { unit: 'watts' })],
  ['panel-no-targets-rule', (_, panel) => panel.targets.splice(0)],
  ['target-promql-rule', (_, { targets }) => Object.assign(targets[0] as object, { expr: 'vector(1)' })],
  [
    'template-label-promql-rule',
    (_, { targets }) => Object.assign(targets[0] as object, { expr: 'aidc_x{a=~"$rgion"}' }),
  ],
  [
    'target-rate-interval-rule',
    (_, { targets }) => Object.assign(targets[0] as object, { expr: 'rate(aidc_x_total[5m])' }),
  ],
  [
    'target-counter-agg-rule',
    (_, { targets }) => Object.assign(targets[0] as object, { expr: 'sum(aidc_x_total{a="b"})' }),
  ],
])('finds a fault of %s', (rule, spoil) => {
  const dashboard = structuredClone(dashboards[0] as Dashboard);
  expect(faultsOf(dashboard).map((fault) => fault.rule)).not.toContain(rule);
  spoil(dashboard, dashboard.panels.find(({ type }) => type !== 'row') as Panel);
  expect(faultsOf(dashboard).map((fault) => fault.rule)).toContain(rule);
});
