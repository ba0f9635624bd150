import type { Block } from './block.ts';
import type {
  Clocks,
  Ecc,
  EccCounts,
  Fabric,
  Gpu,
  GpuProcess,
  Memory,
  Mig,
  MigDevice,
  Power,
  PowerDraw,
  PowerLimits,
  PowerSource,
  RecoveryAction,
  RemappedRows,
  RetiredPages,
  Temperature,
  TemperatureThresholds,
  Utilization,
} from './model.ts';
import {
  busId,
  bytes,
  celsius,
  count,
  flag,
  hertz,
  prefer,
  type Reading,
  ratio,
  seconds,
  sum,
  text,
  uuid,
  value,
  watts,
  word,
} from './reading.ts';

const knownAction = word<RecoveryAction>({
  None: 'none',
  Reset: 'reset',
  Reboot: 'reboot',
  'Drain P2P': 'drainP2P',
  'Drain and Reset': 'drainAndReset',
});

/** The board wants something: what is not understood must not look like an old driver, which says nothing. */
function recoveryAction(gpu: Block): Reading<RecoveryAction> {
  const known = gpu.read('gpu_recovery_action', knownAction);
  const isOther = known.state === 'absent' && gpu.read('gpu_recovery_action', text).state === 'value';
  return isOther ? value('other') : known;
}

/** Reads one element `gpu`, the `index`-th. */
export function readGpu(element: Block, index: number): Gpu {
  const failures = new Set<string>();
  const gpu = element.noting(failures);
  const resetStatus = gpu.block('gpu_reset_status');
  const read = {
    index,
    uuid: gpu.read('uuid', uuid),
    busId: prefer(gpu.block('pci').read('pci_bus_id', busId), gpu.read('@id', busId)),
    minorNumber: gpu.read('minor_number', count),
    productName: gpu.read('product_name', text),
    productArchitecture: gpu.read('product_architecture', text),
    serial: gpu.read('serial', text),
    mig: mig(gpu),
    performanceState: gpu.read('performance_state', text),
    fanRatio: gpu.read('fan_speed', ratio),
    utilization: utilization(gpu.block('utilization')),
    memory: memory(gpu.block('fb_memory_usage')),
    power: power(gpu),
    temperature: temperature(gpu.block('temperature')),
    clocks: clocks(gpu.block('clocks')),
    maxClocks: clocks(gpu.block('max_clocks')),
    clocksEventActive: clocksEventActive(gpu),
    clocksEventSeconds: clocksEventSeconds(gpu.block('clocks_event_reasons_counters')),
    ecc: ecc(gpu),
    remappedRows: remappedRows(gpu.block('remapped_rows')),
    retiredPages: retiredPages(gpu.block('retired_pages')),
    recoveryAction: recoveryAction(gpu),
    resetRequired: resetStatus.read('reset_required', flag),
    drainAndResetRecommended: resetStatus.read('drain_and_reset_recommended', flag),
    fabric: fabric(gpu.block('fabric')),
    processes: each(gpu.list('processes', 'process_info'), gpuProcess),
  };
  return { ...read, failures: [...failures].sort() };
}

const each = <T>(blocks: Reading<readonly Block[]>, read: (block: Block) => T): Reading<readonly T[]> =>
  blocks.state === 'value' ? value(blocks.value.map(read)) : blocks;

const mig = (gpu: Block): Mig => ({
  enabled: gpu.block('mig_mode').read('current_mig', flag),
  pendingEnabled: gpu.block('mig_mode').read('pending_mig', flag),
  devices: each(gpu.list('mig_devices', 'mig_device'), migDevice),
});

const migDevice = (device: Block): MigDevice => ({
  index: device.read('index', count),
  gpuInstanceId: device.read('gpu_instance_id', count),
  computeInstanceId: device.read('compute_instance_id', count),
  multiprocessorCount: device.block('device_attributes').block('shared').read('multiprocessor_count', count),
  memory: memory(device.block('fb_memory_usage')),
  sramUncorrectableCount: sramUncorrectable(device.block('ecc_error_count').block('volatile_count')),
});

