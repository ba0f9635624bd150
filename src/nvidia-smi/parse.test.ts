import { describe, expect, it } from 'vitest';
import { type Gpu, parseNvidiaSmi } from './index.ts';
import { documentOf, gpuDocument, type Tree, UUID } from './testing/build.ts';

const value = <T>(read: T) => ({ state: 'value', value: read });
const unsupported = (text = 'N/A') => ({ state: 'unsupported', text });
const failed = (text: string) => ({ state: 'failed', text });
const absent = { state: 'absent' };

const onlyGpu = (tree: Tree): Gpu => parseNvidiaSmi(gpuDocument(tree)).gpus[0] as Gpu;

describe('a reading', () => {
  const temperature = (body: string) => onlyGpu({ temperature: { gpu_temp: body } }).temperature.coreCelsius;

  it('is a value in the unit that its name carries', () => {
    const gpu = onlyGpu({
      fan_speed: '57 %',
      clocks: { sm_clock: '1410 MHz' },
      fb_memory_usage: { total: '40960 MiB', used: '0 MiB' },
      clocks_event_reasons_counters: { clocks_event_reasons_counters_sw_power_cap: '7015662857 us' },
    });
    expect(gpu.fanRatio).toEqual(value(0.57));
    expect(gpu.clocks.smHertz).toEqual(value(1_410_000_000));
    expect(gpu.memory.totalBytes).toEqual(value(42_949_672_960));
    expect(gpu.memory.usedBytes).toEqual(value(0));
    expect(gpu.clocksEventSeconds.swPowerCap).toEqual(value(7015.662857));
  });

  it('may be a temperature below zero, but no power or count', () => {
    expect(temperature('-5 C')).toEqual(value(-5));
    expect(onlyGpu({ gpu_power_readings: { power_draw: '-5 W' } }).power.board.watts).toEqual(absent);
    expect(onlyGpu({ minor_number: '-1' }).minorNumber).toEqual(absent);
  });

  it('is padded or split over lines without harm', () => {
    expect(temperature('  66 C ')).toEqual(value(66));
    expect(temperature('\n\t66\n\tC\n')).toEqual(value(66));
  });

  it.each(['N/A', '[N/A]', 'n/a'])('is unsupported where the driver says %s', (body) => {
    expect(temperature(body)).toEqual(unsupported());
  });

  it.each(['Not Supported', '[Not Supported]', 'Not Found', 'None', 'Requested functionality has been deprecated'])(
    'is unsupported where the driver says %s',
    (body) => {
      expect(temperature(body)).toEqual(unsupported(body.replaceAll(/[[\]]/g, '')));
    },
  );

  it.each([
    'GPU is lost',
    'GPU is inaccessible',
    'Unknown Error',
    '[Unknown Error]',
    'ERR!',
    'Insufficient Permissions',
  ])('has failed where the driver says %s', (body) => {
    expect(temperature(body)).toEqual(failed(body.replaceAll(/[[\]]/g, '')));
  });

  it.each(['', '   '])('is absent where the element is empty', (body) => {
    const document = parseNvidiaSmi(gpuDocument({ temperature: { gpu_temp: body } }));
    expect(document.gpus[0]?.temperature.coreCelsius).toEqual(absent);
    expect(document.unknownValues).toEqual([]);
  });

  it.each(['40 F', '40', '40 C C', 'forty', '4e1 C', `${'9'.repeat(400)} C`, '0x28 C', 'NaN C', 'Infinity C'])(
    'is absent and listed where the text is not understood: %s',
    (body) => {
      const document = parseNvidiaSmi(gpuDocument({ temperature: { gpu_temp: body } }));
      expect(document.gpus[0]?.temperature.coreCelsius).toEqual(absent);
      expect(document.unknownValues).toEqual([{ element: 'gpu/temperature/gpu_temp', text: body.slice(0, 80) }]);
    },
  );

  it('is absent and listed where an element stands twice or holds elements', () => {
    const twice = parseNvidiaSmi(
      gpuDocument({ fan_speed: ['1 %', '2 %'], temperature: [{ gpu_temp: '1 C' }, { gpu_temp: '2 C' }] }),
    );
    expect(twice.gpus[0]?.fanRatio).toEqual(absent);
    expect(twice.gpus[0]?.temperature.coreCelsius).toEqual(absent);
    expect(twice.unknownValues.map(({ element }) => element)).toEqual(['gpu/fan_speed', 'gpu/temperature']);
    const nested = parseNvidiaSmi(gpuDocument({ fan_speed: { rpm: '1' } }));
    expect(nested.unknownValues.map(({ element }) => element)).toEqual(['gpu/fan_speed']);
  });

  it('is listed once, however many boards say it', () => {
    const gpu = { uuid: UUID, fan_speed: 'fast' };
    expect(parseNvidiaSmi(documentOf({ gpu: [gpu, gpu, gpu] })).unknownValues).toEqual([
      { element: 'gpu/fan_speed', text: 'fast' },
    ]);
  });

  it('takes the state of its block where that is one text', () => {
    expect(onlyGpu({ remapped_rows: 'N/A' }).remappedRows.failure).toEqual(unsupported());
    expect(onlyGpu({ remapped_rows: 'GPU is lost' }).remappedRows.failure).toEqual(failed('GPU is lost'));
    expect(onlyGpu({ ecc_errors: 'N/A' }).ecc.volatile.totalCorrectable).toEqual(unsupported());
    expect(onlyGpu({}).remappedRows.failure).toEqual(absent);
  });
});

