import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse as parseYaml } from 'yaml';
import type { ComputeQuote, ModelServing, ModelTraining } from '../../src/api/index.ts';
import type { RegionRow } from '../../src/cli/regions.ts';
import type { Story } from '../../src/cli/story.ts';
import type { TopReport } from '../../src/cli/top.ts';
import { QUOTES, SERVINGS, TRAININGS } from '../../src/hub/index.ts';
import type { KubeClient } from '../../src/kube/client.ts';
import type { KubeObject } from '../../src/kube/resource.ts';
import { h100Region, useEnvironment } from '../support/environment.ts';
import {
  applyAll,
  queue,
  type RunningOperator,
  setUpCentre,
  startOperator,
  trainingOf,
  untilObject,
} from '../support/operator.ts';

type Training = ModelTraining & KubeObject;

// Some processes a test, each of which may wait for a busy machine.
vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 });

/** For what comes by and by: an Event, or a completion, which gives up after two seconds. */
const PATIENT = { timeout: 200_000, interval: 200 };

const centre = useEnvironment({ regions: [h100Region('guian', 4), h100Region('lingang', 2)] });
const script = join(import.meta.dirname, '..', '..', 'dist', 'cli.js');

let hub: KubeClient;
let operator: RunningOperator;
let folder: string;

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const run = (file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Result> =>
  new Promise((resolve) => {
    execFile(file, args, { env, encoding: 'utf8' }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });

/** The compiled plugin as a process of its own, with the hub's kubeconfig unless told otherwise. */
const cli = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> =>
  run(process.execPath, [script, ...args], { KUBECONFIG: centre.hub.kubeconfigPath, ...env });

/** It succeeded and had nothing to remark. */
async function said(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(args);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
  return stdout;
}

const json = async <T>(...args: string[]): Promise<T> => JSON.parse(await said(...args, '-o', 'json')) as T;

const training = (name: string, spec: object = {}): object => trainingOf(name, { spec, runFor: '3600s' });

const serving = (name: string): object => ({
  apiVersion: 'aidc.dev/v1alpha1',
  kind: 'ModelServing',
  metadata: { name, namespace: 'team' },
  spec: {
    model: { uri: 's3://models/chat' },
    template: { spec: { containers: [{ name: 'main', image: 'serve:1', resources: { limits: { cpu: '8' } } }] } },
    accelerators: [{ type: 'H100', countPerNode: 8 }],
    replicas: 2,
  },
});

const key = (name: string) => ({ namespace: 'team', name });
const untilTraining = (name: string, what: string, check: (object: Training) => boolean | undefined) =>
  untilObject<Training>(hub, TRAININGS, key(name), what, (object) => check(object) === true, 120_000);
const running = (name: string) => untilTraining(name, 'Running', ({ status }) => status?.phase === 'Running');
const waitsFor = (name: string, reason: string) =>
  untilTraining(name, reason, ({ status }) => status?.display?.reason === reason);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aidc-cli-'));
  hub = await setUpCentre(centre.environment);
  // Its lease is long: processes beside it may hold up this one, and what is tested is the plugin.
  operator = await startOperator(centre.environment, { leaseSeconds: '60', renewSeconds: '40' });
  await applyAll(hub, [
    queue('small', { namespaceSelector: {}, quota: [{ accelerator: 'H100', nominal: 8 }] }),
    training('first', { queue: 'small' }),
    training('twin', { suspend: true }),
    serving('chat'),
    serving('twin'),
  ]);
  await running('first');
  await applyAll(hub, [
    training('second', { queue: 'small' }),
    {
      apiVersion: 'aidc.dev/v1alpha1',
      kind: 'ComputeQuote',
      metadata: { name: 'month', namespace: 'team' },
      spec: { accelerators: [{ type: 'H100', countPerNode: 8 }], runtimeSeconds: 2_592_000 },
    },
  ]);
  await waitsFor('second', 'QuotaExceeded');
  await untilObject<ModelServing & KubeObject>(
    hub,
    SERVINGS,
    key('chat'),
    'Ready',
    ({ status }) => status?.phase === 'Ready',
    120_000,
  );
  await untilObject<ComputeQuote & KubeObject>(
    hub,
    QUOTES,
    key('month'),
    'Answered',
    ({ status }) => status?.offers !== undefined,
    120_000,
  );
});

