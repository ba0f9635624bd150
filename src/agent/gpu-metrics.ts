import { type EccCounts, type Gpu, type Reading, valueIn } from '../nvidia-smi/index.ts';
import { isFabricWell, wattsOf } from './boards.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: Reading<number | boolean> | number | boolean | null];

/** A family of series of one board. What is not a value has no series: it is absent, not 0. */
interface GpuFamily {
  readonly name: string;
  readonly type?: 'counter';
  readonly help: string;
  readonly labels?: readonly string[];
  readonly of: (gpu: Gpu) => readonly Sample[];
}

/** What is not known has no number. */
const RECOVERY = { other: null, none: 0, reset: 1, reboot: 2, drainP2P: 3, drainAndReset: 4 } as const;
/** The closed set of reasons, as labels. */
const CLOCKS_EVENTS = {
  gpu_idle: 'gpuIdle',
  applications_clocks_setting: 'applicationsClocksSetting',
  sw_power_cap: 'swPowerCap',
  hw_slowdown: 'hwSlowdown',
  hw_thermal_slowdown: 'hwThermalSlowdown',
  hw_power_brake_slowdown: 'hwPowerBrakeSlowdown',
  sync_boost: 'syncBoost',
  sw_thermal_slowdown: 'swThermalSlowdown',
  display_clocks_setting: 'displayClocksSetting',
} as const;
const TIMED_EVENTS = {
  sw_power_cap: 'swPowerCap',
  sync_boost: 'syncBoost',
  sw_thermal_slowdown: 'swThermalSlowdown',
  hw_thermal_slowdown: 'hwThermalSlowdown',
  hw_power_brake_slowdown: 'hwPowerBrakeSlowdown',
} as const;

const one = (value: Sample[1]): readonly Sample[] => [[{}, value]];
/** One series for each value of one label. */
const by = (label: string, values: Readonly<Record<string, Sample[1]>>): readonly Sample[] =>
  Object.entries(values).map(([key, value]) => [{ [label]: key }, value]);
const each = <K extends string>(keys: Readonly<Record<string, K>>, values: Readonly<Record<K, Sample[1]>>) =>
  by('reason', Object.fromEntries(Object.entries(keys).map(([label, key]) => [label, values[key]])));

function ecc(scope: string, counts: EccCounts): readonly Sample[] {
  const rows: readonly (readonly [memory: string, type: string, Reading<number>])[] = [
    ['sram', 'corrected', counts.sramCorrectable],
    ['sram', 'uncorrected', counts.sramUncorrectable],
    ['dram', 'corrected', counts.dramCorrectable],
    ['dram', 'uncorrected', counts.dramUncorrectable],
    ['total', 'corrected', counts.totalCorrectable],
    ['total', 'uncorrected', counts.totalUncorrectable],
  ];
  return rows.map(([memory, type, value]) => [{ memory, type, scope }, value]);
}

function processes({ processes: reading }: Gpu): readonly Sample[] {
  const list = valueIn(reading);
  if (list === undefined) return [];
  const count = (letter: string): number => list.filter(({ type }) => valueIn(type)?.includes(letter)).length;
  return by('type', { compute: count('C'), graphics: count('G') });
}

function mig(value: (device: NonNullable<ReturnType<typeof devicesOf>>[number]) => Reading<number>) {
  return (gpu: Gpu): readonly Sample[] =>
    devicesOf(gpu).map((device) => [
      {
        mig_index: String(valueIn(device.index) ?? ''),
        gpu_instance_id: String(valueIn(device.gpuInstanceId) ?? ''),
      },
      value(device),
    ]);
}
const devicesOf = (gpu: Gpu) => valueIn(gpu.mig.devices) ?? [];
export const MIG_LABELS = ['mig_index', 'gpu_instance_id'] as const;