describe('power', () => {
  const power = (tree: Tree) => onlyGpu(tree).power;

  it('is the average where there is one', () => {
    const { board } = power({ gpu_power_readings: { average_power_draw: '195.68 W', instant_power_draw: '190.00 W' } });
    expect(board).toEqual({ watts: value(195.68), source: 'average' });
  });

  it('is the instant where the average is unsupported, as on A100 and T4', () => {
    const { board } = power({ gpu_power_readings: { average_power_draw: 'N/A', instant_power_draw: '49.68 W' } });
    expect(board).toEqual({ watts: value(49.68), source: 'instant' });
  });

  it('is power_draw of drivers 535 to 565', () => {
    const { board } = power({ gpu_power_readings: { power_draw: '67.03 W' } });
    expect(board).toEqual({ watts: value(67.03), source: 'legacy' });
  });

  it('is power_draw under power_readings before', () => {
    const { board, limits } = power({
      power_readings: { power_draw: '0.00 W', power_limit: '180.00 W', enforced_power_limit: '150.00 W' },
    });
    expect(board).toEqual({ watts: value(0), source: 'legacy' });
    expect(limits.enforcedWatts).toEqual(value(150));
    expect(limits.requestedWatts).toEqual(value(180));
  });

  it('of the module and of the memory is never taken for the board’s', () => {
    const read = power({
      module_power_readings: { average_power_draw: '467.17 W', current_power_limit: '2500.00 W' },
      gpu_memory_power_readings: { average_power_draw: '30.26 W' },
    });
    expect(read.board).toEqual({ watts: absent, source: null });
    expect(read.limits.enforcedWatts).toEqual(absent);
    expect(read.module).toEqual({ watts: value(467.17), source: 'average' });
    expect(read.memory).toEqual({ watts: value(30.26), source: 'average' });
  });

  it('has failed, and is not unsupported, where one of its readings has', () => {
    const { board } = power({ gpu_power_readings: { average_power_draw: 'N/A', instant_power_draw: 'GPU is lost' } });
    expect(board).toEqual({ watts: failed('GPU is lost'), source: null });
  });
});

