import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { CONTROL_PLANE } from '../../deploy/local/binaries/catalog.ts';
import { resolveBinaries } from '../../deploy/local/binaries/resolve.ts';

/**
 * Before the integration tests: the programs of the control planes and helm, which the very first run fetches or builds for
 * some minutes (no hook's time limit may count that), and the operator, for the tests that run it as a process.
 */
export default async function setup(): Promise<void> {
  await resolveBinaries([...CONTROL_PLANE, 'helm'], { onProgress: (line) => console.error(line) });
  const root = join(import.meta.dirname, '..', '..');
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const done = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' });
  if (done.status !== 0) throw new Error('the operator does not compile');
}
