import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isAlive, type ProcessIdentity, signalExactly, thisProcess } from './process-identity.ts';

const supervisor = join(dirname(fileURLToPath(import.meta.url)), 'supervise.sh');

interface Listed extends ProcessIdentity {
  cluster: string;
  program: string;
}

/**
 * One run of the local environment: a folder with everything it writes, the list of its processes, and a
 * watchdog that ends both when this process is gone, even when it was killed.
 */
export class Run {
  readonly dir: string;
  readonly #watchdog: ChildProcess;

  private constructor(dir: string, watchdog: ChildProcess) {
    this.dir = dir;
    this.#watchdog = watchdog;
  }

  static async begin(): Promise<Run> {
    const base = runsFolder();
    await mkdir(base, { recursive: true, mode: 0o700 });
    await sweep(base);
    const { pid, startTime } = thisProcess();
    const dir = await mkdtemp(join(base, `${pid}-${startTime}-`));
    await mkdir(join(dir, 'logs'));
    // In its own session: what ends us (Ctrl-C, a killed process group) must not end the watchdog.
    const watchdog = spawn(supervisor, ['watch', dir], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    await once(watchdog, 'spawn');
    watchdog.unref();
    // Node calls it a stream; at run time it is a socket, which must not keep us alive either.
    (watchdog.stdin as unknown as { unref(): void }).unref();
    return new Run(dir, watchdog);
  }

  /** A program that puts itself on the run's list and then becomes `program`. */
  async launcher(cluster: string, program: string): Promise<string> {
    const name = program.slice(program.lastIndexOf('/') + 1);
    const path = join(this.dir, cluster, 'bin', name);
    await mkdir(dirname(path), { recursive: true });
    const command = [supervisor, 'launch', this.dir, cluster, program].map(quoted).join(' ');
    await writeFile(path, `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 });
    return path;
  }

  async processes(cluster?: string, program?: string): Promise<Listed[]> {
    const all = await readList(this.dir);
    return all.filter(
      (listed) =>
        (cluster === undefined || listed.cluster === cluster) &&
        (program === undefined || listed.program === program) &&
        isAlive(listed),
    );
  }

  /** The end of a program's log, for messages. */
  async logTail(cluster: string, program: string): Promise<string> {
    const log = await readFile(join(this.dir, 'logs', `${cluster}-${program}.log`), 'utf8').catch(() => '');
    return log.slice(-3000);
  }

  /** Nothing in a run is worth a farewell: all its data goes with it. */
  async kill(cluster: string): Promise<void> {
    await endAll(await this.processes(cluster));
  }

  async end(): Promise<void> {
    await endAll(await this.processes());
    await removeRun(this.dir);
    this.#watchdog.stdin?.end();
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function runsFolder(): string {
  return join(tmpdir(), `aidc-local-${userInfo().username}`);
}

async function readList(dir: string): Promise<Listed[]> {
  const text = await readFile(join(dir, 'processes'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [pid, startTime, cluster, program] = line.split(' ');
      return { pid: Number(pid), startTime: startTime ?? '', cluster: cluster ?? '', program: program ?? '' };
    });
}

async function endAll(processes: ProcessIdentity[]): Promise<void> {
  for (const listed of processes) signalExactly(listed, 'SIGKILL');
  const deadline = Date.now() + 10_000;
  while (processes.some(isAlive) && Date.now() < deadline) await sleep(20);
}

/** Renamed first: from then on no late process can add itself. */
async function removeRun(dir: string): Promise<void> {
  const ended = `${dir}.ended`;
  try {
    await rename(dir, ended);
  } catch {
    return;
  }
  await endAll((await readList(ended)).filter(isAlive));
  await rm(ended, { recursive: true, force: true, maxRetries: 3 });
}

/** Removes what runs left behind whose owner and watchdog are both gone. */
async function sweep(base: string): Promise<void> {
  for (const entry of await readdir(base)) {
    const [pid, startTime] = entry.split('-');
    if (isAlive({ pid: Number(pid), startTime: startTime ?? '' })) continue;
    const dir = join(base, entry);
    await endAll((await readList(dir)).filter(isAlive));
    await rm(dir, { recursive: true, force: true }).catch(() => {});
  }
}
