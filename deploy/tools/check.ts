/** `npm run check`: everything about the source that a machine can judge. Every step runs, also after one has failed. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const isTerminal = process.stdout.isTTY === true;

const STEPS: readonly (readonly [name: string, program: string, ...args: string[]])[] = [
  ['format and lint', 'biome', 'ci', '--error-on-warnings', `--colors=${isTerminal ? 'force' : 'off'}`, '.'],
  ['promises', 'oxlint', '--type-aware', '--deny-warnings', 'src', 'deploy', 'test'],
  ['types', 'tsc', '-p', '.'],
  ['layers', 'node', 'deploy/tools/layers.ts'],
  ['unused code and dependencies', 'knip', '--no-progress', '--treat-config-hints-as-errors'],
  ['generated files', 'node', 'deploy/tools/gen.ts', '--check'],
];

/** What the step said, and whether it is content. */
function run([, program, ...args]: (typeof STEPS)[number]): { ok: boolean; said: string } {
  const done = spawnSync(join(root, 'node_modules', '.bin', program), args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    env: isTerminal ? process.env : { ...process.env, NO_COLOR: '1' },
  });
  return { ok: done.status === 0, said: `${done.stdout ?? ''}${done.stderr ?? ''}${done.error?.message ?? ''}`.trim() };
}

let failed = 0;
for (const step of STEPS) {
  const since = performance.now();
  const { ok, said } = run(step);
  if (!ok) {
    failed += 1;
    console.log(said);
  }
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${step[0]} (${((performance.now() - since) / 1000).toFixed(1)} s)`);
}
console.log(`${STEPS.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
