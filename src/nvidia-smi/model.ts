import type { UnknownValue } from './block.ts';
import type { Reading } from './reading.ts';

/**
 * What `nvidia-smi -q -x` printed. Numbers are in base units, which their names carry: watts, bytes, hertz, seconds,
 * degrees Celsius, and ratios of 1. Element names in the comments are the document's.
 */
export interface NvidiaSmiDocument {
  /** Version the DTD names, such as `v12`; null without one. The same version has had several layouts. */
  readonly dtd: string | null;
  /** Local time of the node, without zone, as printed. */
  readonly timestamp: Reading<string>;
  readonly driverVersion: Reading<string>;
  readonly cudaVersion: Reading<string>;
  /** How many boards the driver knows; `gpus` may hold fewer. */
  readonly attachedGpus: Reading<number>;
  /** In the order of the document. */
  readonly gpus: readonly Gpu[];
  /** What stood in the place of a value and was not understood; these readings are `absent`. Each is listed once. */
  readonly unknownValues: readonly UnknownValue[];
  /** What is odd about the document as a whole, in sentences. */
  readonly warnings: readonly string[];
}

export interface Gpu {
  /** Place in the document, from 0. It is no identity: that is `uuid`. */
  readonly index: number;
  /** `GPU-` and five groups of hexadecimal digits. */
  readonly uuid: Reading<string>;
  /** PCI address as `00000000:0A:00.0`: eight digits of domain, in capitals. From `pci_bus_id`, else `gpu@id`. */
  readonly busId: Reading<string>;
  /** Number of the device file /dev/nvidiaN; it need not follow the order of the document. */
  readonly minorNumber: Reading<number>;
  readonly productName: Reading<string>;
  readonly productArchitecture: Reading<string>;
  readonly serial: Reading<string>;
  /** The driver's words on failed readings of this board, such as `GPU is lost`; empty while it answers. */
  readonly failures: readonly string[];
  readonly mig: Mig;
  /** `P0` (fastest) to `P15`. */
  readonly performanceState: Reading<string>;
  readonly fanRatio: Reading<number>;
  readonly utilization: Utilization;
  /** `fb_memory_usage`: memory on the board. */
  readonly memory: Memory;
  readonly power: Power;
  readonly temperature: Temperature;
  readonly clocks: Clocks;
  readonly maxClocks: Clocks;
  /** Why the clocks are held down now. */
  readonly clocksEventActive: ClocksEvents<boolean>;
  /** For how long each of these causes has held them down since the driver was loaded. From DTD v13 on. */
  readonly clocksEventSeconds: Pick<
    ClocksEvents<number>,
    'swPowerCap' | 'syncBoost' | 'swThermalSlowdown' | 'hwThermalSlowdown' | 'hwPowerBrakeSlowdown'
  >;
  readonly ecc: Ecc;
  readonly remappedRows: RemappedRows;
  readonly retiredPages: RetiredPages;
  /** What the driver wants done. `none` is the healthy answer. From driver 570 on. */
  readonly recoveryAction: Reading<RecoveryAction>;
  /** `gpu_reset_status`, before `recoveryAction` took its place. */
  readonly resetRequired: Reading<boolean>;
  readonly drainAndResetRecommended: Reading<boolean>;
  readonly fabric: Fabric;
  /** Only those in the PID namespace nvidia-smi ran in. */
  readonly processes: Reading<readonly GpuProcess[]>;
}

/** `other`: a text that is not known; it is listed in the document's `unknownValues`, too. */
export type RecoveryAction = 'none' | 'reset' | 'reboot' | 'drainP2P' | 'drainAndReset' | 'other';

export interface Mig {
  readonly enabled: Reading<boolean>;
  /** Setting after the next reset. */
  readonly pendingEnabled: Reading<boolean>;
  /** The document tells no UUID, profile, utilisation or power of a MIG device. */
  readonly devices: Reading<readonly MigDevice[]>;
}

export interface MigDevice {
  /** As in `nvidia-smi -L`, which tells the UUID. */
  readonly index: Reading<number>;
  readonly gpuInstanceId: Reading<number>;
  readonly computeInstanceId: Reading<number>;
  readonly multiprocessorCount: Reading<number>;
  readonly memory: Memory;
  /** Since the driver was loaded. */
  readonly sramUncorrectableCount: Reading<number>;
}

/** Share of the last sample period in which the engine was busy. Unsupported for a board in MIG mode. */
export interface Utilization {
  readonly gpuRatio: Reading<number>;
  readonly memoryRatio: Reading<number>;
  readonly encoderRatio: Reading<number>;
  readonly decoderRatio: Reading<number>;
  readonly jpegRatio: Reading<number>;
  readonly ofaRatio: Reading<number>;
}

export interface Memory {
  readonly totalBytes: Reading<number>;
  /** Kept by driver and firmware. Absent before driver 510, where `usedBytes` includes it. */
  readonly reservedBytes: Reading<number>;
  readonly usedBytes: Reading<number>;
  readonly freeBytes: Reading<number>;
}