afterAll(async () => {
  await operator.stop();
  await hub.close();
  await rm(folder, { recursive: true });
});

describe('kubectl aidc why', () => {
  it('tells of a training that waits: the reason, what would help, its place in the queue', async () => {
    const story = await json<Story>('why', 'second', '-n', 'team');
    expect(story).toMatchObject({ kind: 'ModelTraining', phase: 'Queued', reason: 'QuotaExceeded' });
    expect(story.message).toContain('needs 8 x H100');
    // The queue's list is written beside the training's status, at its own pace.
    const place = async () => (await json<Story>('why', 'second', '-n', 'team')).queue;
    await expect.poll(place, PATIENT).toEqual({ name: 'small', position: 1, pending: 1 });
    const events = async () => (await json<Story>('why', 'second', '-n', 'team')).events.map(({ reason }) => reason);
    await expect.poll(events, PATIENT).toContain('Queued');
    const text = await said('why', 'training/second', '-n', 'team');
    expect(text).toMatch(
      /^ModelTraining team\/second\nState +Queued for \d+s\nWhy +QuotaExceeded: .+\nWhat helps +Wait/,
    );
    expect(text).toContain('small, position 1 of 1');
  });

  it('tells of a training that runs: where, and the record of the decision', async () => {
    const text = await said('why', 'first', '-n', 'team');
    expect(text).toMatch(/State +Running for/);
    expect(text).toMatch(/Place +(guian|lingang): 8 H100 on 1 node \(\w+-h100-\d+\)/);
    expect(text).toContain('Decision (Balanced)');
    expect(text).not.toContain('What helps');
  });

  it('tells of a serving and of a quote', async () => {
    const chat = await json<Story>('why', 'modelserving.aidc.dev/chat', '-n', 'team');
    expect(chat).toMatchObject({ phase: 'Ready', reason: 'AllReady' });
    expect(chat.replicas?.map(({ state }) => state)).toEqual(['ready', 'ready']);
    const month = await json<Story>('why', 'month', '-n', 'team');
    expect(month).toMatchObject({ kind: 'ComputeQuote', phase: 'Answered', reason: 'Offers' });
    expect(month.offers?.length).toBeGreaterThan(0);
  });

  it('says what is unknown or means two things', async () => {
    const unknown = await cli(['why', 'nobody', '-n', 'team']);
    expect(unknown).toMatchObject({ code: 4, stdout: '' });
    expect(unknown.stderr).toBe('kubectl aidc: there is no training or serving or quote nobody in namespace team.\n');
    const both = await cli(['why', 'twin', '-n', 'team']);
    expect(both.code).toBe(2);
    expect(both.stderr).toContain('say training/twin or serving/twin.');
    expect((await cli(['why', 'training/twin', '-n', 'team'])).code).toBe(0);
  });
});

