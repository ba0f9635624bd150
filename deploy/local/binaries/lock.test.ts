import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { thisProcess } from '../process-identity.ts';
import { withLock } from './lock.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'aidc-lock-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

it('lets one in at a time and leaves no file', async () => {
  let inside = 0;
  let most = 0;
  const waits: number[] = [];
  const work = async () => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => setTimeout(resolve, 30));
    inside -= 1;
  };
  await Promise.all([1, 2, 3].map(() => withLock(join(dir, 'lock'), (owner) => waits.push(owner), work)));
  expect(most).toBe(1);
  expect(waits).toEqual([process.pid, process.pid]);
  expect(await readdir(dir)).toEqual([]);
});

it('takes over from an owner that is gone, also when its pid is in use again', async () => {
  const path = join(dir, 'lock');
  await writeFile(path, JSON.stringify({ ...thisProcess(), startTime: 'another life' }));
  expect(
    await withLock(
      path,
      () => {},
      async () => 'done',
    ),
  ).toBe('done');
});

it('takes over a lock that was never finished writing', async () => {
  const path = join(dir, 'lock');
  await writeFile(path, '');
  expect(
    await withLock(
      path,
      () => {},
      async () => 'done',
    ),
  ).toBe('done');
});

it('is free again after a failure', async () => {
  const path = join(dir, 'lock');
  const failing = withLock(
    path,
    () => {},
    async () => {
      throw new Error('no');
    },
  );
  await expect(failing).rejects.toThrow('no');
  expect(await readdir(dir)).toEqual([]);
});
