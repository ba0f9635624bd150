import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DASHBOARDS } from '../../deploy/grafana/index.ts';
import { AGENT_TARGETS, startAgents } from '../../deploy/local/start/agents.ts';
import { type OperatorProcess, startOperatorProcess, untilReady } from '../../deploy/local/start/operator-process.ts';
import { programOnPath, RULES, startPrometheus } from '../../deploy/local/start/prometheus.ts';
import { agentFamilies, families } from '../../deploy/metrics/families.ts';
import type { ModelServing, ModelTraining } from '../../src/api/index.ts';
import { SERVINGS, TRAININGS } from '../../src/hub/index.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import type { KubeObject } from '../../src/kube/resource.ts';
import { h100Region, useEnvironment } from '../support/environment.ts';
import { applyAll, eventually, queue, regionSpec, setUpCentre, trainingOf, untilObject } from '../support/operator.ts';

const prometheus = await programOnPath('prometheus');
const promtool = await programOnPath('promtool');
const installed = prometheus !== undefined && promtool !== undefined;
if (!installed) {
  const missing = [prometheus ?? 'prometheus', promtool ?? 'promtool'].filter((name) => !name.includes('/')).join(', ');
  console.warn(
    `SKIPPED (not installed: ${missing}): the rules and their unit tests, \`promtool check metrics\` of operator and agent, and every query of rules and panels were NOT checked.`,
  );
}

type Training = ModelTraining & KubeObject;
type Serving = ModelServing & KubeObject;

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
}
interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [atSeconds: number, value: string];
}

