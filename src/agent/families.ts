import { GPU_FAMILIES, MIG_LABELS } from './gpu-metrics.ts';

/** A family of series, as it is registered. A gauge unless it says counter. */
export interface AgentFamily {
  readonly name: string;
  readonly type?: 'counter';
  readonly help: string;
  readonly labels?: readonly string[];
}

/** On every series of a board. */
export const BOARD = ['gpu_uuid', 'gpu_node'] as const;
/** Besides on what a pod holds of one. */
const HOLDER = ['workload_namespace', 'workload_pod', 'workload', 'kind'] as const;

const OF_BOARDS: readonly AgentFamily[] = [
  {
    name: 'aidc_gpu_info',
    help: 'Join key: what the board is; always 1.',
    labels: ['gpu_index', 'gpu_model', 'driver_version', 'cuda_version', 'pci_bus_id', 'mig_mode', 'architecture'],
  },
  {
    name: 'aidc_gpu_health',
    help: 'How the board is: healthy, degraded, lost, unknown; 1 for the present state.',
    labels: ['state'],
  },
  { name: 'aidc_gpu_allocated', help: '1 while a pod holds the board or a part of it.' },
  {
    name: 'aidc_gpu_holder_info',
    help: 'Join key: the pod that holds the board or a part of it, and its workload; always 1. attribution: exclusive, mig_sm, equal.',
    labels: [...HOLDER, 'attribution'],
  },
  {
    name: 'aidc_gpu_holder_share_ratio',
    help: 'Part of the board that the pod holds, of 1; those of a board add up to at most 1.',
    labels: HOLDER,
  },
  {
    name: 'aidc_mig_device_info',
    help: 'Join key: what the MIG device is; always 1. mig_uuid is empty until nvidia-smi -L has told it.',
    labels: [...MIG_LABELS, 'mig_uuid'],
  },
  {
    name: 'aidc_gpu_energy_joules_total',
    type: 'counter',
    help: 'Energy of the board, from its power over time.',
    labels: ['source'],
  },
  { name: 'aidc_gpu_energy_gap_seconds_total', type: 'counter', help: 'Time whose energy is not counted.' },
  { name: 'aidc_gpu_power_cap_watts', help: 'Power cap that the board is to have for its pod.' },
];

/** All that the agent shows. What there is no value of has no series. */
export const AGENT_FAMILIES: readonly AgentFamily[] = [
  ...[...OF_BOARDS, ...GPU_FAMILIES].map(({ labels = [], ...family }) => ({
    ...family,
    labels: [...BOARD, ...labels],
  })),
  { name: 'aidc_node_gpus', help: 'Boards of the node: expected, present, lost.', labels: ['gpu_node', 'state'] },
  { name: 'aidc_agent_build_info', help: 'Version; always 1.', labels: ['version'] },
  { name: 'aidc_agent_sample_success', help: '1 while samples arrive.' },
  { name: 'aidc_agent_sample_duration_seconds', help: 'Time to read the newest document.' },
  { name: 'aidc_agent_sample_timestamp_seconds', help: 'When it came.' },
  {
    name: 'aidc_agent_sample_errors_total',
    type: 'counter',
    help: 'Samples that failed: timeout, exit, parse, spawn, busy (it hangs in the driver).',
    labels: ['reason'],
  },
  { name: 'aidc_agent_nvidia_smi_exit_code', help: 'Of the last nvidia-smi that ended; -1: a signal.' },
  {
    name: 'aidc_agent_document_warnings_total',
    type: 'counter',
    help: 'What was odd about documents as a whole, such as fewer boards than are attached.',
  },
  { name: 'aidc_agent_schema_info', help: 'Version of the document type; always 1.', labels: ['dtd'] },
  {
    name: 'aidc_agent_unknown_values_total',
    type: 'counter',
    help: 'Texts that were not understood.',
    labels: ['element'],
  },
  { name: 'aidc_agent_pod_mapping_success', help: '1 while the kubelet answers.' },
  { name: 'aidc_agent_pod_mapping_timestamp_seconds', help: 'When it last answered.' },
  { name: 'aidc_agent_pod_mapping_unknown_devices', help: 'Devices of pods that are no board here.' },
  {
    name: 'aidc_agent_power_cap_changes_total',
    type: 'counter',
    help: 'Power limits by result: applied, restored, refused (by nvidia-smi), unverified (no sample shows it).',
    labels: ['result'],
  },
  { name: 'aidc_agent_clock_steps_total', type: 'counter', help: 'Steps of the wall clock of over 5 s.' },
  { name: 'aidc_agent_state_timestamp_seconds', help: 'When the state was saved.' },
  { name: 'aidc_agent_published_timestamp_seconds', help: 'When the ConfigMap was written.' },
];
