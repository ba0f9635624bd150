import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Compiles the operator once for the tests that run it as a process of its own. */
export default function setup(): void {
  const root = join(import.meta.dirname, '..', '..');
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const done = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' });
  if (done.status !== 0) throw new Error('the operator does not compile');
}
