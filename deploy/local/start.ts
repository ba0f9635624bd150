/**
 * `npm start`: a computing centre of a hub and three regions on real Kubernetes control planes, with the operator
 * and the samples; runs until stopped. `--once` ends when every sample has come to its expected end.
 */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type LocalEnvironment, loadCentre, startEnvironment } from './environment.ts';
import { AGENT_TARGETS, startAgents } from './start/agents.ts';
import { Centre } from './start/centre.ts';
import { logTail, type OperatorProcess, startOperatorProcess, untilReady } from './start/operator-process.ts';
import { type Row, table } from './start/progress.ts';
import { programOnPath, startPrometheus } from './start/prometheus.ts';
import type { Sample } from './start/samples.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const USAGE = `usage: npm start [-- --once] [--timeout SECONDS] [--agents NODES]

  --once             exit when every sample has come to its expected end: 0, or 1 naming those that have not
  --timeout SECONDS  with --once, give up after so long (default 240)
  --agents NODES     simulated GPU nodes of each region whose energy an agent measures (default 4; 0: none)
`;

class UserError extends Error {}

const started = Date.now();
const say = (line: string): void => {
  process.stdout.write(`[${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s] ${line}\n`);
};

/** Everything that must be undone, last first; done once, however the command ends. */
const undo: (() => Promise<void>)[] = [];
let ending: Promise<void> | undefined;
function end(): Promise<void> {
  ending ??= (async () => {
    for (const step of undo.reverse()) await step().catch((error: Error) => say(`while stopping: ${error.message}`));
  })();
  return ending;
}

async function main(): Promise<number> {
  const { once, timeoutSeconds, agents } = options();
  build();
  say('starting the hub and three regions (the first time their programs are fetched or built: some minutes)');
  const environment = await startEnvironment({ regions: await loadCentre(), onProgress: say });
  undo.push(() => environment.stop());
  const centre = new Centre(environment, join(root, 'deploy', 'samples'));
  undo.push(() => centre.client.close());
  await centre.prepare();
  if (agents > 0) await startAgents(environment, agents);
  const operator = await startOperatorProcess({
    program: join(root, 'dist', 'main.js'),
    kubeconfigPath: environment.hub.kubeconfigPath,
    dir: environment.dir,
    env: { AIDC_CREATE_NAMESPACES: 'true', AIDC_LEDGER_SECONDS: '5' },
  });
  undo.push(() => operator.stop());
  await untilReady(operator, 60_000);
  await centre.untilRegionsReady(60_000);
  say('the operator runs and all regions are Ready');
  printAccess(environment, operator, await prometheusOf(environment, operator, agents > 0));
  const samples = await centre.applySamples();
  say(`${samples.length} samples applied from deploy/samples`);
  return once
    ? await untilMet(centre, operator, samples, timeoutSeconds)
    : await watchForEver(centre, operator, samples);
}

function options(): { once: boolean; timeoutSeconds: number; agents: number } {
  try {
    const { values } = parseArgs({
      options: {
        once: { type: 'boolean' },
        timeout: { type: 'string' },
        agents: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
    if (values.help === true) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    const timeoutSeconds = Number(values.timeout ?? 240);
    if (!(timeoutSeconds > 0)) throw new Error(`--timeout must be a number of seconds, not ${values.timeout}`);
    const agents = Number(values.agents ?? 4);
    if (!Number.isInteger(agents) || agents < 0)
      throw new Error(`--agents must be a number of nodes, not ${values.agents}`);
    return { once: values.once === true, timeoutSeconds, agents };
  } catch (error) {
    throw new UserError(`${(error as Error).message}\n${USAGE}`);
  }
}

function build(): void {
  say('compiling the operator');
  const done = spawnSync(
    process.execPath,
    [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', join(root, 'tsconfig.build.json')],
    {
      stdio: 'inherit',
    },
  );
  if (done.status !== 0) throw new UserError('the operator does not compile; the compiler’s messages are above');
}

/** Where Prometheus is installed, one that watches operator and agents; it ends with the environment. It is an extra: no more. */
async function prometheusOf(
  { dir }: LocalEnvironment,
  operator: OperatorProcess,
  hasAgents: boolean,
): Promise<string | undefined> {
  const program = await programOnPath('prometheus');
  if (program === undefined) return undefined;
  const agentsFile = hasAgents ? join(dir, AGENT_TARGETS) : undefined;
  return startPrometheus({ program, dir, target: operator.url, agentsFile, intervalSeconds: 5 }).catch(
    (error: Error) => void say(error.message),
  ) as Promise<string | undefined>;
}

function printAccess(environment: LocalEnvironment, operator: OperatorProcess, prometheus: string | undefined): void {
  const rows: [what: string, where: string][] = [
    ['kubectl', environment.kubectl],
    ...[environment.hub, ...environment.regions.values()].map(({ name, kubeconfigPath }): [string, string] => [
      name,
      `export KUBECONFIG=${kubeconfigPath}`,
    ]),
    ['metrics', `${operator.url}/metrics`],
    ...(prometheus === undefined ? [] : [['Prometheus', prometheus] as [string, string]]),
    ['log', operator.logPath],
  ];
  const width = Math.max(...rows.map(([what]) => what.length));
  process.stdout.write(`\n${rows.map(([what, where]) => `  ${what.padEnd(width)}  ${where}`).join('\n')}\n\n`);
}

/** On a terminal the table is drawn in place; elsewhere a line is printed when a sample's phase changes. */
class Progress {
  readonly #live = process.stdout.isTTY === true && process.env.CI === undefined;
  readonly #phases = new Map<string, string>();
  #drawn = 0;

  show(rows: readonly Row[]): void {
    if (!this.#live) {
      for (const row of rows) {
        if (this.#phases.get(row.name) === row.phase) continue;
        this.#phases.set(row.name, row.phase);
        say(`${row.kind} ${row.name}: ${row.phase}${row.region === '-' ? '' : ` in ${row.region}`}`);
      }
      return;
    }
    const text = table(rows, { reasons: false, width: process.stdout.columns ?? 120 });
    if (this.#drawn > 0) process.stdout.write(`\x1b[${this.#drawn}A\x1b[J`);
    process.stdout.write(`${text}\n`);
    this.#drawn = text.split('\n').length;
  }
}

async function look(
  centre: Centre,
  operator: OperatorProcess,
  samples: readonly Sample[],
  progress: Progress,
): Promise<Row[]> {
  const ended = await Promise.race([operator.ended, sleep(500, undefined)]);
  if (ended !== undefined) throw new Error(`the operator ended with code ${ended}:\n${await logTail(operator)}`);
  const rows = await centre.rows(samples);
  progress.show(rows);
  return rows;
}

async function untilMet(
  centre: Centre,
  operator: OperatorProcess,
  samples: readonly Sample[],
  timeoutSeconds: number,
): Promise<number> {
  const deadline = Date.now() + timeoutSeconds * 1000;
  const progress = new Progress();
  for (;;) {
    const rows = await look(centre, operator, samples, progress);
    const open = rows.filter((row) => !row.met);
    if (open.length > 0 && Date.now() < deadline) continue;
    process.stdout.write(`\n${table(rows, { reasons: true })}\n\n`);
    if (open.length === 0) {
      say(`all ${rows.length} samples came to their expected end`);
      return 0;
    }
    for (const row of open)
      say(`NOT as expected after ${timeoutSeconds} s: ${row.kind} ${row.name} is ${row.phase}: ${row.reason}`);
    return 1;
  }
}

async function watchForEver(centre: Centre, operator: OperatorProcess, samples: readonly Sample[]): Promise<number> {
  const progress = new Progress();
  say('running until Ctrl-C');
  while (ending === undefined) await look(centre, operator, samples, progress);
  return 0;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    say(`stopping (${signal})`);
    void end().then(() => process.exit(signal === 'SIGINT' ? 130 : 143));
  });
}
let code = 1;
try {
  code = await main();
} catch (error) {
  if (ending === undefined) say(error instanceof UserError ? error.message : `failed: ${(error as Error).stack}`);
}
await end();
say('everything is stopped and removed');
process.exit(code);
