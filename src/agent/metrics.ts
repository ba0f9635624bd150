import { Counter, Gauge, type Registry } from 'prom-client';
import { valueIn } from '../nvidia-smi/index.ts';
import { type Board, HEALTH, type Health, healthOf } from './boards.ts';
import { GPU_FAMILIES, type GpuFamily, numberIn } from './gpu-metrics.ts';
import type { LedgerState } from './ledger.ts';
import type { MeterState } from './meter.ts';
import type { PowerCaps } from './power-caps.ts';

/** What a scrape shows. */
export interface Exposure {
  readonly node: string;
  readonly version: string;
  readonly boards: readonly Board[];
  /** As it was saved: a counter that was shown must not go back after a restart. */
  readonly ledger: LedgerState;
  readonly meter: MeterState;
  /** undefined: power caps are off. */
  readonly caps: Pick<PowerCaps, 'caps' | 'results'> | undefined;
  /** The newest sample is too old to say how the boards are. */
  readonly isStale: boolean;
}

type Labels = Record<string, string>;
const INFO = ['gpu_index', 'gpu_model', 'driver_version', 'cuda_version', 'pci_bus_id', 'mig_mode', 'architecture'];

/** Series of the agent. All are set anew at each scrape, so that a board that is gone leaves none behind. */
export class AgentMetrics {
  readonly #registry: Registry;
  readonly #families = new Map<string, Counter | Gauge>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  collect(exposure: Exposure): void {
    for (const family of this.#families.values()) family.reset();
    this.#agent(exposure);
    this.#energy(exposure);
    for (const board of exposure.boards) this.#board(board, exposure);
    this.#caps(exposure);
  }

  #board(board: Board, { node, meter, isStale, ledger }: Exposure): void {
    const id = { gpu_uuid: board.uuid, gpu_node: node };
    const { gpu } = board;
    const health: Health = isStale ? 'unknown' : healthOf(board);
    for (const state of HEALTH) {
      const labels = { ...id, state };
      this.#gauge('aidc_gpu_health', 'How the board is; 1 for the present state.', labels, Number(state === health));
    }
    const isHeld = ledger.holders.some(({ uuid, shares }) => uuid === board.uuid && shares.length > 0);
    this.#gauge('aidc_gpu_allocated', '1 while a pod holds the board or a part of it.', id, Number(isHeld));
    // An old value is no value.
    if (gpu === undefined || isStale) return;
    const info = [
      String(gpu.index),
      valueIn(gpu.productName) ?? '',
      meter.driver,
      meter.cuda,
      valueIn(gpu.busId) ?? '',
      valueIn(gpu.mig.enabled) === true ? 'enabled' : 'disabled',
      valueIn(gpu.productArchitecture) ?? '',
    ];
    const infoLabels = Object.fromEntries(INFO.map((name, index) => [name, info[index] ?? '']));
    this.#gauge('aidc_gpu_info', 'Join key: what the board is; always 1.', { ...id, ...infoLabels }, 1);
    for (const family of GPU_FAMILIES) {
      for (const [labels, value] of family.of(gpu)) this.#gpuSample(family, { ...id, ...labels }, numberIn(value));
    }
  }

  #caps({ node, caps }: Exposure): void {
    for (const { uuid, watts } of caps?.caps ?? []) {
      const id = { gpu_uuid: uuid, gpu_node: node };
      this.#gauge('aidc_gpu_power_cap_watts', 'Power cap that the board is to have for its pod.', id, watts);
    }
    for (const [result, count] of caps?.results ?? [])
      this.#counter('aidc_agent_power_cap_changes_total', 'Power limits that were set, or not.', { result }, count);
  }

  #gpuSample({ name, help, type }: GpuFamily, labels: Labels, value: number | undefined): void {
    if (type === 'counter') this.#counter(name, help, labels, value);
    else this.#gauge(name, help, labels, value);
  }

  #energy({ node, ledger }: Exposure): void {
    for (const { uuid, joules, gapSeconds } of ledger.gpus) {
      const id = { gpu_uuid: uuid, gpu_node: node };
      const source = { ...id, source: 'integrated' };
      this.#counter('aidc_gpu_energy_joules_total', 'Energy of the board, from its power over time.', source, joules);
      this.#counter('aidc_gpu_energy_gap_seconds_total', 'Time whose energy is not counted.', id, gapSeconds);
    }
  }

  #agent({ meter, boards, node, version }: Exposure): void {
    const seconds = (wallMs: number | undefined): number | undefined => wallMs && wallMs / 1000;
    this.#gauge('aidc_agent_build_info', 'Version; always 1.', { version }, 1);
    this.#gauge('aidc_agent_sample_success', '1 while samples arrive.', {}, Number(meter.isSampling));
    this.#gauge('aidc_agent_sample_duration_seconds', 'Time to read the newest document.', {}, meter.sampleSeconds);
    this.#gauge('aidc_agent_sample_timestamp_seconds', 'When it came.', {}, seconds(meter.sampleWallMs));
    for (const [reason, count] of meter.problems)
      this.#counter('aidc_agent_sample_errors_total', 'Samples that failed.', { reason }, count);
    this.#gauge('aidc_agent_nvidia_smi_exit_code', 'Of the last one that ended; -1: a signal.', {}, meter.exitCode);
    const schema = meter.dtd === undefined ? undefined : 1;
    this.#gauge('aidc_agent_schema_info', 'Version of the document type; always 1.', { dtd: meter.dtd ?? '' }, schema);
    for (const [element, count] of meter.unknownValues)
      this.#counter('aidc_agent_unknown_values_total', 'Texts that were not understood.', { element }, count);
    this.#gauge('aidc_agent_pod_mapping_success', '1 while the kubelet answers.', {}, Number(meter.isMapping));
    const mapped = seconds(meter.mappingWallMs);
    this.#gauge('aidc_agent_pod_mapping_timestamp_seconds', 'When it last answered.', {}, mapped);
    const unknown = meter.unknownDevices;
    this.#gauge('aidc_agent_pod_mapping_unknown_devices', 'Devices of pods that are no board here.', {}, unknown);
    this.#counter('aidc_agent_clock_steps_total', 'Steps of the wall clock of over 5 s.', {}, meter.clockSteps);
    this.#gauge('aidc_agent_state_timestamp_seconds', 'When the state was saved.', {}, seconds(meter.savedWallMs));
    const published = seconds(meter.publishedWallMs);
    this.#gauge('aidc_agent_published_timestamp_seconds', 'When the ConfigMap was written.', {}, published);
    const present = boards.filter((board) => healthOf(board) !== 'lost').length;
    const counts = { expected: boards.length, present, lost: boards.length - present };
    for (const [state, count] of Object.entries(counts))
      this.#gauge('aidc_node_gpus', 'Boards of the node.', { gpu_node: node, state }, count);
  }

  #gauge(name: string, help: string, labels: Labels, value: number | undefined): void {
    if (value !== undefined) this.#family(Gauge, name, help, labels).labels(labels).set(value);
  }

  #counter(name: string, help: string, labels: Labels, value: number | undefined): void {
    if (value !== undefined) this.#family(Counter, name, help, labels).labels(labels).inc(value);
  }

  #family<F extends Counter | Gauge>(
    Family: new (options: { name: string; help: string; labelNames: string[]; registers: Registry[] }) => F,
    name: string,
    help: string,
    labels: Labels,
  ): F {
    const known = this.#families.get(name) as F | undefined;
    if (known !== undefined) return known;
    const made = new Family({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] });
    this.#families.set(name, made);
    return made;
  }
}
