import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { launch } from './launch.ts';
import { startTimeOf } from './process-identity.ts';
import { Run } from './run.ts';

const others: ChildProcess[] = [];
afterEach(() => {
  for (const child of others.splice(0)) child.kill('SIGKILL');
});

async function sleeper(run: Run, cluster: string): Promise<number> {
  await launch(run, cluster, '/bin/sleep', ['600']);
  const [listed] = await run.processes(cluster, 'sleep');
  return listed?.pid ?? 0;
}

it('ends its processes and removes its folder', async () => {
  const run = await Run.begin();
  const pid = await sleeper(run, 'a');
  const started = startTimeOf(pid);
  expect(started).toBeDefined();
  expect(await readFile(join(run.dir, 'logs', 'a-sleep.log'), 'utf8')).toBe('');
  await run.end();
  expect(startTimeOf(pid)).not.toBe(started);
  expect(existsSync(run.dir)).toBe(false);
});

it('kills the processes of one cluster only', async () => {
  const run = await Run.begin();
  const [first, second] = [await sleeper(run, 'a'), await sleeper(run, 'b')];
  await run.kill('a');
  expect(startTimeOf(first)).toBeUndefined();
  expect(startTimeOf(second)).toBeDefined();
  await run.end();
});

it('never ends a process that only has the pid of one of ours', async () => {
  const run = await Run.begin();
  const foreign = spawn('/bin/sleep', ['600']);
  others.push(foreign);
  await appendFile(join(run.dir, 'processes'), `${foreign.pid} 1 a sleep\n`);
  await run.end();
  expect(startTimeOf(foreign.pid ?? 0)).toBeDefined();
});

it('starts nothing more in a run that has ended', async () => {
  const run = await Run.begin();
  const launcher = await run.launcher('a', '/bin/sleep');
  const script = await readFile(launcher, 'utf8');
  await run.end();
  const late = spawn('/bin/sh', ['-c', `${script.split('\n')[1]?.replace('"$@"', '600')}`]);
  others.push(late);
  const code = await new Promise((resolve) => late.on('exit', resolve));
  expect(code).not.toBe(0);
});

it('sweeps what dead runs left, at the next start', async () => {
  const left = await Run.begin();
  // A run of a process that does not exist (any more), with a process that still runs.
  const dead = join(dirname(left.dir), '999999999-1-dead');
  await mkdir(join(dead, 'logs'), { recursive: true });
  const orphan = spawn('/bin/sleep', ['600']);
  others.push(orphan);
  const pid = orphan.pid ?? 0;
  const started = startTimeOf(pid);
  await appendFile(join(dead, 'processes'), `${pid} ${started} a sleep\n`);
  const next = await Run.begin();
  expect(existsSync(dead)).toBe(false);
  expect(startTimeOf(pid)).not.toBe(started);
  expect(existsSync(left.dir)).toBe(true);
  await Promise.all([left.end(), next.end()]);
});
