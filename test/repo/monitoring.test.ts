import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DASHBOARDS } from '../../deploy/grafana/index.ts';
import { families } from '../../deploy/metrics/families.ts';
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
/** Those of the agent make themselves at their first sample; its page has them all, by a test of its own. */
const ofAgent = [...(await read('docs/agent.md')).matchAll(/`(aidc_(?:gpu|mig|agent|node)_\w+)`/g)].map(
  ([, name = '']) => ({ name, type: 'gauge' }),
);
const known = [...(await families()), ...ofAgent];

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

describe('the families', () => {
  it('are all described, and end in _total where they count', async () => {
    for (const { name, type, help } of await families()) {
      expect(help, name).not.toBe('');
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
    }
  });
});

describe('the dashboards', () => {
  it('ask only for families that there are', () => {
    const asked = panels.flatMap(({ queries }) => queries.map(({ expr }) => expr));
    expect(asked.flatMap(unknownFamilies)).toEqual([]);
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
});
