import { readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCentre } from '../../deploy/local/environment.ts';
import { Centre } from '../../deploy/local/start/centre.ts';
import { openShell, type Shell } from '../support/chart.ts';
import { commandsOf, missingLines, type Step } from '../support/doc-commands.ts';
import { useEnvironment } from '../support/environment.ts';
import { type RunningOperator, startOperator } from '../support/operator.ts';

const root = join(import.meta.dirname, '..', '..');
const TUTORIALS = 'docs/tutorials';
const tutorials = (await readdir(join(root, TUTORIALS))).filter((name) => name !== 'README.md').sort();

/** The centre of `npm start`, before which the pages' readers sit. */
const handle = useEnvironment({ regions: await loadCentre() });
let centre: Centre;
let operator: RunningOperator;

beforeAll(async () => {
  centre = new Centre(handle.environment, join(root, 'deploy', 'samples'));
  await centre.prepare();
  // Nobody takes over here, and the machine is busy.
  operator = await startOperator(handle.environment, { leaseSeconds: '60', renewSeconds: '40', retrySeconds: '2' });
  await centre.untilRegionsReady(60_000);
}, 180_000);
afterAll(async () => {
  await operator?.stop();
  await centre?.client.close();
});

async function follow(step: Step, shell: Shell): Promise<void> {
  if (step.kind === 'file') return writeFile(join(shell.folder, step.name), step.text);
  const said = await shell.sh(step.command, handle.hub);
  const missing = missingLines(step.output, said);
  if (missing.length > 0) expect.fail(`${step.command}\nprinted:\n${said}\nwithout:\n${missing.join('\n')}`);
}

/** All commands of a page, in order, in the folder of a checkout. */
async function followPage(path: string): Promise<number> {
  const shell = await openShell();
  try {
    await symlink(join(root, 'deploy'), join(shell.folder, 'deploy'));
    const { steps } = commandsOf(await readFile(join(root, path), 'utf8'));
    for (const step of steps) {
      await follow(step, shell).catch((cause: Error) => {
        throw new Error(`${path}:${step.line}: ${cause.message}`, { cause });
      });
    }
    return steps.length;
  } finally {
    await shell.remove();
  }
}

// They stand beside each other in one centre, as those of several people would.
describe.concurrent('the commands of the documentation', () => {
  it.each(['README.md', 'docs/quick-start.md', ...tutorials.map((name) => `${TUTORIALS}/${name}`)])(
    'of %s do and print what it says',
    async (path) => {
      expect(await followPage(path)).toBeGreaterThan(0);
    },
    300_000,
  );
});
