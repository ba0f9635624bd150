import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AgentState } from '../../src/agent/state-file.ts';
import { LABEL, nodeEnergyData } from '../../src/api/index.ts';
import { FakeKubelet } from '../support/fake-kubelet.ts';
import { FakeNvidiaSmi, type Scenario } from '../support/fake-nvidia-smi.ts';
import { FaultyServer, json, type Seen } from './faulty-server.ts';

const A = 'GPU-00000000-0000-0000-0000-00000000000a';
const B = 'GPU-00000000-0000-0000-0000-00000000000b';
const STATE = 'state.json';

const holds = (name: string, ...ids: string[]) => ({ namespace: 'ns', name, resource: 'nvidia.com/gpu', ids });

/** The apiserver, as far as the agent asks it. */
/** For an agent that reports; it ends with the test. */
async function openApiserver(folder: string) {
  const api = new Apiserver();
  await api.server.listen();
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, api.kubeconfig());
  return {
    flags: ['--kubeconfig', kubeconfig],
    /** What the newest report says of now. */
    get now() {
      return nodeEnergyData.parse(api.maps.at(-1)).now;
    },
    [Symbol.asyncDispose]: () => api.server.close(),
  };
}

class Apiserver {
  readonly maps: Record<string, string>[] = [];
  /** The power cap that pods ask for, by name. */
  readonly powerCaps: Record<string, string> = {};
  readonly server = new FaultyServer((request, response) => {
    if (request.path.endsWith('/pods')) json(response, { metadata: {}, items: this.#pods(request) });
    else {
      const map = JSON.parse(request.body) as { data: Record<string, string> };
      this.maps.push(map.data);
      json(response, map);
    }
  });

  #pods({ query }: Seen): object[] {
    if (query.get('fieldSelector') !== 'spec.nodeName=gpu-1') return [];
    return ['one', 'two'].map((name) => {
      const cap = this.powerCaps[name];
      const annotations = cap === undefined ? {} : { 'aidc.dev/gpu-power-cap': cap };
      const run = {
        [LABEL.workloadUid]: 'w',
        [LABEL.attempt]: '3',
        [LABEL.workload]: 'llm',
        [LABEL.kind]: 'ModelTraining',
      };
      const labels = name === 'one' ? run : {};
      return { metadata: { namespace: 'ns', name, uid: `uid-${name}`, annotations, labels } };
    });
  }

  kubeconfig(): string {
    const cluster = { name: 'c', cluster: { server: this.server.url } };
    const user = { name: 'u', user: { token: 't' } };
    const context = { name: 'x', context: { cluster: 'c', user: 'u' } };
    return JSON.stringify({ clusters: [cluster], users: [user], contexts: [context], 'current-context': 'x' });
  }
}

/** The agent's own process, and what it prints. */
class AgentProcess {
  readonly child: ChildProcess;
  log = '';
  readonly ended: Promise<number | null>;

  constructor(folder: string, fake: FakeNvidiaSmi, flags: readonly string[]) {
    const program = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
    const usual = [
      ['--node', 'gpu-1'],
      ['--http-host', '127.0.0.1'],
      ['--http-port', '0'],
      ['--nvidia-smi', FakeNvidiaSmi.command],
      ['--interval-seconds', '1'],
      ['--deadline-seconds', '3'],
      ['--publish-seconds', '2'],
      ['--state-file', join(folder, STATE)],
      ['--pod-resources-socket', join(folder, 'kubelet.sock')],
    ].flat();
    const { KUBECONFIG: _, KUBERNETES_SERVICE_HOST: __, ...env } = process.env;
    this.child = spawn(process.execPath, [program, 'agent', ...usual, ...flags], { env: { ...env, ...fake.env } });
    this.child.stdout?.on('data', (text: Buffer) => {
      this.log += text.toString();
    });
    this.child.stderr?.pipe(process.stderr);
    this.ended = new Promise((resolve) => this.child.once('exit', resolve));
  }

