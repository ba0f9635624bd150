import { spawnSync } from 'node:child_process';
import { chmod, copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildImageTree, type ImageTree } from '../../deploy/image/build.ts';
import { startOperatorProcess, untilReady } from '../../deploy/local/start/operator-process.ts';
import { useEnvironment } from '../support/environment.ts';

const centre = useEnvironment({ regions: [] });
const isRoot = process.getuid?.() === 0;
let tree: ImageTree;
let folder: string;

beforeAll(async () => {
  tree = await buildImageTree({ offline: true });
  folder = await mkdtemp(join(tmpdir(), 'aidc-image-run-'));
  // Whoever the image's user is here: he finds Node, the program and the kubeconfig, and may write none of it.
  await copyFile(process.execPath, join(folder, 'node'));
  await copyFile(centre.hub.kubeconfigPath, join(folder, 'kubeconfig'));
  const works = [folder, dirname(dirname(tree.folder))];
  expect(spawnSync('chmod', ['-R', 'a+rX,a-w', ...works]).status).toBe(0);
}, 600_000);

afterAll(async () => {
  spawnSync('chmod', ['-R', 'u+w', folder, dirname(dirname(tree.folder))]);
  await Promise.all([tree.remove(), rm(folder, { recursive: true, force: true })]);
});

describe('the image, as far as it goes without Docker', () => {
  it('is small beside Node, and the same on every processor', () => {
    console.log(`the image holds ${(tree.bytes / 1e6).toFixed(1)} MB beside Node`);
    expect(tree.bytes).toBeLessThan(150e6);
    expect(tree.native).toEqual([]);
  });

  it('runs as a user without rights who can write nothing of it, and stops when told to', async () => {
    expect(tree.uid).toBeGreaterThan(0);
    const logs = await mkdtemp(join(tmpdir(), 'aidc-image-log-'));
    const operator = await startOperatorProcess({
      node: join(folder, 'node'),
      program: tree.program,
      args: tree.args,
      kubeconfigPath: join(folder, 'kubeconfig'),
      dir: logs,
      ...(isRoot ? { user: { uid: tree.uid, gid: tree.gid } } : {}),
    });
    try {
      await untilReady(operator, 90_000);
      const status = await readFile(`/proc/${operator.pid}/status`, 'utf8').catch(() => '');
      if (isRoot && status !== '') expect(status).toMatch(new RegExp(`^Uid:\\t${tree.uid}\\b`, 'm'));
      expect((await fetch(`${operator.url}/metrics`)).ok).toBe(true);
    } finally {
      await operator.stop();
      await chmod(logs, 0o700);
    }
    expect(await operator.ended).toBe(0);
    await rm(logs, { recursive: true });
  });
});