const utilization = (block: Block): Utilization => ({
  gpuRatio: block.read('gpu_util', ratio),
  memoryRatio: block.read('memory_util', ratio),
  encoderRatio: block.read('encoder_util', ratio),
  decoderRatio: block.read('decoder_util', ratio),
  jpegRatio: block.read('jpeg_util', ratio),
  ofaRatio: block.read('ofa_util', ratio),
});

const memory = (block: Block): Memory => ({
  totalBytes: block.read('total', bytes),
  reservedBytes: block.read('reserved', bytes),
  usedBytes: block.read('used', bytes),
  freeBytes: block.read('free', bytes),
});

/** Drivers up to 530 have `power_readings`, later ones `gpu_power_readings`; the DTD's version does not tell which. */
function power(gpu: Block): Power {
  const present = gpu.block('gpu_power_readings');
  const old = gpu.block('power_readings');
  return {
    board: firstDraw(...draws(present), ...draws(old)),
    memory: firstDraw(...draws(gpu.block('gpu_memory_power_readings'))),
    module: firstDraw(...draws(gpu.block('module_power_readings'))),
    limits: powerLimits(present, old),
  };
}

type Draw = readonly [source: PowerSource, watts: Reading<number>];

/** Driver 570 and later tell an average (unsupported on A100 and T4) and an instant, those before one `power_draw`. */
const draws = (block: Block): readonly Draw[] => [
  ['average', block.read('average_power_draw', watts)],
  ['instant', block.read('instant_power_draw', watts)],
  ['legacy', block.read('power_draw', watts)],
];

function firstDraw(...candidates: readonly Draw[]): PowerDraw {
  const best = prefer(...candidates.map(([, reading]) => reading));
  const source = candidates.find(([, reading]) => reading.state === 'value')?.[0] ?? null;
  return { watts: best, source };
}

const powerLimits = (present: Block, old: Block): PowerLimits => ({
  enforcedWatts: prefer(present.read('current_power_limit', watts), old.read('enforced_power_limit', watts)),
  requestedWatts: prefer(present.read('requested_power_limit', watts), old.read('power_limit', watts)),
  defaultWatts: prefer(present.read('default_power_limit', watts), old.read('default_power_limit', watts)),
  minWatts: prefer(present.read('min_power_limit', watts), old.read('min_power_limit', watts)),
  maxWatts: prefer(present.read('max_power_limit', watts), old.read('max_power_limit', watts)),
});

const temperature = (block: Block): Temperature => ({
  coreCelsius: block.read('gpu_temp', celsius),
  memoryCelsius: block.read('memory_temp', celsius),
  tlimitCelsius: block.read('gpu_temp_tlimit', celsius),
  thresholds: thresholds(block, 'threshold'),
  tlimitThresholds: thresholds(block, 'tlimit_threshold'),
});

const thresholds = (block: Block, suffix: string): TemperatureThresholds => ({
  shutdownCelsius: block.read(`gpu_temp_max_${suffix}`, celsius),
  slowdownCelsius: block.read(`gpu_temp_slow_${suffix}`, celsius),
  maxOperatingCelsius: block.read(`gpu_temp_max_gpu_${suffix}`, celsius),
  maxMemoryCelsius: block.read(`gpu_temp_max_mem_${suffix}`, celsius),
});

const clocks = (block: Block): Clocks => ({
  graphicsHertz: block.read('graphics_clock', hertz),
  smHertz: block.read('sm_clock', hertz),
  memoryHertz: block.read('mem_clock', hertz),
  videoHertz: block.read('video_clock', hertz),
});

