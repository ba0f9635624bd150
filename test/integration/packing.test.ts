import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pack } from '../../deploy/release/pack.ts';
import { manifests, openShell, type Shell } from '../support/chart.ts';

/** `npm run release`, with the real helm. */
const IMAGE = 'ghcr.io/example/aidc-operator';
const digest = `sha256:${'a'.repeat(64)}`;
const root = join(import.meta.dirname, '..', '..');
const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
const CHART = `aidc-operator-${version}.tgz`;
let shell: Shell;

beforeAll(async () => {
  shell = await openShell();
});
afterAll(() => shell.remove());

it('packs the chart, the SBOM and their checksums, and leaves other files alone', async () => {
  const out = join(shell.folder, 'release');
  await mkdir(out);
  await writeFile(join(out, 'mine'), 'x');
  await pack({ image: IMAGE, digest, source: 'https://github.com/example/aidc-operator', out, draft: true });
  const names = await pack({ image: IMAGE, digest, source: '', out, draft: true });
  expect(names).toEqual([`aidc-operator-${version}.cdx.json`, CHART, 'SHA256SUMS']);
  expect(await readFile(join(out, 'mine'), 'utf8')).toBe('x');
  const sums = (await readFile(join(out, 'SHA256SUMS'), 'utf8')).trim().split('\n');
  expect(sums).toHaveLength(2);
  for (const line of sums) {
    const [sum, name = ''] = line.split('  ');
    expect(
      createHash('sha256')
        .update(await readFile(join(out, name)))
        .digest('hex'),
    ).toBe(sum);
  }
  await shell.sh(`helm lint --strict release/${CHART}`);
  const rendered = await shell.sh(
    `helm template x release/${CHART} --kube-version 1.36.0 -n aidc-system --set mode=all`,
  );
  const images = manifests(rendered).flatMap((object) => JSON.stringify(object).match(/"image":"[^"]+"/g) ?? []);
  expect(images.length).toBeGreaterThan(3);
  expect([...new Set(images)]).toEqual([`"image":"${IMAGE}@${digest}"`]);
});

it('ends with a sentence and code 2 where a flag is wrong', () => {
  const program = join(root, 'deploy', 'release', 'pack.ts');
  const { status, stderr } = spawnSync(process.execPath, [program, '--imag', IMAGE], { encoding: 'utf8' });
  expect(stderr).toContain("Unknown option '--imag'");
  expect(stderr).toContain('usage: npm run release');
  expect(stderr).not.toContain('    at ');
  expect(status).toBe(2);
});