  async get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    await expect.poll(() => this.log, { timeout: 60_000 }).toContain('"msg":"listening"');
    const port = /"port":(\d+)/.exec(this.log)?.[1];
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, text: await response.text() };
  }

  /** Value of the series with all these words in its line. */
  async value(...words: readonly string[]): Promise<number | undefined> {
    const { text } = await this.get('/metrics');
    const lines = text
      .split('\n')
      .filter((line) => !line.startsWith('#') && words.every((word) => line.includes(word)));
    return lines[0] === undefined ? undefined : Number(lines[0].split(' ').at(-1));
  }

  async until(wanted: (value: number | undefined) => boolean, ...words: readonly string[]): Promise<void> {
    await expect
      .poll(async () => wanted(await this.value(...words)), { timeout: 60_000, message: words.join(' ') })
      .toBe(true);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    return this.ended;
  }
}

describe('aidc-operator agent', () => {
  let folder = '';
  let kubelet: FakeKubelet;
  const running: AgentProcess[] = [];
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'agent-'));
    kubelet = new FakeKubelet(join(folder, 'kubelet.sock'));
    await kubelet.start();
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((agent) => agent.stop('SIGKILL')));
    kubelet.stop();
    rmSync(folder, { recursive: true });
  });

  function start(scenario: Scenario, ...flags: string[]) {
    const fake = new FakeNvidiaSmi(folder, scenario);
    return { fake, agent: launch(fake, ...flags) };
  }

  function launch(fake: FakeNvidiaSmi, ...flags: string[]): AgentProcess {
    const agent = new AgentProcess(folder, fake, flags);
    running.push(agent);
    return agent;
  }

  it('tells whose energy it was, in numbers that add up, and goes on after a restart', async () => {
    const api = new Apiserver();
    await api.server.listen();
    const kubeconfig = join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, api.kubeconfig());
    try {
      kubelet.pods = [holds('one', A)];
      const gpus = [
        { uuid: A, watts: [[0, 400]] as const },
        { uuid: B, watts: [[0, 100]] as const },
      ];
      const { fake, agent } = start({ gpus }, '--kubeconfig', kubeconfig);
      await agent.until((joules) => Number(joules) > 1_000, 'aidc_gpu_energy_joules_total', A);
      expect(await agent.value('aidc_gpu_allocated', A)).toBe(1);
      expect(await agent.value('aidc_gpu_allocated', B)).toBe(0);
      const held = ['workload_namespace="ns"', 'workload_pod="one"', 'workload="llm"', 'kind="ModelTraining"'];
      expect(await agent.value('aidc_gpu_holder_info', A, ...held, 'attribution="exclusive"')).toBe(1);
      expect(await agent.value('aidc_gpu_holder_info', B)).toBeUndefined();
      expect(await agent.value('aidc_gpu_power_draw_watts', A)).toBe(400);
      expect((await agent.get('/readyz')).status).toBe(200);
      expect(await agent.stop()).toBe(0);
      await expect.poll(() => fake.left, { timeout: 60_000 }).toEqual([]);

      const data = nodeEnergyData.parse(api.maps.at(-1));
      const state = JSON.parse(readFileSync(join(folder, STATE), 'utf8')) as { series: string };
      expect(data).toMatchObject({ node: 'gpu-1', series: state.series });
      expect(data.totals.pods).toEqual([['uid-one', 'ns', 'one', 'w/3']]);
      expect(data.now).toEqual({
        ...{ trouble: '', expected: 2 },
        boards: [
          [A, 'healthy', 400, [[0, 1]]],
          [B, 'healthy', 100, []],
        ],
      });
      for (const [index, [, joules, seconds, gaps]] of data.totals.gpus.entries()) {
        // Constant power is integrated exactly, whenever the samples came.
        const watts = gpus[index]?.watts[0][1] ?? 0;
        expect(Math.abs(joules - watts * (seconds - gaps))).toBeLessThan(0.01);
        const parts = data.totals.use.filter(([, gpu]) => gpu === index).reduce((sum, [, , part]) => sum + part, 0);
        expect(Math.abs(parts - joules)).toBeLessThan(1e-5);
        expect(data.totals.use.filter(([, gpu]) => gpu === index).map(([pod]) => pod)).toEqual([index === 0 ? 0 : -1]);
      }

      kubelet.pods = [holds('two', `${A}::0`), holds('one', `${A}::1`)];
      const before = data.totals.gpus[0]?.[1] ?? Number.NaN;
      const again = launch(fake, '--kubeconfig', kubeconfig);
      await again.until((joules) => Number(joules) > before + 1_000, 'aidc_gpu_energy_joules_total', A);
      expect(await again.value('aidc_gpu_holder_info', A, 'workload_pod="two"', 'workload=""', 'equal')).toBe(1);
      expect(await again.value('aidc_gpu_holder_share_ratio', A, 'workload_pod="one"')).toBe(0.5);
      kubelet.pods = [holds('two', `${A}::0`)];
      await again.until((one) => one === undefined, 'aidc_gpu_holder_info', A, 'workload_pod="one"');
      // After a crash, too, nothing that was shown is taken back.
      const shown = Number(await again.value('aidc_gpu_energy_joules_total', A));
      await again.stop('SIGKILL');
      const third = launch(fake, '--kubeconfig', kubeconfig);
      await third.until((joules) => Number(joules) >= shown, 'aidc_gpu_energy_joules_total', A);
      await third.stop();
      const last = nodeEnergyData.parse(api.maps.at(-1));
      expect(last.series).toBe(data.series);
      expect(last.totals.pods.map(([uid]) => uid).sort()).toEqual(['uid-one', 'uid-two']);
      const total = last.totals.gpus[0] ?? [A, 0, 0, 0];
      expect(Math.abs(total[1] - 400 * (total[2] - total[3]))).toBeLessThan(0.01);
    } finally {
      await api.server.close();
    }
  }, 240_000);

  it('caps boards as their pods ask, and restores them at release, at its end and after a crash', async () => {
    const api = new Apiserver();
    await api.server.listen();
    const kubeconfig = join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, api.kubeconfig());
    const flags = ['--kubeconfig', kubeconfig, '--power-caps', '--power-cap-measure-seconds', '2'];
    const gpus = [
      { uuid: A, watts: [[0, 600]] as const },
      { uuid: B, watts: [[0, 640]] as const },
    ];
    Object.assign(api.powerCaps, { one: '450', two: 'Auto' });
    const capped = (
      watts: number,
      uuid: string,
    ): readonly [(is: number | undefined) => boolean, string, string, string] => [
      (is) => is === watts,
      'aidc_gpu_power_limit_watts',
      'kind="enforced"',
      uuid,
    ];
    try {
      // Off by default: nothing is touched, whatever is asked for.
      kubelet.pods = [holds('one', A), holds('two', B)];
      const { fake, agent: off } = start({ gpus }, '--kubeconfig', kubeconfig);
      await off.until((joules) => Number(joules) > 1_500, 'aidc_gpu_energy_joules_total', A);
      await off.stop();
      expect(fake.limitsSet).toEqual([]);

      const agent = launch(fake, ...flags);
      await agent.until(...capped(450, A));
      await agent.until(...capped(560, B));
      await agent.until((draw) => draw === 450, 'aidc_gpu_power_draw_watts', A);
      expect(await agent.value('aidc_gpu_power_cap_watts', B)).toBe(560);
      await agent.until((count) => count === 2, 'aidc_agent_power_cap_changes_total', 'result="applied"');
      // Release.
      kubelet.pods = [holds('two', B)];
      await agent.until(...capped(700, A));
      await agent.until((count) => count === 1, 'aidc_agent_power_cap_changes_total', 'result="restored"');
      // A crash, and the pod is gone when the agent is back.
      await agent.stop('SIGKILL');
      kubelet.pods = [holds('one', A)];
      const again = launch(fake, ...flags);
      await again.until(...capped(700, B));
      await again.until(...capped(450, A));
      // The end.
      expect(await again.stop()).toBe(0);
      expect(fake.limitsSet.at(-1)).toBe(`${A} 700`);
      await expect.poll(() => fake.left, { timeout: 60_000 }).toEqual([]);
      // Switched off after a crash, it still restores.
      const third = launch(fake, ...flags);
      await third.until(...capped(450, A));
      await third.stop('SIGKILL');
      const last = launch(fake, '--kubeconfig', kubeconfig);
      await last.until(...capped(700, A));
    } finally {
      await api.server.close();
    }
  }, 240_000);

  it('survives exits, garbage and hangs, and says so', async () => {
    const { fake, agent } = start({
      gpus: [{ uuid: A }],
      runs: [
        { documents: 2, exitCode: 15, stderr: 'GPU is lost' },
        { documents: 0, exitCode: 9 },
        { garbage: '\u0000<nvidia_smi_log>\u00ff</nvidia_smi_log>' },
        { hang: true, ignoreTerm: true },
        {},
      ],
    });
    await agent.until((count) => count === 1, 'aidc_agent_sample_errors_total', 'reason="timeout"');
    await agent.until((success) => success === 1, 'aidc_agent_sample_success');
    expect(await agent.value('aidc_agent_sample_errors_total', 'reason="exit"')).toBeGreaterThanOrEqual(1);
    expect(await agent.value('aidc_agent_sample_errors_total', 'reason="parse"')).toBeGreaterThanOrEqual(1);
    await agent.until((gap) => Number(gap) > 3, 'aidc_gpu_energy_gap_seconds_total', A);
    await expect.poll(() => agent.log, { timeout: 60_000 }).toContain('ended with code 15 after 2 documents');
    expect(fake.left.length).toBeLessThanOrEqual(1);
    expect((await agent.get('/livez')).status).toBe(200);
  }, 240_000);

  it('runs on a node without a driver, is not ready, and tells the hub why', async () => {
    await using api = await openApiserver(folder);
    const { agent } = start({}, ...api.flags, '--nvidia-smi', join(folder, 'no-such-program'));
    await agent.until((count) => Number(count) > 0, 'aidc_agent_sample_errors_total', 'reason="spawn"');
    expect(await agent.value('aidc_agent_sample_success')).toBe(0);
    expect((await agent.get('/livez')).status).toBe(200);
    const ready = await agent.get('/readyz');
    expect(ready.status).toBe(503);
    expect(ready.text).toContain('cannot be started');
    expect((await agent.get('/metrics')).text).not.toContain(A);
    expect(await agent.stop()).toBe(0);
    expect(api.now).toMatchObject({ trouble: expect.stringContaining('cannot be started') as string, boards: [] });
  }, 180_000);

  it('takes a sample for one, also of an nvidia-smi that ends with an error after each', async () => {
    const runs = [{ documents: 1, exitCode: 15, stderr: 'GPU is lost' }];
    const { fake, agent } = start({ gpus: [{ uuid: A }, { uuid: B, isLost: true }], attached: 3, runs });
    await expect.poll(() => fake.pids.length, { timeout: 60_000 }).toBeGreaterThan(3);
    expect(await agent.value('aidc_agent_sample_success')).toBe(1);
    expect(await agent.value('aidc_agent_nvidia_smi_exit_code')).toBe(15);
    const { text } = await agent.get('/metrics');
    expect(text.match(/^aidc_agent_sample_errors_total.* (?!0$).*$/gm)).toBeNull();
    expect(agent.log.match(/ended with code 15/g)).toHaveLength(1);
    // Neither the lost board nor the third one has a UUID yet.
    expect(await agent.value('aidc_node_gpus', 'state="expected"')).toBe(3);
    expect(await agent.value('aidc_node_gpus', 'state="lost"')).toBe(2);
    expect(await agent.value('aidc_agent_document_warnings_total')).toBeGreaterThan(1);
    expect(agent.log.match(/3 attached GPUs, but the document holds 2/g)).toHaveLength(1);
  }, 180_000);

  it('tells of a board that falls off the bus, and counts its time as a gap', async () => {
    kubelet.pods = [holds('one', A)];
    await using api = await openApiserver(folder);
    const { fake, agent } = start({ gpus: [{ uuid: A }, { uuid: B }] }, ...api.flags);
    await agent.until((joules) => Number(joules) > 0, 'aidc_gpu_energy_joules_total', A);
    fake.play({ gpus: [{ uuid: A, isLost: true }, { uuid: B }] });
    await agent.until((lost) => lost === 1, 'aidc_gpu_health', A, 'state="lost"');
    expect(await agent.value('aidc_node_gpus', 'state="lost"')).toBe(1);
    expect(await agent.value('aidc_gpu_power_draw_watts', A)).toBeUndefined();
    expect(await agent.value('aidc_gpu_allocated', A)).toBe(1);
    await agent.until((gap) => Number(gap) > 0, 'aidc_gpu_energy_gap_seconds_total', A);
    expect(await agent.value('aidc_gpu_energy_gap_seconds_total', B)).toBe(0);
    expect(await agent.value('aidc_gpu_health', B, 'state="healthy"')).toBe(1);
    await agent.stop();
    expect(api.now?.boards.map(([uuid, health, , holders]) => [uuid, health, holders.length])).toEqual([
      [A, 'lost', 1],
      [B, 'healthy', 0],
    ]);
  }, 180_000);

  it('knows a board that a pod holds by a claim, and counts what it cannot tell', async () => {
    const claim = { ...holds('one', 'gpu-1', 'gpu-0-mig-19-0-1'), resource: 'gpu.nvidia.com' };
    kubelet.pods = [claim, { ...claim, name: 'two', resource: 'nic.example.com', ids: ['gpu-0'] }];
    const { agent } = start({ gpus: [{ uuid: A }, { uuid: B }] });
    await agent.until((held) => held === 1, 'aidc_gpu_allocated', B);
    expect(await agent.value('aidc_gpu_allocated', A)).toBe(0);
    expect(await agent.value('aidc_agent_pod_mapping_unknown_devices')).toBe(1);
    await expect.poll(() => agent.log, { timeout: 60_000 }).toContain('no boards: gpu-0-mig-19-0-1');
  }, 180_000);

  it('shares out a board in MIG mode by multiprocessors', async () => {
    const mig = [40, 20].map((multiprocessors, index) => ({
      uuid: `MIG-00000000-0000-0000-0000-00000000000${index}`,
      instance: index + 1,
      multiprocessors,
    }));
    kubelet.pods = mig.slice(0, 1).map(({ uuid }) => holds('one', uuid));
    const { agent } = start({ gpus: [{ uuid: A, mig }] });
    await agent.until((held) => held === 1, 'aidc_gpu_allocated', A);
    expect(await agent.value('aidc_mig_device_sm_count', 'mig_index="1"')).toBe(20);
    await agent.until((joules) => Number(joules) > 300, 'aidc_gpu_energy_joules_total', A);
    await agent.stop();
    const { ledger } = JSON.parse(readFileSync(join(folder, STATE), 'utf8')) as AgentState;
    const [gpu] = ledger.gpus;
    expect(gpu?.shares.map(({ share }) => share)).toEqual([40 / 60]);
    const joules = ledger.totals.reduce((sum, entry) => sum + entry.joules, 0);
    expect(Math.abs(joules - (gpu?.joules ?? Number.NaN))).toBeLessThan(1e-6);
  }, 180_000);
});