function clocksEventActive(gpu: Block): Gpu['clocksEventActive'] {
  const present = gpu.block('clocks_event_reasons');
  const old = gpu.block('clocks_throttle_reasons');
  const active = (cause: string): Reading<boolean> =>
    prefer(present.read(`clocks_event_reason_${cause}`, flag), old.read(`clocks_throttle_reason_${cause}`, flag));
  return {
    gpuIdle: active('gpu_idle'),
    applicationsClocksSetting: active('applications_clocks_setting'),
    swPowerCap: active('sw_power_cap'),
    hwSlowdown: active('hw_slowdown'),
    hwThermalSlowdown: active('hw_thermal_slowdown'),
    hwPowerBrakeSlowdown: active('hw_power_brake_slowdown'),
    syncBoost: active('sync_boost'),
    swThermalSlowdown: active('sw_thermal_slowdown'),
    displayClocksSetting: active('display_clocks_setting'),
  };
}

function clocksEventSeconds(block: Block): Gpu['clocksEventSeconds'] {
  const held = (cause: string): Reading<number> => block.read(`clocks_event_reasons_counters_${cause}`, seconds);
  return {
    swPowerCap: held('sw_power_cap'),
    syncBoost: held('sync_boost'),
    swThermalSlowdown: held('sw_therm_slowdown'),
    hwThermalSlowdown: held('hw_therm_slowdown'),
    hwPowerBrakeSlowdown: held('hw_power_brake'),
  };
}

function ecc(gpu: Block): Ecc {
  const errors = gpu.block('ecc_errors');
  return {
    enabled: gpu.block('ecc_mode').read('current_ecc', flag),
    pendingEnabled: gpu.block('ecc_mode').read('pending_ecc', flag),
    volatile: eccCounts(errors.block('volatile')),
    aggregate: eccCounts(errors.block('aggregate')),
    sramThresholdExceeded: errors.block('aggregate').read('sram_threshold_exceeded', flag),
    channelRepairPending: errors.read('channel_repair_pending', flag),
    tpcRepairPending: errors.read('tpc_repair_pending', flag),
    unrepairableMemory: errors.read('unrepairable_memory', flag),
  };
}

const eccCounts = (block: Block): EccCounts => ({
  sramCorrectable: block.read('sram_correctable', count),
  sramUncorrectable: sramUncorrectable(block),
  dramCorrectable: prefer(
    block.read('dram_correctable', count),
    block.block('single_bit').read('device_memory', count),
  ),
  dramUncorrectable: prefer(
    block.read('dram_uncorrectable', count),
    block.block('double_bit').read('device_memory', count),
  ),
  totalCorrectable: block.block('single_bit').read('total', count),
  totalUncorrectable: block.block('double_bit').read('total', count),
});

/** One count, or from driver 550 on Ampere and later two. */
const sramUncorrectable = (block: Block): Reading<number> =>
  prefer(
    block.read('sram_uncorrectable', count),
    sum(block.read('sram_uncorrectable_parity', count), block.read('sram_uncorrectable_secded', count)),
  );

const remappedRows = (block: Block): RemappedRows => ({
  correctableCount: block.read('remapped_row_corr', count),
  uncorrectableCount: block.read('remapped_row_unc', count),
  pending: block.read('remapped_row_pending', flag),
  failure: block.read('remapped_row_failure', flag),
});

const retiredPages = (block: Block): RetiredPages => ({
  singleBitCount: block.block('multiple_single_bit_retirement').read('retired_count', count),
  doubleBitCount: block.block('double_bit_retirement').read('retired_count', count),
  pending: block.read('pending_retirement', flag),
});

const fabric = (block: Block): Fabric => ({
  state: block.read('state', text),
  status: block.read('status', text),
  health: block.block('health').read('summary', text),
});

const gpuProcess = (block: Block): GpuProcess => ({
  pid: block.read('pid', count),
  type: block.read('type', text),
  usedMemoryBytes: block.read('used_memory', bytes),
  gpuInstanceId: block.read('gpu_instance_id', count),
  computeInstanceId: block.read('compute_instance_id', count),
});