describe('a board', () => {
  it('that is lost keeps its identity and tells its failure, and the one beside it reads as ever', () => {
    const lost = {
      uuid: UUID,
      fb_memory_usage: { total: '196608 MiB' },
      utilization: { gpu_util: 'GPU is lost' },
      remapped_rows: 'GPU is lost',
      fabric: { health: { summary: 'GPU is lost' } },
      gpu_recovery_action: 'N/A',
    };
    const document = parseNvidiaSmi(documentOf({ gpu: [lost, { uuid: UUID, utilization: { gpu_util: '50 %' } }] }));
    const [first, second] = document.gpus;
    expect(first?.failures).toEqual(['GPU is lost']);
    expect(first?.uuid).toEqual(value(UUID));
    expect(first?.utilization.gpuRatio).toEqual(failed('GPU is lost'));
    expect(first?.memory.totalBytes).toEqual(value(196_608 * 1_048_576));
    expect(second?.failures).toEqual([]);
    expect(second?.utilization.gpuRatio).toEqual(value(0.5));
  });

  it.each([
    ['None', 'none'],
    ['Reset', 'reset'],
    ['Reboot', 'reboot'],
    ['Drain P2P', 'drainP2P'],
    ['Drain and Reset', 'drainAndReset'],
  ])('with the recovery action %s has a value, also where that is None', (body, action) => {
    expect(onlyGpu({ gpu_recovery_action: body }).recoveryAction).toEqual(value(action));
  });

  it('keeps a recovery action that is not known apart from none', () => {
    const document = parseNvidiaSmi(gpuDocument({ gpu_recovery_action: 'Replace' }));
    expect(document.gpus[0]?.recoveryAction).toEqual(value('other'));
    expect(document.unknownValues).toEqual([{ element: 'gpu/gpu_recovery_action', text: 'Replace' }]);
    expect(onlyGpu({}).recoveryAction).toEqual(absent);
  });

  it('has its bus address in one form', () => {
    expect(onlyGpu({ pci: { pci_bus_id: '0000:0a:00.0' } }).busId).toEqual(value('00000000:0A:00.0'));
    expect(onlyGpu({}).busId).toEqual(value('00000000:0A:00.0'));
    expect(onlyGpu({ pci: { pci_bus_id: 'GPU is lost' } }).busId).toEqual(value('00000000:0A:00.0'));
  });

  it('has no identity where the uuid is none', () => {
    const document = parseNvidiaSmi(documentOf({ gpu: { uuid: 'GPU-1' } }));
    expect(document.gpus[0]?.uuid).toEqual(absent);
    expect(document.unknownValues).toEqual([{ element: 'gpu/uuid', text: 'GPU-1' }]);
  });

  it('reads why its clocks are held down under both names', () => {
    const old = onlyGpu({ clocks_throttle_reasons: { clocks_throttle_reason_sw_power_cap: 'Active' } });
    const present = onlyGpu({ clocks_event_reasons: { clocks_event_reason_sw_power_cap: 'Active' } });
    expect(old.clocksEventActive.swPowerCap).toEqual(value(true));
    expect(present.clocksEventActive.swPowerCap).toEqual(value(true));
    expect(present.clocksEventActive.hwSlowdown).toEqual(absent);
  });

  it('counts memory errors under the three layouts', () => {
    const old = { single_bit: { device_memory: '3', total: '4' }, double_bit: { device_memory: '1', total: '2' } };
    expect(onlyGpu({ ecc_errors: { volatile: old } }).ecc.volatile).toEqual({
      sramCorrectable: absent,
      sramUncorrectable: absent,
      dramCorrectable: value(3),
      dramUncorrectable: value(1),
      totalCorrectable: value(4),
      totalUncorrectable: value(2),
    });
    const ampere = { sram_uncorrectable: '5', dram_uncorrectable: '6' };
    expect(onlyGpu({ ecc_errors: { aggregate: ampere } }).ecc.aggregate).toMatchObject({
      sramUncorrectable: value(5),
      dramUncorrectable: value(6),
    });
    const split = { sram_uncorrectable_parity: '2', sram_uncorrectable_secded: '5' };
    expect(onlyGpu({ ecc_errors: { aggregate: split } }).ecc.aggregate.sramUncorrectable).toEqual(value(7));
    const half = { sram_uncorrectable_parity: '2', sram_uncorrectable_secded: 'N/A' };
    expect(onlyGpu({ ecc_errors: { aggregate: half } }).ecc.aggregate.sramUncorrectable).toEqual(unsupported());
  });
});