const rules = (parse(await readFile(RULES, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) =>
  group.rules.map((rule) => ({ ...rule, name: rule.alert ?? rule.record })),
);
const panels = DASHBOARDS.flatMap(({ uid, rows }) =>
  rows.flatMap(([, inRow]) => inRow.flatMap(({ title, queries }) => queries.map(({ expr }) => ({ uid, title, expr })))),
);

/** What Grafana puts in: everything chosen, the last minutes shown. */
const filledIn = (expr: string): string =>
  expr
    .replaceAll('$__range', '5m')
    .replaceAll('$__rate_interval', '1m')
    .replaceAll(/"\$\w+"/g, '".*"');

describe.skipIf(!installed)('Prometheus beside a running operator', () => {
  const centre = useEnvironment({ regions: [h100Region('west', 2)] });
  let hub: KubeClient;
  let operator: OperatorProcess;
  let address: string;

  const agentExposition = async (): Promise<string> => {
    const [one] = JSON.parse(await readFile(join(centre.environment.dir, AGENT_TARGETS), 'utf8')) as {
      targets: string[];
    }[];
    return (await fetch(`http://${one?.targets[0]}/metrics`)).text();
  };
  const exposition = async (): Promise<string> => (await fetch(`${operator.url}/metrics`)).text();
  const check = async (args: readonly string[], input = ''): Promise<string> => {
    const child = promisify(execFile)(promtool ?? '', [...args]);
    child.child.stdin?.end(input);
    const { stdout, stderr } = await child;
    return `${stdout}${stderr}`;
  };
  /** Throws Prometheus' own sentence where the expression does not parse or fails. */
  const ask = async (expr: string): Promise<readonly Series[]> => {
    const answer = await fetch(`${address}/api/v1/query?${new URLSearchParams({ query: expr })}`);
    const { data, error } = (await answer.json()) as { data?: { result: Series[] }; error?: string };
    if (data === undefined) throw new Error(`${error}: ${expr}`);
    return data.result;
  };

  beforeAll(async () => {
    hub = await setUpCentre(centre.environment, {
      west: regionSpec('west', {
        location: { zone: 'West', jurisdiction: 'CN-GZ', latitude: '26.38', longitude: '106.46' },
        power: { budgetWatts: 1_000_000 },
      }),
    });
    await applyAll(hub, [
      { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'online' }, value: 100 },
      queue('default', {
        namespaceSelector: {},
        quota: [{ accelerator: 'H100', nominal: 16 }],
        preemption: { withinQueue: 'LowerPriority' },
        budgets: [{ period: 'Month', gpuHours: 1_000_000 }],
      }),
    ]);
    operator = await startOperatorProcess({
      program: join(import.meta.dirname, '..', '..', 'dist', 'main.js'),
      kubeconfigPath: centre.hub.kubeconfigPath,
      dir: centre.environment.dir,
      // Long, because nothing here takes over, and the machine may be busy.
      env: { AIDC_CREATE_NAMESPACES: 'true', AIDC_LEASE_SECONDS: '300', AIDC_RENEW_SECONDS: '240' },
    });
    await untilReady(operator, 60_000);
    // As npm start has them: real agents, which find by themselves the boards that nodes of the region are said to have.
    await startAgents(centre.environment, 2);
    address = await startPrometheus({
      agentsFile: join(centre.environment.dir, AGENT_TARGETS),
      program: prometheus ?? '',
      dir: centre.environment.dir,
      target: operator.url,
      intervalSeconds: 1,
    });
    // It needs more than there is, and waits: the series of its queue are there, at 0, before anything is counted.
    await applyAll(hub, [training('unmet', 40)]);
    const first = async (): Promise<boolean> => (await ask('aidc_queue_wait_seconds_count')).length > 0;
    await eventually('the first samples', first);
    // The serving pushes it out.
    await applyAll(hub, [training('run', 2)]);
    await untilObject<Training>(
      hub,
      TRAININGS,
      { namespace: 'team', name: 'run' },
      'Running',
      (object) => object.status?.phase === 'Running',
      60_000,
    );
    await applyAll(hub, [serving]);
    await untilObject<Serving>(
      hub,
      SERVINGS,
      { namespace: 'team', name: 'chat' },
      'Ready',
      (object) => object.status?.phase === 'Ready',
      60_000,
    );
  });

  afterAll(async () => {
    const { AIDC_TEST_PANELS: file } = process.env;
    if (file !== undefined) await writeFile(file, await answers());
    await operator?.stop();
    await hub?.close();
  });
  /** What the query of each panel gives now, a line each. */
  const answers = async (): Promise<string> => {
    const lines = panels.map(async ({ uid, title, expr }) => {
      const [first, ...others] = await ask(filledIn(expr));
      return `${uid} | ${title} | ${others.length + (first === undefined ? 0 : 1)} series | ${first?.value[1] ?? '-'}`;
    });
    return `${(await Promise.all(lines)).join('\n')}\n`;
  };

  it('finds nothing to say about the families', async () => {
    await check(['check', 'metrics'], await exposition());
    await check(['check', 'metrics'], await agentExposition());
  });

  it('finds no family of the agent that docs/metrics.md has not', async () => {
    const text = await agentExposition();
    const exposed = [...text.matchAll(/^# TYPE (aidc_\S+) (\S+)$/gm)].map(([, name, type]) => ({ name, type }));
    expect(exposed.length).toBeGreaterThan(20);
    expect(agentFamilies.map(({ name, type }) => ({ name, type }))).toEqual(expect.arrayContaining(exposed));
  });

  it('reads every family of docs/metrics.md, and no other', async () => {
    const exposed = [...(await exposition()).matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => name);
    const ours = exposed.filter((name) => !/^(process|nodejs)_/.test(name)).sort();
    expect(ours).toEqual((await families()).map(({ name }) => name));
  });

  it('takes the rules, and they do what their unit tests say', async () => {
    await check(['check', 'rules', RULES]);
    await check(['test', 'rules', RULES.replace(/\.yaml$/, '.test.yaml')]);
  });

  describe('once it has looked for a while', () => {
    /** What has no data yet, by what Prometheus said; all wait together, not each for itself. */
    const silent = new Map<string, string>();
    beforeAll(async () => {
      for (const { expr } of panels) silent.set(filledIn(expr), 'no data');
      for (const { record } of rules) if (record !== undefined) silent.set(record, 'no data');
      await eventually(
        'data',
        async () => {
          for (const expr of silent.keys()) {
            const series = await ask(expr).catch((error: Error) => error.message);
            if (typeof series === 'string') silent.set(expr, series);
            else if (series.length > 0) silent.delete(expr);
          }
          return silent.size === 0;
        },
        { timeoutMs: 60_000, everyMs: 500 },
      ).catch(() => {});
    });

    it.each(panels)('$uid: $title', ({ expr }) => {
      expect(silent.get(filledIn(expr))).toBeUndefined();
    });

    it.each(rules)('rule $name', async ({ record = '', expr }) => {
      await ask(expr);
      expect(silent.get(record)).toBeUndefined();
    });
  });

  it('watches the agents, whose boards the serving holds', async () => {
    const held = async (): Promise<boolean> => (await ask('aidc_gpu_allocated == 1')).length === 16;
    await eventually('its boards', held, { timeoutMs: 60_000 });
    expect(await ask('up{job="aidc-agent"} == 1')).toHaveLength(2);
    expect(await ask('aidc_gpu_utilization_ratio > 0.9')).toHaveLength(16);
  });

  it('bills no more energy than the boards and their nodes can draw', async () => {
    const billed = async (wanted: string): Promise<number> => {
      const panel = panels.find(({ uid, title }) => uid === 'aidc-bill' && title === wanted);
      return Number((await ask(filledIn(panel?.expr ?? '')))[0]?.value[1]);
    };
    // 8 boards of 700 W and a server of 1500 W, times PUE. A tenth more for what Prometheus extrapolates.
    const most = ((8 * 700 + 1500) * 1.3) / 8 / 1000;
    expect((await billed('Energy')) / (await billed('GPU-hours'))).toBeLessThan(1.1 * most);
  });

  it('counts the day of what waits in vain, and raises no alert', async () => {
    expect((await ask('ALERTS{alertstate="firing"}')).map(({ metric }) => metric.alertname)).toEqual([]);
    const pending = async () =>
      (await ask('ALERTS{alertstate="pending"}')).map(({ metric }) => metric.alertname).sort();
    await expect.poll(pending, { timeout: 60_000 }).toEqual(['AidcWaitingDoesNotHelp']);
  });
});

const training = (name: string, numNodes: number): object => trainingOf(name, { trainer: { numNodes } });

const serving: object = {
  apiVersion: 'aidc.dev/v1alpha1',
  kind: 'ModelServing',
  metadata: { name: 'chat', namespace: 'team' },
  spec: {
    model: { uri: 's3://models/chat', class: 'LLM' },
    replicas: 2,
    accelerators: [{ type: 'H100', countPerNode: 8 }],
    priorityClassName: 'online',
    template: { spec: { containers: [{ name: 'main', image: 'serve:1' }] } },
  },
};
