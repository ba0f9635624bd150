import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Run } from './run.ts';

/** Starts a program of a cluster in the run; it ends with the run. */
export async function launch(run: Run, cluster: string, program: string, args: string[]): Promise<void> {
  const child = spawn(await run.launcher(cluster, program), args, { stdio: 'ignore' });
  await once(child, 'spawn');
  child.unref();
  // It keeps its pid when it becomes the program; from here on the run knows it.
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline && !(await run.processes(cluster)).some(({ pid }) => pid === child.pid)) {
    if (child.exitCode !== null) throw new Error(`${program} of ${cluster} could not be started.`);
    await sleep(10);
  }
}