describe('MIG', () => {
  const device = (gpuInstanceId: string): Tree => ({
    index: '0',
    gpu_instance_id: gpuInstanceId,
    compute_instance_id: '0',
    device_attributes: { shared: { multiprocessor_count: '14' } },
    ecc_error_count: { volatile_count: { sram_uncorrectable: '1' } },
    fb_memory_usage: { total: '19968 MiB', used: '12 MiB' },
  });

  it('tells its devices, and the whole board’s utilisation is unsupported, not 0', () => {
    const gpu = onlyGpu({
      mig_mode: { current_mig: 'Enabled', pending_mig: 'Disabled' },
      mig_devices: { mig_device: [device('3'), device('4')] },
      utilization: { gpu_util: 'N/A' },
    });
    expect(gpu.mig.enabled).toEqual(value(true));
    expect(gpu.mig.pendingEnabled).toEqual(value(false));
    expect(gpu.utilization.gpuRatio).toEqual(unsupported());
    const devices = gpu.mig.devices.state === 'value' ? gpu.mig.devices.value : [];
    expect(devices.map((one) => one.gpuInstanceId)).toEqual([value(3), value(4)]);
    expect(devices[1]).toMatchObject({
      multiprocessorCount: value(14),
      sramUncorrectableCount: value(1),
      memory: { totalBytes: value(19_968 * 1_048_576), reservedBytes: absent },
    });
  });

  it('tells one device like several', () => {
    expect(onlyGpu({ mig_devices: { mig_device: device('3') } }).mig.devices).toMatchObject({
      value: [{ index: value(0) }],
    });
  });

  it('keeps no devices, no support and no word apart', () => {
    expect(onlyGpu({ mig_devices: '\n\t\tNone\n\t' }).mig.devices).toEqual(value([]));
    expect(onlyGpu({ mig_devices: 'N/A' }).mig.devices).toEqual(unsupported());
    expect(onlyGpu({}).mig.devices).toEqual(absent);
  });
});

describe('processes', () => {
  it('are told by number, without their names', () => {
    const info = { pid: '835', type: 'C+G', process_name: 'secret --token=x', used_memory: 'N/A' };
    const document = parseNvidiaSmi(gpuDocument({ processes: { process_info: info } }));
    expect(document.gpus[0]?.processes).toEqual(
      value([
        {
          pid: value(835),
          type: value('C+G'),
          usedMemoryBytes: unsupported(),
          gpuInstanceId: absent,
          computeInstanceId: absent,
        },
      ]),
    );
    expect(JSON.stringify(document)).not.toContain('secret');
  });

  it('keep no processes, no support and no word apart', () => {
    expect(onlyGpu({ processes: '\n' }).processes).toEqual(value([]));
    expect(onlyGpu({ processes: 'N/A' }).processes).toEqual(unsupported());
    expect(onlyGpu({}).processes).toEqual(absent);
    expect(onlyGpu({ processes: 'GPU is lost' }).processes).toEqual(failed('GPU is lost'));
    const emptyGpu = '<nvidia_smi_log><gpu></gpu></nvidia_smi_log>';
    expect(parseNvidiaSmi(emptyGpu).gpus[0]?.processes).toEqual(absent);
  });

  it('in two lists are not told at all', () => {
    const document = parseNvidiaSmi(gpuDocument({ processes: [{ process_info: { pid: '1' } }, ''] }));
    expect(document.gpus[0]?.processes).toEqual(absent);
    expect(document.unknownValues.map(({ element }) => element)).toEqual(['gpu/processes']);
  });

  it('with names of any bytes do no harm', () => {
    const bytes = Buffer.concat([
      Buffer.from(
        gpuDocument({ processes: { process_info: { pid: '7', process_name: '@' } } }).replace('@', 'a < b && <c>'),
      ),
    ]);
    const at = bytes.indexOf('a < b');
    bytes.fill(0xff, at, at + 2);
    bytes.fill(0x01, at + 2, at + 3);
    expect(parseNvidiaSmi(bytes).gpus[0]?.processes).toMatchObject({ value: [{ pid: value(7) }] });
  });

  it('that break the document are left out with a warning, and the rest is read', () => {
    const info = { pid: '7', process_name: 'a</process_name><b', used_memory: '1 MiB' };
    const document = parseNvidiaSmi(gpuDocument({ processes: { process_info: info }, fan_speed: '30 %' }));
    expect(document.warnings).toEqual(['The lists of processes were malformed and are left out.']);
    expect(document.gpus[0]?.processes).toEqual(absent);
    expect(document.gpus[0]?.fanRatio).toEqual(value(0.3));
  });

  it('cannot make up a reading of their board', () => {
    const forged =
      'x</process_name></process_info></processes><fan_speed>99 %</fan_speed><processes><process_info><process_name>';
    const gpu = onlyGpu({ processes: { process_info: { process_name: forged } }, fan_speed: '30 %' });
    expect(gpu.fanRatio).toEqual(absent);
  });
});

