import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './operator-process.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const supervisor = join(root, 'deploy', 'local', 'supervise.sh');
export const RULES = join(root, 'deploy', 'prometheus', 'rules.yaml');

/** The path of a program of the system, or undefined. */
export async function programOnPath(name: string, path: string = process.env.PATH ?? ''): Promise<string | undefined> {
  for (const folder of path.split(delimiter).filter((one) => one !== '')) {
    const program = join(folder, name);
    const found = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return program;
  }
  return undefined;
}

export interface PrometheusOptions {
  readonly program: string;
  /** Folder of the run: Prometheus is on the run's list of processes and ends with it; its data goes with the folder. */
  readonly dir: string;
  /** URL of the operator. */
  readonly target: string;
  /** File that lists where agents answer, in the format of Prometheus; it may come later. Default: none. */
  readonly agentsFile?: string | undefined;
  readonly intervalSeconds: number;
}

/** Prometheus with our rules on a free port of the loopback; resolves with its URL when it answers. */
export async function startPrometheus(options: PrometheusOptions): Promise<string> {
  const { program, dir, target, agentsFile, intervalSeconds } = options;
  const operator = { job_name: 'aidc-operator', static_configs: [{ targets: [new URL(target).host] }] };
  const agents = { job_name: 'aidc-agent', file_sd_configs: [{ files: [agentsFile], refresh_interval: '5s' }] };
  const home = join(dir, 'prometheus');
  await mkdir(home, { recursive: true });
  const config = join(home, 'prometheus.yml');
  // JSON is YAML.
  await writeFile(
    config,
    JSON.stringify({
      global: { scrape_interval: `${intervalSeconds}s`, evaluation_interval: `${intervalSeconds}s` },
      rule_files: [RULES],
      scrape_configs: agentsFile === undefined ? [operator] : [operator, agents],
    }),
  );
  const address = `127.0.0.1:${await freePort()}`;
  const flags = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(home, 'data')}`,
    `--web.listen-address=${address}`,
    '--log.level=warn',
  ];
  const child = spawn(supervisor, ['launch', dir, 'local', program, ...flags], { stdio: 'ignore' });
  await once(child, 'spawn');
  child.unref();
  const deadline = Date.now() + 60_000;
  while (child.exitCode === null && Date.now() < deadline) {
    const answer = await fetch(`http://${address}/-/ready`).catch(() => undefined);
    if (answer?.ok === true) return `http://${address}`;
    await sleep(100);
  }
  const log = await readFile(join(dir, 'logs', 'local-prometheus.log'), 'utf8').catch(() => '');
  throw new Error(`Prometheus did not get ready:\n${log.slice(-2000)}`);
}
