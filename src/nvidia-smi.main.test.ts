import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gpuDocument } from './nvidia-smi/testing/build.ts';

const program = join(import.meta.dirname, 'main.ts');
const document = gpuDocument({ temperature: { gpu_temp: '40 C' } });

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[]) {
  return spawn(process.execPath, [program, 'nvidia-smi', ...args], { stdio: 'pipe' });
}

async function run(args: readonly string[], input = ''): Promise<Outcome> {
  const child = start(args);
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  // Who reads no input closes it early.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}

describe('aidc-operator nvidia-smi', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nvidia-smi-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  it('prints the document in a file, or in the standard input, as JSON', async () => {
    const file = join(folder, 'one.xml');
    await writeFile(file, document);
    const fromFile = await run([file]);
    expect(fromFile).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(fromFile.stdout)).toMatchObject({
      dtd: 'v12',
      gpus: [{ index: 0, temperature: { coreCelsius: { state: 'value', value: 40 } } }],
    });
    expect(await run(['-'], document)).toEqual(fromFile);
    expect(await run([], document)).toEqual(fromFile);
  }, 30_000);

  it('says in a sentence what is no document', async () => {
    expect(await run([], 'No devices were found\n')).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'This is not a document of nvidia-smi -q -x: it holds no <nvidia_smi_log> and begins with "No devices were found".\n',
    });
  }, 30_000);

  it('says in a sentence which file it cannot read', async () => {
    const file = join(folder, 'missing.xml');
    expect(await run([file])).toEqual({
      code: 1,
      stdout: '',
      stderr: `${file} cannot be read: no such file or directory.\n`,
    });
  }, 30_000);

  it('says in a sentence that nobody reads what it prints', async () => {
    const child = start([]);
    const code = new Promise<number | null>((resolve) => child.once('close', resolve));
    const closed = new Promise((resolve) => child.stdout.once('close', resolve));
    child.stdout.destroy();
    await closed;
    child.stdin.end(document);
    expect(await text(child.stderr)).toBe('The output cannot be written: broken pipe.\n');
    expect(await code).toBe(1);
  }, 30_000);

  it.each([[['a.xml', 'b.xml']], [['-x']]])(
    'refuses wrong usage: %s',
    async (args) => {
      const { code, stdout, stderr } = await run(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/^usage: aidc-operator nvidia-smi/);
    },
    30_000,
  );
});
