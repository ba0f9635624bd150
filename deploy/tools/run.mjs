#!/usr/bin/env node
// Runs one of the project's commands on a fresh checkout: installs the locked dependencies when they are
// missing or changed, then runs the command with the project's own Node (a dev dependency), because the
// system's may be older than our libraries need. This file itself must run on Node 20.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const bin = join(root, 'node_modules', '.bin');
const stamp = join(root, 'node_modules', '.aidc-lock-hash');

function installDependencies() {
  const lockHash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lockHash) return;
  console.error('Installing dependencies (npm ci) ...');
  // The npm that started us is the one to use; plain `npm` when this file was started directly.
  const npm = process.env.npm_execpath ? [process.execPath, [process.env.npm_execpath]] : ['npm', []];
  const done = spawnSync(npm[0], [...npm[1], 'ci', '--no-fund', '--no-audit', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (done.status !== 0) {
    console.error('npm ci failed: check the network to the npm registry, then run the command again.');
    process.exit(done.status ?? 1);
  }
  writeFileSync(stamp, lockHash);
}

const [command, ...args] = process.argv.slice(2);
if (command === undefined) {
  console.error('usage: run.mjs COMMAND [ARG ...]');
  process.exit(2);
}
installDependencies();
const local = join(bin, command);
const child = spawn(existsSync(local) ? local : command, args, {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` },
});
// A terminal sends Ctrl-C to the whole group: the child decides when to end, we only pass signals on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => child.kill(signal));
}
child.on('error', (error) => {
  console.error(`cannot run ${command}: ${error.message}`);
  process.exit(127);
});
child.on('exit', (code, signal) => process.exit(signal ? 128 + 15 : (code ?? 1)));
