import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The operator as a process of its own, as it runs in production. */
export interface OperatorProcess {
  readonly url: string;
  readonly logPath: string;
  readonly pid: number;
  /** Resolves when the process has ended, with its exit code. */
  readonly ended: Promise<number | null>;
  stop(): Promise<void>;
}

export interface OperatorProcessOptions {
  /** dist/main.js */
  readonly program: string;
  readonly kubeconfigPath: string;
  /** Folder for the log. */
  readonly dir: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The Node that runs it, and the role with its flags; default: the present one, and `operator`. */
  readonly node?: string;
  readonly args?: readonly string[];
  /** Another user to run it as; only root may say so. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

export async function startOperatorProcess(options: OperatorProcessOptions): Promise<OperatorProcess> {
  const port = await freePort();
  const logPath = join(options.dir, 'operator.log');
  const log = createWriteStream(logPath, { flags: 'a' });
  const { node = process.execPath, args = ['operator'], user = {} } = options;
  const child = spawn(node, [options.program, ...args], {
    ...user,
    // Its own group: Ctrl-C reaches us only, and we stop it before the API servers go.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      AIDC_KUBECONFIG: options.kubeconfigPath,
      AIDC_HTTP_HOST: '127.0.0.1',
      AIDC_HTTP_PORT: String(port),
      ...options.env,
    },
  });
  child.stdout?.pipe(log);
  child.stderr?.pipe(log);
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  return {
    url: `http://127.0.0.1:${port}`,
    logPath,
    pid: child.pid ?? 0,
    ended,
    stop: () => stop(child, ended, log),
  };
}

async function stop(child: ChildProcess, ended: Promise<unknown>, log: WriteStream): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM');
    const late = sleep(15_000, 'late', { ref: false });
    if ((await Promise.race([ended, late])) === 'late') child.kill('SIGKILL');
  }
  await ended;
  log.end();
}

/** Waits until it answers /readyz. Throws with the end of its log when it ends or stays silent. */
export async function untilReady(operator: OperatorProcess, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  let code: number | null | undefined;
  void operator.ended.then((value) => {
    code = value ?? -1;
  });
  while (Date.now() < deadline) {
    if (code !== undefined) throw new Error(`the operator ended with code ${code}:\n${await logTail(operator)}`);
    const answer = await fetch(`${operator.url}/readyz`).catch(() => undefined);
    if (answer?.ok === true) return;
    await sleep(100);
  }
  throw new Error(`the operator was not ready within ${timeoutMs / 1000} s:\n${await logTail(operator)}`);
}

export async function logTail(operator: OperatorProcess): Promise<string> {
  return (await readFile(operator.logPath, 'utf8').catch(() => '')).split('\n').slice(-15).join('\n');
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