export const GPU_FAMILIES: readonly GpuFamily[] = [
  {
    name: 'aidc_gpu_utilization_ratio',
    help: 'Share of time in which the board was busy, of 1. Absent in MIG mode.',
    of: (gpu) => one(gpu.utilization.gpuRatio),
  },
  {
    name: 'aidc_gpu_memory_utilization_ratio',
    help: 'Share of time in which its memory was read or written, of 1. Absent in MIG mode.',
    of: (gpu) => one(gpu.utilization.memoryRatio),
  },
  { name: 'aidc_gpu_memory_total_bytes', help: 'Memory of the board.', of: (gpu) => one(gpu.memory.totalBytes) },
  { name: 'aidc_gpu_memory_used_bytes', help: 'Memory in use.', of: (gpu) => one(gpu.memory.usedBytes) },
  { name: 'aidc_gpu_memory_free_bytes', help: 'Memory that is free.', of: (gpu) => one(gpu.memory.freeBytes) },
  {
    name: 'aidc_gpu_memory_reserved_bytes',
    help: 'Memory kept by driver and firmware. Absent before driver 510.',
    of: (gpu) => one(gpu.memory.reservedBytes),
  },
  {
    name: 'aidc_gpu_power_draw_watts',
    help: 'Power of the board; source tells which of the driver’s readings it is.',
    labels: ['source'],
    of: (gpu) => [[{ source: gpu.power.board.source ?? '' }, wattsOf(gpu)]],
  },
  {
    name: 'aidc_gpu_power_limit_watts',
    help: 'Limits of power.',
    labels: ['kind'],
    of: ({ power: { limits } }) =>
      by('kind', {
        enforced: limits.enforcedWatts,
        requested: limits.requestedWatts,
        default: limits.defaultWatts,
        min: limits.minWatts,
        max: limits.maxWatts,
      }),
  },
  {
    name: 'aidc_gpu_temperature_celsius',
    help: 'Temperature.',
    labels: ['sensor'],
    of: ({ temperature }) => by('sensor', { core: temperature.coreCelsius, memory: temperature.memoryCelsius }),
  },
  {
    name: 'aidc_gpu_clock_hertz',
    help: 'Clocks.',
    labels: ['domain'],
    of: ({ clocks }) => by('domain', { sm: clocks.smHertz, memory: clocks.memoryHertz }),
  },
  {
    name: 'aidc_gpu_clocks_event_active',
    help: '1 while this holds the clocks down.',
    labels: ['reason'],
    of: (gpu) => each(CLOCKS_EVENTS, gpu.clocksEventActive),
  },
  {
    name: 'aidc_gpu_clocks_event_seconds_total',
    type: 'counter',
    help: 'How long this has held the clocks down since the driver was loaded. From DTD v13 on.',
    labels: ['reason'],
    of: (gpu) => each(TIMED_EVENTS, gpu.clocksEventSeconds),
  },
  {
    name: 'aidc_gpu_ecc_errors',
    help: 'Memory errors; volatile since the driver was loaded, aggregate over the life of the board.',
    labels: ['memory', 'type', 'scope'],
    of: (gpu) => [...ecc('volatile', gpu.ecc.volatile), ...ecc('aggregate', gpu.ecc.aggregate)],
  },
  {
    name: 'aidc_gpu_row_remap_pending',
    help: '1: a reset will replace more rows of memory.',
    of: (gpu) => one(gpu.remappedRows.pending),
  },
  {
    name: 'aidc_gpu_row_remap_failure',
    help: '1: spare rows of memory ran out.',
    of: (gpu) => one(gpu.remappedRows.failure),
  },
  {
    name: 'aidc_gpu_recovery_action',
    help: 'What the driver wants done: 0 nothing, 1 reset, 2 reboot, 3 drain P2P, 4 drain and reset.',
    of: ({ recoveryAction }) => one(recoveryAction.state === 'value' ? RECOVERY[recoveryAction.value] : null),
  },
  {
    name: 'aidc_gpu_fabric_healthy',
    help: '1 while its links within the NVLink domain are well. Absent where there are none.',
    of: (gpu) => one(isFabricWell(gpu) ?? null),
  },
  { name: 'aidc_gpu_processes', help: 'Processes on the board.', labels: ['type'], of: processes },
  {
    name: 'aidc_mig_device_memory_total_bytes',
    help: 'Memory of a MIG device.',
    labels: MIG_LABELS,
    of: mig(({ memory }) => memory.totalBytes),
  },
  {
    name: 'aidc_mig_device_memory_used_bytes',
    help: 'Memory in use on a MIG device.',
    labels: MIG_LABELS,
    of: mig(({ memory }) => memory.usedBytes),
  },
  {
    name: 'aidc_mig_device_sm_count',
    help: 'Streaming multiprocessors of a MIG device.',
    labels: MIG_LABELS,
    of: mig((device) => device.multiprocessorCount),
  },
];

/** @returns undefined where there is no value */
export function numberIn(value: Sample[1]): number | undefined {
  const bare = typeof value === 'object' && value !== null ? valueIn(value) : value;
  return bare === null || bare === undefined ? undefined : Number(bare);
}