describe('a document', () => {
  it('tells its generation, versions and time', () => {
    const text = documentOf(
      { timestamp: 'Fri Aug 21 08:39:32 2026', driver_version: '580.105.08', cuda_version: '13.0', attached_gpus: '0' },
      { dtd: 'v13' },
    );
    expect(parseNvidiaSmi(text)).toEqual({
      dtd: 'v13',
      timestamp: value('Fri Aug 21 08:39:32 2026'),
      driverVersion: value('580.105.08'),
      cudaVersion: value('13.0'),
      attachedGpus: value(0),
      gpus: [],
      unknownValues: [],
      warnings: [],
    });
    expect(parseNvidiaSmi(documentOf({ gpu: {} }, { dtd: null })).dtd).toBeNull();
  });

  it('counts boards by their elements and warns where the driver tells another number', () => {
    const document = parseNvidiaSmi(documentOf({ attached_gpus: '6', gpu: [{ uuid: UUID }, { uuid: UUID }] }));
    expect(document.gpus.map((gpu) => gpu.index)).toEqual([0, 1]);
    expect(document.warnings).toEqual(['The driver tells of 6 attached GPUs, but the document holds 2.']);
  });

  it('with malformed supported_clocks reads like any other', () => {
    const clocks = '<supported_mem_clock><value>1 MHz</value></supported_mem_clock></supported_mem_clock>';
    const document = parseNvidiaSmi(gpuDocument({ supported_clocks: clocks, fan_speed: '30 %' }));
    expect(document.gpus[0]?.fanRatio).toEqual(value(0.3));
    expect(document.warnings).toEqual([]);
  });

  it('may stand between lines of other text', () => {
    const text = `WARNING: infoROM is corrupted\n${gpuDocument({ fan_speed: '30 %' })}WARNING: see above\n`;
    expect(parseNvidiaSmi(text).gpus[0]?.fanRatio).toEqual(value(0.3));
  });

  it('with control characters reads as without', () => {
    expect(onlyGpu({ product_name: 'Tesla\u0000\u0007 T4\u0085' }).productName).toEqual(value('Tesla T4'));
  });

  it('as bytes is read as UTF-8, with or without byte order mark', () => {
    const text = gpuDocument({ product_name: 'GPU é &amp; co' });
    expect(parseNvidiaSmi(Buffer.from(`\u{feff}${text}`))).toEqual(parseNvidiaSmi(text));
    expect(parseNvidiaSmi(text).gpus[0]?.productName).toEqual(value('GPU é & co'));
  });
});
