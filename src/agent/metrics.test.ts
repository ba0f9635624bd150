import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { parseNvidiaSmi } from '../nvidia-smi/index.ts';
import { gpuDocument, type Tree, UUID } from '../nvidia-smi/testing/build.ts';
import { Boards } from './boards.ts';
import { AGENT_FAMILIES } from './families.ts';
import { Ledger } from './ledger.ts';
import { MeterState } from './meter.ts';
import { AgentMetrics } from './metrics.ts';

const RICH: Tree = {
  pci: { pci_bus_id: '00000000:0A:00.0' },
  product_name: 'NVIDIA A100',
  mig_mode: { current_mig: 'Enabled' },
  mig_devices: {
    mig_device: [
      {
        index: '0',
        gpu_instance_id: '3',
        device_attributes: { shared: { multiprocessor_count: '28' } },
        fb_memory_usage: { total: '100 MiB', used: '1 MiB' },
      },
    ],
  },
  utilization: { gpu_util: 'N/A', memory_util: '7 %' },
  fb_memory_usage: { total: '81559 MiB', reserved: '551 MiB', used: '0 MiB', free: '81007 MiB' },
  gpu_power_readings: { average_power_draw: '100.00 W', current_power_limit: '400.00 W', max_power_limit: '400.00 W' },
  temperature: { gpu_temp: '40 C', memory_temp: '50 C' },
  clocks: { sm_clock: '1000 MHz', mem_clock: '1500 MHz' },
  clocks_event_reasons: { clocks_event_reason_gpu_idle: 'Active' },
  clocks_event_reasons_counters: { clocks_event_reasons_counters_sw_power_cap: '7000000 us' },
  ecc_errors: { volatile: { sram_correctable: '1', dram_uncorrectable: '2' } },
  remapped_rows: { remapped_row_pending: 'No', remapped_row_failure: 'No' },
  gpu_recovery_action: 'None',
  fabric: { state: 'Completed', status: 'Success', health: { summary: 'Healthy' } },
  processes: { process_info: [{ pid: '1', type: 'C', used_memory: '1 MiB' }] },
};

async function scrape(gpu: Tree, options: { isStale?: boolean } = {}) {
  const registry = new Registry();
  const boards = new Boards();
  boards.update(parseNvidiaSmi(gpuDocument(gpu)));
  const ledger = new Ledger();
  const pod = { uid: 'u', namespace: 'ns', name: 'x' };
  ledger.setHolders(0, new Map([[UUID, [{ pod, share: 1 }]]]));
  for (const atMs of [0, 5_000]) ledger.read({ atMs, wallMs: atMs, maxGapMs: 15_000, watts: boards.watts });
  const meter = new MeterState();
  Object.assign(meter, {
    dtd: 'v12',
    exitCode: 0,
    sampleWallMs: 1,
    mappingWallMs: 1,
    savedWallMs: 1,
    publishedWallMs: 1,
  });
  meter.unknownValue('gpu/x');
  const metrics = new AgentMetrics(registry);
  const caps = {
    caps: [{ uuid: UUID, pod: 'u', watts: 300, beforeWatts: 400 }],
    results: new Map([['applied' as const, 1]]),
  };
  const workloadOf = (uid: string) => (uid === 'u' ? { workload: 'w', kind: 'ModelTraining' } : undefined);
  const exposure = { node: 'gpu-1', version: '1', boards, workloadOf, ledger: ledger.state, meter, caps };
  const shown = { ...exposure, isStale: false };
  // The second scrape must show the same: nothing is added up twice.
  for (let scrapes = 0; scrapes < 2; scrapes += 1) metrics.collect({ ...shown, ...options });
  const families = await registry.getMetricsAsJSON();
  const text = await registry.metrics();
  const value = (...words: string[]): number | undefined => {
    const line = text.split('\n').find((one) => !one.startsWith('#') && words.every((word) => one.includes(word)));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  };
  return { families, value };
}

describe('AgentMetrics', () => {
  it('has names, types and labels as Prometheus wants them', async () => {
    const { families } = await scrape(RICH);
    expect(families.length).toBeGreaterThan(35);
    for (const { name, help, type, values } of families) {
      expect(name).toMatch(/^aidc_(gpu|mig|node|agent)_[a-z_]+$/);
      expect(help).not.toBe('');
      expect(String(type)).toBe(name.endsWith('_total') ? 'counter' : 'gauge');
      const labels = values.flatMap((one) => Object.keys(one.labels));
      // These are labels of targets, which a scrape adds.
      for (const label of labels)
        expect(['pod', 'namespace', 'node', 'instance', 'job', 'container']).not.toContain(label);
    }
  });

  it('has every family of the table, and no other', async () => {
    const { families } = await scrape({ ...RICH, utilization: { gpu_util: '1 %', memory_util: '7 %' } });
    const shown = families.filter(({ values }) => values.length > 0).map(({ name }) => name);
    expect(shown.sort()).toEqual(AGENT_FAMILIES.map(({ name }) => name).sort());
  });

  it('shows what the board tells, and nothing where it does not', async () => {
    const { value } = await scrape(RICH);
    expect(value('aidc_gpu_energy_joules_total', UUID)).toBe(500);
    expect(value('aidc_gpu_allocated')).toBe(1);
    expect(value('aidc_gpu_memory_used_bytes')).toBe(0);
    expect(value('aidc_gpu_memory_total_bytes')).toBe(81_559 * 1_048_576);
    expect(value('aidc_gpu_memory_utilization_ratio')).toBe(0.07);
    expect(value('aidc_gpu_utilization_ratio')).toBeUndefined();
    expect(value('aidc_gpu_clock_hertz', 'domain="sm"')).toBe(1e9);
    expect(value('aidc_gpu_clocks_event_seconds_total', 'sw_power_cap')).toBe(7);
    expect(value('aidc_gpu_ecc_errors', 'dram', 'uncorrected', 'volatile')).toBe(2);
    expect(value('aidc_gpu_ecc_errors', 'aggregate')).toBeUndefined();
    expect(value('aidc_gpu_processes', 'compute')).toBe(1);
    expect(value('aidc_mig_device_sm_count', 'gpu_instance_id="3"')).toBe(28);
    expect(value('aidc_gpu_health', 'healthy')).toBe(1);
    expect(value('aidc_gpu_fabric_healthy')).toBe(1);
    expect(value('aidc_mig_device_info', 'mig_uuid=""', 'mig_index="0"')).toBe(1);
    const held = ['workload_namespace="ns"', 'workload_pod="x"'];
    expect(value('aidc_gpu_holder_info', ...held, 'workload="w"', 'kind="ModelTraining"', 'exclusive')).toBe(1);
    expect(value('aidc_gpu_holder_share_ratio', UUID, ...held)).toBe(1);
  });

  it('shows no old value as a present one', async () => {
    const { value } = await scrape(RICH, { isStale: true });
    expect(value('aidc_gpu_health', 'unknown')).toBe(1);
    expect(value('aidc_gpu_power_draw_watts')).toBeUndefined();
    expect(value('aidc_gpu_energy_joules_total')).toBe(500);
  });
});
