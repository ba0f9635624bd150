import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DASHBOARDS } from '../../deploy/grafana/index.ts';
import { agentFamilies, type Family, families } from '../../deploy/metrics/families.ts';
import { PENDING_REASON } from '../../src/api/index.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const rules = (parse(await read('deploy/prometheus/rules.yaml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
const alerts = rules.filter(({ alert }) => alert !== undefined);
const panels = DASHBOARDS.flatMap(({ rows }) => rows.flatMap(([, inRow]) => inRow));
const ofOperator = await families();
const known = [...ofOperator, ...agentFamilies];

/** Families that an expression names and that the operator does not have; those of the Node process are not judged. */
function unknownFamilies(expr: string): string[] {
  const names = expr.match(/(?<![\w:])(?:aidc|workqueue|controller_runtime|leader_election)_\w+/g) ?? [];
  return names.filter(
    (name) =>
      !known.some((family) =>
        family.type === 'histogram'
          ? ['_bucket', '_sum', '_count'].some((part) => name === `${family.name}${part}`)
          : name === family.name,
      ),
  );
}

/** What selectors `family{label=...}` name that is neither a label of the family nor one of targets. */
function unknownLabels(expr: string): string[] {
  return [...expr.matchAll(/(aidc_\w+)\{([^}]*)\}/g)].flatMap(([, name = '', selector = '']) => {
    const { labels = [] } = known.find((family) => name.replace(/_(bucket|sum|count)$/, '') === family.name) ?? {};
    const named = [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = '']) => label);
    return named.filter((label) => ![...labels, ...OF_TARGETS].includes(label)).map((label) => `${name}: ${label}`);
  });
}

/** Labels by what bounds their values. A new one belongs here only where its values cannot grow with time. */
const LABELS = {
  objects: [
    ...[
      'cluster',
      'region',
      'from_region',
      'to_region',
      'queue',
      'tenant',
      'workload',
      'workload_namespace',
      'priority_class',
      'gpu_model',
    ],
    ...['crd', 'resource', 'store', 'controller', 'name', 'currency', 'version'],
    ...['gpu_uuid', 'gpu_node', 'gpu_index', 'pci_bus_id', 'mig_index', 'gpu_instance_id', 'mig_uuid'],
    ...['driver_version', 'cuda_version', 'architecture', 'dtd', 'element'],
    // Only while the pod holds a board.
    'workload_pod',
  ],
  sets: [
    ...['accounting', 'class', 'code', 'condition', 'kind', 'measure', 'model_class', 'outcome', 'period', 'phase'],
    ...['reason', 'result', 'scope', 'source', 'state', 'statistic', 'status', 'verb'],
    ...['attribution', 'domain', 'memory', 'mig_mode', 'sensor', 'type'],
  ],
} as const;
/** What Prometheus sets on its targets: ours would be renamed to exported_*. */
const OF_TARGETS = ['pod', 'namespace', 'container', 'node', 'instance', 'job', 'endpoint', 'service'];
const NOT_BASE_UNITS =
  /_(ms|millis|milliseconds|minutes|hours|days|mib|gib|[kmg]bytes|mebibytes|kilobytes|percent|permille|micros|milli|kwh|kilowatts|kilowatt_hours|kilograms)(_total)?$/;

/** What is wrong with a family, by the rules of Prometheus (best practices, naming) and our own for labels. */
function faults({ name, type, help, labels }: Family): string[] {
  const bounded: readonly string[] = [...LABELS.objects, ...LABELS.sets];
  const rules: [boolean, string][] = [
    [/^(aidc|workqueue|controller_runtime|leader_election)(_[a-z0-9]+)+$/.test(name), 'name'],
    [name.endsWith('_total') === (type === 'counter'), '_total'],
    // A number of SMs is no part of a histogram; its name has been in use.
    [!/_(count|sum|bucket)$/.test(name) || name === 'aidc_mig_device_sm_count', 'name of a part'],
    [type !== 'histogram' || name.endsWith('_seconds'), 'unit of a histogram'],
    [!NOT_BASE_UNITS.test(name), 'not a base unit'],
    [!name.includes('timestamp') || name.endsWith('_timestamp_seconds'), 'timestamp'],
    [help.trim() !== '', 'help'],
    [labels.every((label) => /^[a-z][a-z_]*$/.test(label) && !['le', 'quantile'].includes(label)), 'label'],
    [labels.every((label) => !OF_TARGETS.includes(label)), 'label of targets'],
    [labels.every((label) => bounded.includes(label)), 'label without bound'],
    [new Set(labels).size === labels.length, 'label twice'],
  ];
  return rules.flatMap(([holds, rule]) => (holds ? [] : [`${name}: ${rule}`]));
}

