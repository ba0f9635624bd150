import { expect, it } from 'vitest';
import { parseMigList } from './mig-list.ts';

const [A, B] = ['GPU-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0', 'GPU-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f1'];
const MIG = 'MIG-1f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0';

it('reads the UUIDs of MIG devices out of nvidia-smi -L', () => {
  const text = [
    `GPU 0: NVIDIA H100 80GB HBM3 (UUID: ${A})`,
    `  MIG 1g.10gb     Device  0: (UUID: ${MIG})`,
    `  MIG 2g.20gb     Device 11: (UUID: MIG-${A}/5/0)`,
    'Unable to determine the device handle for gpu 0000:03:00.0: GPU is lost.',
    `GPU 1: NVIDIA H100 (PCIe) (UUID: ${B})\r`,
  ].join('\n');
  expect(parseMigList(text)).toEqual(
    new Map([
      [
        A,
        new Map([
          [0, MIG],
          [11, `MIG-${A}/5/0`],
        ]),
      ],
      [B, new Map()],
    ]),
  );
  expect(parseMigList('No devices found.\n')).toEqual(new Map());
});
