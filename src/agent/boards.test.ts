import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseNvidiaSmi } from '../nvidia-smi/index.ts';
import { documentOf, gpuDocument, type Tree, UUID } from '../nvidia-smi/testing/build.ts';
import { Boards, healthOf, isFabricWell } from './boards.ts';

const power = (watts: string) => ({ gpu_power_readings: { average_power_draw: watts, max_power_limit: '700.00 W' } });
const read = (gpu: Tree) => parseNvidiaSmi(gpuDocument(gpu));
const pci = { pci: { pci_bus_id: '00000000:0A:00.0' } };

describe('Boards', () => {
  it('knows a board that fell off the bus, whatever of it is left in the document', () => {
    const boards = new Boards();
    boards.update(read({ ...pci, ...power('100.00 W') }));
    expect([...boards.watts]).toEqual([[UUID, 100]]);
    boards.update(read({ ...pci, uuid: 'GPU is lost', ...power('GPU is lost') }));
    expect([...boards.watts]).toEqual([[UUID, null]]);
    expect(boards.list.map(healthOf)).toEqual(['lost']);
    boards.update(parseNvidiaSmi(documentOf({ attached_gpus: '0' })));
    expect([...boards.watts]).toEqual([]);
    expect(boards.list.map(healthOf)).toEqual(['lost']);
    expect(boards.ids).toMatchObject([{ uuid: UUID, index: undefined }]);
  });

  it('takes no power that no board can draw', () => {
    const boards = new Boards();
    for (const [text, watts] of [
      ['1400.00 W', 1400],
      ['1400.01 W', null],
      ['N/A', null],
      ['0.00 W', 0],
    ] as const) {
      boards.update(read(power(text)));
      expect(boards.watts.get(UUID)).toBe(watts);
    }
  });

  it('counts a UUID once', () => {
    const boards = new Boards();
    boards.update(
      parseNvidiaSmi(
        documentOf({
          gpu: [
            { uuid: UUID, ...power('1.00 W') },
            { uuid: UUID, ...power('2.00 W') },
          ],
          attached_gpus: '2',
        }),
      ),
    );
    expect([...boards.watts]).toEqual([[UUID, 1]]);
  });

  it('tells a board in trouble from a healthy one', () => {
    const health = (gpu: Tree) => {
      const boards = new Boards();
      boards.update(read(gpu));
      return boards.list.map(healthOf)[0];
    };
    expect(health(power('1.00 W'))).toBe('healthy');
    expect(health({ gpu_recovery_action: 'None', serial: 'Insufficient Permissions' })).toBe('healthy');
    expect(health({ gpu_recovery_action: 'Reset' })).toBe('degraded');
    expect(health({ remapped_rows: { remapped_row_failure: 'Yes' } })).toBe('degraded');
    expect(health({ temperature: { gpu_temp: 'Unknown Error' } })).toBe('degraded');
    expect(health({ gpu_reset_status: { drain_and_reset_recommended: 'Yes' } })).toBe('degraded');
    expect(health({ gpu_recovery_action: 'Replace' })).toBe('unknown');
    expect(health({ gpu_recovery_action: 'Replace', gpu_reset_status: { reset_required: 'Yes' } })).toBe('degraded');
  });

  it.each([
    [{ state: 'Completed', status: 'Success', health: { summary: 'Healthy' } }, true, 'healthy'],
    [{ state: 'Completed', status: 'Success', health: { summary: 'Unhealthy' } }, false, 'degraded'],
    [{ state: 'Completed', status: 'Success', health: { summary: 'Limited Capacity' } }, false, 'degraded'],
    [{ state: 'Completed', status: 'Success', health: { summary: 'Something new' } }, undefined, 'healthy'],
    [{ state: 'Completed', status: 'Unknown Fault', health: 'N/A' }, false, 'degraded'],
    [{ state: 'In Progress', status: 'N/A', health: 'N/A' }, undefined, 'healthy'],
    [{ state: 'N/A', status: 'N/A', health: 'N/A' }, undefined, 'healthy'],
    ['N/A', undefined, 'healthy'],
  ])('reads the fabric %j', (fabric, isWell, health) => {
    const boards = new Boards();
    boards.update(read({ fabric }));
    expect(boards.list.map(({ gpu }) => gpu && isFabricWell(gpu))).toEqual([isWell]);
    expect(boards.list.map(healthOf)).toEqual([health]);
  });

  it('expects as many boards as the driver counts, and those it knew', () => {
    const boards = new Boards();
    boards.update(parseNvidiaSmi(documentOf({ attached_gpus: '8', gpu: [{ uuid: UUID }] })));
    expect(boards.expected).toBe(8);
    boards.update(parseNvidiaSmi(documentOf({ attached_gpus: '0' })));
    expect(boards.expected).toBe(1);
  });
});

const folder = join(
  process.env.AIDC_DATA ?? join(import.meta.dirname, '..', '..', '..', 'shared', 'data'),
  'nvidia-smi',
);
const isMissing = !existsSync(folder);
if (isMissing) console.warn(`skipped: there is no folder ${folder}; set AIDC_DATA to where the captures are`);

describe.skipIf(isMissing)('health of the boards in captures of real drivers', () => {
  it('is bad for those that were made to fail, and for no other', () => {
    const bad: Record<string, string[]> = {};
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.xml'))) {
      const boards = new Boards();
      boards.update(parseNvidiaSmi(readFileSync(join(folder, file))));
      const healths = boards.list.map(healthOf);
      if (healths.some((health) => health !== 'healthy')) bad[file.replace('.xml', '')] = healths;
    }
    expect(bad).toEqual({
      'nvidia-mock__qx-gb200-ecc-injected': ['degraded', 'healthy'],
      'nvidia-mock__qx-gb200-fabric-degraded': ['healthy', 'degraded'],
    });
  });
});