describe('the centre', () => {
  it('is told by queue, of all and of one', async () => {
    const all = await said('queue');
    expect(all).toMatch(/^QUEUE +READY +STOP +ADMITTED +PENDING +USED\/QUOTA +WAITING FOR\n/);
    expect(all).toMatch(/^small +True +None +1 +1 +H100 8\/8 +1 QuotaExceeded$/m);
    const one = await said('queue', 'small');
    expect(one).toMatch(/^1 +team +second +ModelTraining +0 +-$/m);
    expect(await cli(['queue', 'nowhere'])).toMatchObject({ code: 4 });
  });

  it('is told by regions, in text, JSON and YAML', async () => {
    const { clusters } = await json<{ clusters: RegionRow[] }>('regions');
    expect(clusters.map(({ cluster, ready }) => [cluster, ready])).toEqual([
      ['guian', 'True'],
      ['lingang', 'True'],
    ]);
    expect(clusters[0]?.accelerators[0]).toMatchObject({ type: 'H100', total: 32 });
    expect(parseYaml(await said('regions', '-o', 'yaml'))).toMatchObject({ clusters: [{ cluster: 'guian' }, {}] });
    expect(await said('regions')).toMatch(/^guian +guian +True +H100 .* 0\.400 CNY\/kWh +404 g\/kWh +1\.30 +\w+$/m);
  });

  it('is told by top: accelerators, power and energy, the same in sum from every side', async () => {
    const report = await json<TopReport>('top', '-n', 'team');
    const sum = (rows: readonly { gpus: number; watts?: number }[], of: 'gpus' | 'watts'): number =>
      rows.reduce((all, row) => all + (row[of] ?? 0), 0);
    expect(sum(report.workloads, 'gpus')).toBeGreaterThanOrEqual(24);
    for (const side of [report.regions, report.tenants]) {
      expect(sum(side, 'gpus')).toBe(sum(report.workloads, 'gpus'));
      expect(sum(side, 'watts')).toBe(sum(report.workloads, 'watts'));
    }
    const first = report.workloads.find(({ name }) => name === 'first');
    // 8 boards of 700 W and a server of 1500 W, times PUE.
    expect(first?.watts).toBe((8 * 700 + 1500) * 1.3);
    expect(first?.facilityJoules).toBeGreaterThan(0);
    expect(await said('top', '-A')).toMatch(/^team +first +ModelTraining +Running +\w+ +H100 +8 +~9\.23 kW +~0\.\d+$/m);
    expect(await said('top')).toContain('No workload here holds nodes now');
  });

  it('is told by bill, in sums that status has', async () => {
    const text = await said('bill', '-A', '--by', 'workload');
    expect(text).toMatch(/^team\/first \(ModelTraining\) +1 +[\d.]+ +~[\d.]+ +~[\d.]+ CNY +~[\d.]+ kg$/m);
    expect(text).toContain('~ estimate: configured board power');
    const { rows, totals } = await json<{ rows: { workloads: number }[]; totals: object[] }>('bill', '-n', 'team');
    expect(rows).toEqual([expect.objectContaining({ key: 'team', currency: 'CNY', isEstimate: true })]);
    expect(totals).toHaveLength(1);
    expect(await cli(['bill', '--by', 'moon'])).toMatchObject({ code: 2 });
  });
});

describe('kubectl aidc suspend and resume', () => {
  it('change spec.suspend, and say so; what is so already is no error', async () => {
    expect(await said('suspend', 'first', '-n', 'team')).toBe(
      'training team/first suspended: its pods are removed, nodes and quota released.\n',
    );
    await untilTraining('first', 'Suspended', ({ status }) => status?.phase === 'Suspended');
    expect(await said('suspend', 'training/first', '-n', 'team')).toBe('training team/first is suspended already.\n');
    const story = await json<Story>('why', 'first', '-n', 'team');
    expect(story).toMatchObject({ phase: 'Suspended', reason: 'Suspended', help: 'Resume it: kubectl aidc resume.' });
    await running('second');
    const { changes } = await json<{ changes: object[] }>('resume', 'first', 'second', '-n', 'team');
    expect(changes).toMatchObject([
      { name: 'first', suspend: false, changed: true },
      { name: 'second', suspend: false, changed: false },
    ]);
    await waitsFor('first', 'QuotaExceeded');
  });

  it('change nothing where one of several names is wrong', async () => {
    expect(await cli(['suspend', 'second', 'nobody', '-n', 'team'])).toMatchObject({ code: 4 });
    expect((await hub.get<Training>(TRAININGS, key('second'))).spec.suspend).toBe(false);
  });
});

