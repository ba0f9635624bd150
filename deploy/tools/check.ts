/** `npm run check`: everything about the source that a machine can judge. Every step runs, also after one has failed. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const STEPS: readonly (readonly [name: string, program: string, ...args: string[]])[] = [
  ['format and lint', 'biome', 'ci', '.'],
  ['promises', 'oxlint', '--type-aware', '--deny-warnings', 'src', 'deploy', 'test'],
  ['types', 'tsc', '-p', '.'],
  ['layers', 'node', 'deploy/tools/layers.ts'],
  ['unused', 'knip', '--no-progress'],
  ['generated files', 'node', 'deploy/tools/gen.ts', '--check'],
];

let failed = 0;
for (const [name, program, ...args] of STEPS) {
  const since = Date.now();
  const done = spawnSync(join(root, 'node_modules', '.bin', program), args, { cwd: root, encoding: 'utf8' });
  const ok = done.status === 0;
  if (!ok) {
    failed += 1;
    process.stdout.write(`${done.stdout ?? ''}${done.stderr ?? ''}${done.error?.message ?? ''}\n`);
  }
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${((Date.now() - since) / 1000).toFixed(1)} s)`);
}
console.log(`${STEPS.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