export interface Power {
  /** What this board draws. */
  readonly board: PowerDraw;
  /** Its memory alone. */
  readonly memory: PowerDraw;
  /** The module it sits on, with the CPU's part (GB200 and later). */
  readonly module: PowerDraw;
  readonly limits: PowerLimits;
}

export interface PowerDraw {
  readonly watts: Reading<number>;
  /** `average` over the driver's window, `instant`, or `legacy`: the one `power_draw` of older drivers. */
  readonly source: PowerSource | null;
}

export type PowerSource = 'average' | 'instant' | 'legacy';

export interface PowerLimits {
  /** In force now: the least of what is requested and what hardware and module allow. */
  readonly enforcedWatts: Reading<number>;
  readonly requestedWatts: Reading<number>;
  readonly defaultWatts: Reading<number>;
  readonly minWatts: Reading<number>;
  readonly maxWatts: Reading<number>;
}

export interface Temperature {
  readonly coreCelsius: Reading<number>;
  readonly memoryCelsius: Reading<number>;
  /** Degrees left until the board slows down. From Ada on. */
  readonly tlimitCelsius: Reading<number>;
  /** As temperatures. Absent where `tlimitThresholds` are. */
  readonly thresholds: TemperatureThresholds;
  /** As values of `tlimitCelsius`, so that they may be negative. */
  readonly tlimitThresholds: TemperatureThresholds;
}

export interface TemperatureThresholds {
  readonly shutdownCelsius: Reading<number>;
  readonly slowdownCelsius: Reading<number>;
  readonly maxOperatingCelsius: Reading<number>;
  readonly maxMemoryCelsius: Reading<number>;
}

export interface Clocks {
  readonly graphicsHertz: Reading<number>;
  readonly smHertz: Reading<number>;
  readonly memoryHertz: Reading<number>;
  readonly videoHertz: Reading<number>;
}

/** By cause; `clocks_throttle_reasons` up to driver 530, `clocks_event_reasons` since. */
export interface ClocksEvents<T> {
  readonly gpuIdle: Reading<T>;
  readonly applicationsClocksSetting: Reading<T>;
  readonly swPowerCap: Reading<T>;
  readonly hwSlowdown: Reading<T>;
  readonly hwThermalSlowdown: Reading<T>;
  readonly hwPowerBrakeSlowdown: Reading<T>;
  readonly syncBoost: Reading<T>;
  readonly swThermalSlowdown: Reading<T>;
  readonly displayClocksSetting: Reading<T>;
}

export interface Ecc {
  readonly enabled: Reading<boolean>;
  /** Setting after the next reboot. */
  readonly pendingEnabled: Reading<boolean>;
  /** Since the driver was loaded. */
  readonly volatile: EccCounts;
  /** Over the life of the board. */
  readonly aggregate: EccCounts;
  readonly sramThresholdExceeded: Reading<boolean>;
  readonly channelRepairPending: Reading<boolean>;
  readonly tpcRepairPending: Reading<boolean>;
  readonly unrepairableMemory: Reading<boolean>;
}

/** Errors. Totals are told up to DTD v10 and for boards before Turing, `single_bit` and `double_bit` there. */
export interface EccCounts {
  readonly sramCorrectable: Reading<number>;
  /** Parity and SEC-DED together, where they are told apart. */
  readonly sramUncorrectable: Reading<number>;
  readonly dramCorrectable: Reading<number>;
  readonly dramUncorrectable: Reading<number>;
  readonly totalCorrectable: Reading<number>;
  readonly totalUncorrectable: Reading<number>;
}

/** Rows of memory replaced by spare ones; Ampere and later. */
export interface RemappedRows {
  readonly correctableCount: Reading<number>;
  readonly uncorrectableCount: Reading<number>;
  /** A reset will remap more. */
  readonly pending: Reading<boolean>;
  /** Spare rows ran out. */
  readonly failure: Reading<boolean>;
}

/** Pages of memory taken out of use; before Ampere. */
export interface RetiredPages {
  readonly singleBitCount: Reading<number>;
  readonly doubleBitCount: Reading<number>;
  readonly pending: Reading<boolean>;
}

/** NVLink fabric; Hopper and later. */
export interface Fabric {
  /** Such as `Completed`. */
  readonly state: Reading<string>;
  /** Such as `Success`. */
  readonly status: Reading<string>;
  /** `Healthy`, `Unhealthy` or `Limited Capacity`. */
  readonly health: Reading<string>;
}

/** A process by number. Its name is left out: it holds arbitrary bytes, and whatever a command line may hold. */
export interface GpuProcess {
  readonly pid: Reading<number>;
  /** `C` compute, `G` graphics, `C+G` both. */
  readonly type: Reading<string>;
  readonly usedMemoryBytes: Reading<number>;
  /** Of the MIG device it runs on. */
  readonly gpuInstanceId: Reading<number>;
  readonly computeInstanceId: Reading<number>;
}
