import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, type ProcessIdentity, thisProcess } from '../process-identity.ts';

/**
 * Runs `work` while holding a lock file, so that two processes do not build the same program at once.
 * A lock whose owner is gone is taken over.
 */
export async function withLock<T>(path: string, onWait: (owner: number) => void, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  let told = false;
  while (!(await tryTake(path))) {
    const owner = await readOwner(path);
    // Half-written locks have no owner yet: give their writer a moment before calling them stale.
    if (owner === undefined && !(await staleAfter(path, 2000))) continue;
    if (owner === undefined || !isAlive(owner)) {
      await rm(path, { force: true });
      continue;
    }
    if (!told) onWait(owner.pid);
    told = true;
    await sleep(300);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function tryTake(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(JSON.stringify(thisProcess()));
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readOwner(path: string): Promise<ProcessIdentity | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

async function staleAfter(path: string, milliseconds: number): Promise<boolean> {
  const until = Date.now() + milliseconds;
  while (Date.now() < until) {
    if ((await readOwner(path)) !== undefined) return false;
    await sleep(100);
  }
  return true;
}
