import { Counter, Gauge, type Registry } from 'prom-client';
import { BOARD_HEALTH } from '../api/node-energy.ts';
import { valueIn } from '../nvidia-smi/index.ts';
import { type Board, type Boards, healthNow, healthOf } from './boards.ts';
import { AGENT_FAMILIES } from './families.ts';
import { GPU_FAMILIES, numberIn } from './gpu-metrics.ts';
import type { LedgerState } from './ledger.ts';
import type { MeterState } from './meter.ts';
import type { PodWorkload } from './pod-uids.ts';
import type { PowerCaps } from './power-caps.ts';
import { attributionOf } from './shares.ts';

/** What a scrape shows. */
export interface Exposure {
  readonly node: string;
  readonly version: string;
  readonly boards: Pick<Boards, 'list' | 'ids' | 'expected'>;
  /** undefined: the pod with this uid is none of ours. */
  readonly workloadOf: (uid: string) => PodWorkload | undefined;
  /** As it was saved: a counter that was shown must not go back after a restart. */
  readonly ledger: LedgerState;
  readonly meter: MeterState;
  /** undefined: power caps are off. */
  readonly caps: Pick<PowerCaps, 'caps' | 'results'> | undefined;
  /** The newest sample is too old to say how the boards are. */
  readonly isStale: boolean;
}

type Labels = Record<string, string>;

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
    for (const board of exposure.boards.list) this.#board(board, exposure);
    if (!exposure.isStale) this.#mig(exposure);
    this.#holders(exposure);
    this.#caps(exposure);
  }

  #board(board: Board, { node, meter, isStale, ledger }: Exposure): void {
    const id = { gpu_uuid: board.uuid, gpu_node: node };
    const { gpu } = board;
    const health = healthNow(board, isStale);
    for (const state of BOARD_HEALTH) this.#set('aidc_gpu_health', { ...id, state }, Number(state === health));
    const isHeld = ledger.holders.some(({ uuid, shares }) => uuid === board.uuid && shares.length > 0);
    this.#set('aidc_gpu_allocated', id, Number(isHeld));
    // An old value is no value.
    if (gpu === undefined || isStale) return;
    const info = {
      gpu_index: String(gpu.index),
      gpu_model: valueIn(gpu.productName) ?? '',
      driver_version: meter.driver,
      cuda_version: meter.cuda,
      pci_bus_id: valueIn(gpu.busId) ?? '',
      mig_mode: valueIn(gpu.mig.enabled) === true ? 'enabled' : 'disabled',
      architecture: valueIn(gpu.productArchitecture) ?? '',
    };
    this.#set('aidc_gpu_info', { ...id, ...info }, 1);
    for (const { name, of } of GPU_FAMILIES)
      for (const [labels, value] of of(gpu)) this.#set(name, { ...id, ...labels }, numberIn(value));
  }

  #holders({ node, boards, ledger, workloadOf }: Exposure): void {
    const parts = new Map(boards.ids.map((ids) => [ids.uuid, ids]));
    for (const { uuid, shares } of ledger.holders) {
      const attribution = attributionOf(shares, parts.get(uuid) ?? { mig: [] });
      for (const { pod, share } of shares) {
        const of = workloadOf(pod.uid) ?? { workload: '', kind: '' };
        const holder = { workload_namespace: pod.namespace, workload_pod: pod.name, ...of };
        const id = { gpu_uuid: uuid, gpu_node: node, ...holder };
        this.#set('aidc_gpu_holder_info', { ...id, attribution }, 1);
        this.#set('aidc_gpu_holder_share_ratio', id, share);
      }
    }
  }

  #mig({ node, boards }: Exposure): void {
    for (const { uuid, mig } of boards.ids) {
      for (const { index, gpuInstance, uuid: migUuid } of mig) {
        const device = { mig_index: String(index ?? ''), gpu_instance_id: String(gpuInstance ?? '') };
        const labels = { gpu_uuid: uuid, gpu_node: node, ...device, mig_uuid: migUuid ?? '' };
        this.#set('aidc_mig_device_info', labels, 1);
      }
    }
  }

  #caps({ node, caps }: Exposure): void {
    for (const { uuid, watts } of caps?.caps ?? [])
      this.#set('aidc_gpu_power_cap_watts', { gpu_uuid: uuid, gpu_node: node }, watts);
    for (const [result, count] of caps?.results ?? [])
      this.#set('aidc_agent_power_cap_changes_total', { result }, count);
  }

  #energy({ node, ledger }: Exposure): void {
    for (const { uuid, joules, gapSeconds } of ledger.gpus) {
      const id = { gpu_uuid: uuid, gpu_node: node };
      this.#set('aidc_gpu_energy_joules_total', { ...id, source: 'integrated' }, joules);
      this.#set('aidc_gpu_energy_gap_seconds_total', id, gapSeconds);
    }
  }

  #agent({ meter, boards, node, version }: Exposure): void {
    const seconds = (wallMs: number | undefined): number | undefined => wallMs && wallMs / 1000;
    this.#set('aidc_agent_build_info', { version }, 1);
    this.#set('aidc_agent_sample_success', {}, Number(meter.isSampling));
    this.#set('aidc_agent_sample_duration_seconds', {}, meter.sampleSeconds);
    this.#set('aidc_agent_sample_timestamp_seconds', {}, seconds(meter.sampleWallMs));
    for (const [reason, count] of meter.problems) this.#set('aidc_agent_sample_errors_total', { reason }, count);
    this.#set('aidc_agent_nvidia_smi_exit_code', {}, meter.exitCode);
    if (meter.dtd !== undefined) this.#set('aidc_agent_schema_info', { dtd: meter.dtd ?? '' }, 1);
    for (const [element, count] of meter.unknownValues)
      this.#set('aidc_agent_unknown_values_total', { element }, count);
    this.#set('aidc_agent_document_warnings_total', {}, meter.warnings);
    this.#set('aidc_agent_pod_mapping_success', {}, Number(meter.isMapping));
    this.#set('aidc_agent_pod_mapping_timestamp_seconds', {}, seconds(meter.mappingWallMs));
    this.#set('aidc_agent_pod_mapping_unknown_devices', {}, meter.unknownDevices);
    this.#set('aidc_agent_clock_steps_total', {}, meter.clockSteps);
    this.#set('aidc_agent_state_timestamp_seconds', {}, seconds(meter.savedWallMs));
    this.#set('aidc_agent_published_timestamp_seconds', {}, seconds(meter.publishedWallMs));
    const present = boards.list.filter((board) => healthOf(board) !== 'lost').length;
    const counts = { expected: boards.expected, present, lost: boards.expected - present };
    for (const [state, count] of Object.entries(counts)) this.#set('aidc_node_gpus', { gpu_node: node, state }, count);
  }

  /** What is not known has no series. */
  #set(name: string, labels: Labels, value: number | undefined): void {
    if (value === undefined) return;
    const family = this.#families.get(name) ?? this.#make(name);
    if (family instanceof Counter) family.inc(labels, value);
    else family.set(labels, value);
  }

  /** Not before its first value: a family without labels would show a 0. */
  #make(name: string): Counter | Gauge {
    const family = AGENT_FAMILIES.find((one) => one.name === name);
    if (family === undefined) throw new Error(`The family ${name} is not in the table.`);
    const { type, help, labels = [] } = family;
    const options = { name, help, labelNames: [...labels], registers: [this.#registry] };
    const made = type === 'counter' ? new Counter(options) : new Gauge(options);
    this.#families.set(name, made);
    return made;
  }
}