describe('what can go wrong', () => {
  it('is said in a sentence, with an exit code of its own', async () => {
    const dead = join(folder, 'dead');
    await writeFile(
      dead,
      `{apiVersion: v1, kind: Config, current-context: x, contexts: [{name: x, context: {cluster: x, user: x}}],
clusters: [{name: x, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: x, user: {token: t}}]}`,
    );
    const cases: readonly (readonly [args: string[], code: number, sentence: RegExp])[] = [
      [['regions', '--context', 'moon'], 2, /kubeconfig has no context named moon/],
      [['regions', '--kubeconfig', join(folder, 'none')], 2, /kubeconfig .*none cannot be read/],
      [['regions', '--kubeconfig', dead], 3, /the hub does not answer/],
      [['regions', '--kubeconfig', centre.region('guian').kubeconfigPath], 4, /has no aidc\.dev kinds: is it the hub/],
    ];
    const results = await Promise.all(cases.map(([args]) => cli(args)));
    for (const [i, [, code, sentence]] of cases.entries()) {
      const result = results[i] as Result;
      expect(result).toMatchObject({ code, stdout: '' });
      expect(result.stderr).toMatch(sentence);
      expect(result.stderr.trim().split('\n')).toHaveLength(1);
    }
  });

  it('includes missing rights; what may be read is told all the same', async () => {
    await centre.kubectl(['create', 'serviceaccount', 'reader', '-n', 'team'], 'hub');
    const token = (await centre.kubectl(['create', 'token', 'reader', '-n', 'team'], 'hub')).trim();
    const admin = parseYaml(await readFile(centre.hub.kubeconfigPath, 'utf8')) as { clusters: { name: string }[] };
    const weak = join(folder, 'weak');
    const context = { cluster: admin.clusters[0]?.name, user: 'reader', namespace: 'team' };
    const users = [{ name: 'reader', user: { token } }];
    await writeFile(weak, JSON.stringify({ contexts: [{ name: 'weak', context }], users }));
    const as = (...args: string[]) =>
      cli([...args, '--context', 'weak'], { KUBECONFIG: [centre.hub.kubeconfigPath, weak].join(delimiter) });

    const refused = await as('why', 'training/second');
    expect(refused).toMatchObject({ code: 5, stdout: '' });
    expect(refused.stderr).toMatch(/^kubectl aidc: not allowed: .*cannot get resource "modeltrainings"/);
    const resources = 'modeltrainings.aidc.dev,modelservings.aidc.dev,computequotes.aidc.dev';
    await centre.kubectl(
      ['create', 'role', 'reader', '-n', 'team', '--verb=get,list', `--resource=${resources}`],
      'hub',
    );
    await centre.kubectl(
      ['create', 'rolebinding', 'reader', '-n', 'team', '--role=reader', '--serviceaccount=team:reader'],
      'hub',
    );
    await untilAllowed(() => as('why', 'first'));
    expect((await as('why', 'first')).stdout).toContain('small; its position is not known: you may not read');
    const top = await as('top');
    expect(top).toMatchObject({ code: 0 });
    expect(top.stderr).toContain('You may not read RegionalClusters');
    expect(await as('suspend', 'second')).toMatchObject({ code: 5 });
    expect(await as('queue')).toMatchObject({ code: 5 });
  });
});

/** The authorizer follows roles by a watch of its own. */
async function untilAllowed(check: () => Promise<Result>): Promise<void> {
  for (let tries = 0; tries < 60 && (await check()).code === 5; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

describe('in the shell', () => {
  const path = () => `${folder}${delimiter}${process.env.PATH}`;

  beforeAll(async () => {
    const install = async (name: string, args: string): Promise<void> => {
      await writeFile(join(folder, name), `#!/bin/sh\nexec "${process.execPath}" "${script}" ${args}"$@"\n`);
      await chmod(join(folder, name), 0o755);
    };
    await install('kubectl-aidc', '');
    await install('kubectl_complete-aidc', '__complete ');
  });

  it('is a plugin of kubectl, completed by it', async () => {
    const env = { KUBECONFIG: centre.hub.kubeconfigPath, PATH: path() };
    const { kubectl } = centre.environment;
    const queues = await run(kubectl, ['aidc', 'queue', 'small'], env);
    expect(queues).toMatchObject({ code: 0 });
    expect(queues.stdout).toContain('small');
    const completed = async () => (await run(kubectl, ['__complete', 'aidc', 'queue', 'sm'], env)).stdout;
    await expect.poll(completed, PATIENT).toBe('small\n:4\n');
  });

  it('completes in bash', async () => {
    const typed = async (...words: string[]): Promise<string[]> => {
      const line = `source <(kubectl-aidc completion bash); COMP_WORDS=(kubectl-aidc "$@"); COMP_CWORD=$#
        _kubectl_aidc; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const env = { KUBECONFIG: centre.hub.kubeconfigPath, PATH: path() };
      return (await run('bash', ['-c', line, 'bash', ...words], env)).stdout.trim().split('\n');
    };
    expect(await typed('s')).toEqual(['suspend']);
    await expect.poll(() => typed('why', '-n', 'team', 'training/s'), PATIENT).toEqual(['training/second']);
    expect(await typed('bill', '--by', 't')).toEqual(['tenant']);
    expect(await typed('bill', '--by', '=', 't')).toEqual(['tenant']);
  });
});
