import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type SampleProblem, Sampler, type SamplerOptions } from '../../src/agent/sampler.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { FakeNvidiaSmi, type FakeRun } from '../support/fake-nvidia-smi.ts';

const GPUS = [{ uuid: 'GPU-00000000-0000-0000-0000-000000000001' }];

describe('Sampler', () => {
  let folder = '';
  const stop = new Set<() => Promise<void>>();
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sampler-'));
  });
  afterEach(async () => {
    for (const one of stop) await one();
    stop.clear();
    delete process.env.AIDC_FAKE_NVIDIA_SMI;
    rmSync(folder, { recursive: true });
  });

  function start(runs: readonly FakeRun[], options: Partial<SamplerOptions> = {}) {
    const fake = new FakeNvidiaSmi(folder, { gpus: GPUS, runs });
    Object.assign(process.env, fake.env);
    const seen: (SampleProblem | 'document')[] = [];
    const messages: string[] = [];
    const abort = new AbortController();
    const sampler = new Sampler({
      command: FakeNvidiaSmi.command,
      intervalSeconds: 1,
      maxDocumentBytes: 100_000,
      clock: systemClock,
      random: () => 0,
      deadlineMs: 2_000,
      graceMs: 300,
      onDocument: () => seen.push('document'),
      onProblem: (problem, message) => {
        seen.push(problem);
        messages.push(message);
      },
      onExit: (_, message) => {
        if (message !== undefined) messages.push(message);
      },
      onList: (text) => messages.push(text),
      ...options,
    });
    const running = sampler.run(abort.signal);
    stop.add(async () => {
      abort.abort();
      await running;
    });
    const until = async (wanted: readonly (SampleProblem | 'document')[]): Promise<void> => {
      await expect.poll(() => seen.slice(0, wanted.length), { timeout: 60_000, interval: 20 }).toEqual(wanted);
    };
    return { fake, sampler, messages, until };
  }

  it('reads document after document from one nvidia-smi, and leaves none behind', async () => {
    const { fake, until } = start([{}]);
    await until(['document', 'document', 'document']);
    expect(fake.pids).toHaveLength(1);
    for (const one of stop) await one();
    await expect.poll(() => fake.left, { timeout: 60_000 }).toEqual([]);
  }, 90_000);

  it('starts it again after an exit, garbage, and a hang that only SIGKILL ends', async () => {
    const { fake, messages, until } = start([
      { documents: 1, exitCode: 15, stderr: 'GPU is lost\n' },
      { garbage: 'No devices were found\n' },
      { hang: true, ignoreTerm: true },
      {},
    ]);
    await until(['document', 'parse', 'timeout', 'document']);
    expect(messages[0]).toMatch(/ended with code 15 after 1 documents. It said "GPU is lost"\.$/);
    expect(messages[1]).toMatch(/ended without a document. It said "No devices were found"\.$/);
    expect(messages[2]).toMatch(/printed no document in time\.$/);
    expect(fake.left.length).toBeLessThanOrEqual(1);
  }, 90_000);

  it('calls it once at a time where a stream does not work', async () => {
    const { until, fake } = start([{ exitCode: 2, documents: 0 }, { exitCode: 2, documents: 0 }, {}]);
    await until(['exit', 'exit', 'document']);
    await expect.poll(() => fake.left, { timeout: 60_000 }).toEqual([]);
  }, 90_000);

  it('makes room for a list of devices, and goes on', async () => {
    const { fake, sampler, messages, until } = start([{}]);
    await until(['document']);
    sampler.list();
    await expect.poll(() => messages, { timeout: 60_000 }).toEqual([expect.stringMatching(/^GPU 0: /)]);
    await expect.poll(() => fake.pids.length, { timeout: 60_000 }).toBe(2);
    await until(['document', 'document', 'document']);
    expect(fake.left.length).toBeLessThanOrEqual(1);
  }, 90_000);

  it('says that there is none', async () => {
    const { messages, until } = start([{}], { command: join(folder, 'nvidia-smi') });
    await until(['spawn', 'spawn']);
    expect(messages[0]).toContain('cannot be started: spawn');
  }, 90_000);

  it('refuses a document without end', async () => {
    const { until } = start([{ garbage: `${'x'.repeat(200_000)}</nvidia_smi_log>` }, {}]);
    await until(['parse']);
  }, 90_000);
});