describe('the families', () => {
  it('have names, units, descriptions and labels as they should', () => {
    expect(ofOperator.length).toBeGreaterThan(70);
    expect(known.flatMap(faults)).toEqual([]);
    const names = known.map(({ name }) => name);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });

  it('have no label of the list that none of them has', () => {
    const used = new Set(known.flatMap(({ labels }) => labels));
    expect(Object.values(LABELS).flatMap((list) => list.filter((label) => !used.has(label)))).toEqual([]);
  });

  it.each([
    [{ name: 'aidc_Things' }, 'name'],
    [{ name: 'other_things' }, 'name'],
    [{ name: 'aidc_things_total' }, '_total'],
    [{ type: 'counter' }, '_total'],
    [{ name: 'aidc_things_count' }, 'name of a part'],
    [{ name: 'aidc_wait_minutes' }, 'not a base unit'],
    [{ name: 'aidc_used_kwh_total', type: 'counter' }, 'not a base unit'],
    [{ type: 'histogram' }, 'unit of a histogram'],
    [{ name: 'aidc_seen_timestamp' }, 'timestamp'],
    [{ help: ' ' }, 'help'],
    [{ labels: ['le'] }, 'label'],
    [{ labels: ['pod'] }, 'label of targets'],
    [{ labels: ['message'] }, 'label without bound'],
    [{ labels: ['queue', 'queue'] }, 'label twice'],
  ])('%j has a fault', (over, rule) => {
    const family: Family = { name: 'aidc_things', type: 'gauge', help: 'Things.', labels: [], ...over };
    expect(faults(family)).toContain(`${family.name}: ${rule}`);
  });
});

describe('the dashboards', () => {
  it('ask only for families that there are', () => {
    const asked = panels.flatMap(({ queries }) => queries.map(({ expr }) => expr));
    expect(asked.flatMap(unknownFamilies)).toEqual([]);
    expect(asked.flatMap(unknownLabels)).toEqual([]);
    expect(DASHBOARDS.flatMap(({ variables }) => variables.flatMap(({ family }) => unknownFamilies(family)))).toEqual(
      [],
    );
  });

  it('have titles that name one panel each, and descriptions', () => {
    for (const { uid, rows } of DASHBOARDS) {
      const titles = rows.flatMap(([, inRow]) => inRow.map(({ title }) => title));
      expect(new Set(titles).size, uid).toBe(titles.length);
    }
    expect(panels.filter(({ description }) => description === '')).toEqual([]);
  });
});

describe('the rules', () => {
  it('ask only for families that there are, or that a rule records', () => {
    expect(rules.flatMap(({ expr }) => unknownFamilies(expr))).toEqual([]);
    expect(rules.flatMap(({ expr }) => unknownLabels(expr))).toEqual([]);
    const recorded = rules.flatMap(({ record }) => record ?? []);
    const used = rules.flatMap(({ expr }) => expr.match(/\b[a-z]+:\w+(?::\w+)*/g) ?? []);
    expect(used.filter((name) => !recorded.includes(name))).toEqual([]);
  });

  it('are all unit tested', async () => {
    const tests = await read('deploy/prometheus/rules.test.yaml');
    expect(rules.filter(({ alert, record }) => !tests.includes(`${alert ?? record}`))).toEqual([]);
  });

  it('say what is wrong, and link each alert to its section', async () => {
    const sections = [...(await read('docs/alerts.md')).matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    expect(sections).toEqual(alerts.map(({ alert }) => alert));
    for (const { alert, labels, annotations } of alerts) {
      expect(['critical', 'warning', 'info']).toContain(labels?.severity);
      expect(annotations).toEqual({
        summary: expect.stringMatching(/\.$/),
        description: expect.stringMatching(/\.$/),
        runbook_url: `docs/alerts.md#${alert?.toLowerCase()}`,
      });
    }
  });

  it('name only reasons that there are', () => {
    const named = rules.flatMap(({ expr }) => expr.match(/reason=~"([^"]+)"/)?.[1]?.split('|') ?? []);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((reason) => !(reason in PENDING_REASON))).toEqual([]);
  });
});

// A check that never bites proves nothing.
describe('the check of families', () => {
  it('finds one that there is not, and a histogram without its part', () => {
    expect(unknownFamilies('sum(rate(aidc_no_such_total[5m])) / workqueue_depth')).toEqual(['aidc_no_such_total']);
    expect(unknownFamilies('aidc_scheduling_cycle_duration_seconds')).toHaveLength(1);
    expect(unknownFamilies('aidc_scheduling_cycle_duration_seconds_bucket')).toEqual([]);
  });

  it('finds a label that a family does not have', () => {
    const expr = 'sum(aidc_gpu_health{gpu_node=~"$node", status="lost"}) + aidc_gpu_allocated{instance="a"}';
    expect(unknownLabels(expr)).toEqual(['aidc_gpu_health: status']);
  });
});
