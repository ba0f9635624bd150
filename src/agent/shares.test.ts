import { describe, expect, it } from 'vitest';
import { type Device, deviceOf } from './devices.ts';
import { assign, attributionOf, type BoardIds } from './shares.ts';

const A = 'GPU-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0';
const B = 'GPU-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f1';
const MIG = 'MIG-1f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0';

describe('deviceOf', () => {
  const shapes: readonly (readonly [what: string, resource: string, id: string, device: Device | undefined])[] = [
    ['a board', 'nvidia.com/gpu', A, { by: 'uuid', uuid: A }],
    ['a board in turns', 'nvidia.com/gpu.shared', `${A}::3`, { by: 'uuid', uuid: A }],
    ['a board of HAMi', 'nvidia.com/gpu', `${A}-7`, { by: 'uuid', uuid: A }],
    ['a board under another resource', 'example.com/accelerator', A, { by: 'uuid', uuid: A }],
    ['a MIG device', 'nvidia.com/mig-1g.10gb', MIG, { by: 'mig', uuid: MIG }],
    ['a MIG device in turns', 'nvidia.com/gpu', `${MIG}::7`, { by: 'mig', uuid: MIG }],
    ['an old MIG device', 'nvidia.com/gpu', `MIG-${A}/9/0`, { by: 'uuid', uuid: A, gpuInstance: 9 }],
    ['an index', 'nvidia.com/gpu', '1', { by: 'index', index: 1 }],
    ['an index of MIG', 'nvidia.com/gpu', '1:2', { by: 'index', index: 1, migIndex: 2 }],
    ['a board of GKE', 'nvidia.com/gpu', 'nvidia0', { by: 'minor', minor: 0 }],
    ['a MIG device of GKE', 'nvidia.com/gpu', 'nvidia0/gi3', { by: 'minor', minor: 0, gpuInstance: 3 }],
    ['a board in turns of GKE', 'nvidia.com/gpu', 'nvidia0/vgpu2', { by: 'minor', minor: 0 }],
    ['a board by a claim', 'gpu.nvidia.com', 'gpu-3', { by: 'minor', minor: 3 }],
    ['a board by a claim, by its UUID', 'gpu.nvidia.com', A.toLowerCase(), { by: 'uuid', uuid: A.toLowerCase() }],
    ['a MIG device by a claim', 'gpu.nvidia.com', 'gpu-0-mig-19-0-1', undefined],
    ['the same name of another driver', 'gpu.example.com', 'gpu-3', undefined],
    ['a channel by a claim', 'compute-domain.nvidia.com', 'channel-0', undefined],
    ['a number of something else', 'vendor.example/nic', '1', undefined],
    ['a UUID of nothing', 'nvidia.com/gpu', 'GPU-1', undefined],
  ];
  for (const [what, resource, id, device] of shapes) {
    it(`reads ${what}`, () => {
      expect(deviceOf(resource, id)).toEqual(device);
    });
  }
});

describe('assign', () => {
  const boards: readonly BoardIds[] = [
    { uuid: A, index: 0, minor: 1, mig: [] },
    {
      uuid: B,
      index: 1,
      minor: 0,
      mig: [
        { index: 0, gpuInstance: 3, multiprocessors: 60, uuid: MIG },
        { index: 1, gpuInstance: 5, multiprocessors: 20, uuid: undefined },
      ],
    },
  ];
  const pod = (name: string, ...ids: string[]) => ({
    uid: `uid-${name}`,
    namespace: 'ns',
    name,
    resource: 'nvidia.com/gpu',
    ids,
  });
  const shares = (...pods: ReturnType<typeof pod>[]) =>
    [...assign(pods, boards).holders].map(([uuid, list]) => [
      uuid,
      ...list.map(({ pod: { name }, share }) => [name, share]),
    ]);

  it('tells how it shared out', () => {
    const attributions = (...pods: ReturnType<typeof pod>[]) =>
      [...assign(pods, boards).holders].map(([uuid, list]) =>
        attributionOf(list, boards.find((board) => board.uuid === uuid) ?? { mig: [] }),
      );
    expect(attributions(pod('x', A), pod('y', MIG))).toEqual(['exclusive', 'mig_sm']);
    expect(attributions(pod('x', `${A}::0`), pod('y', `${A}::1`))).toEqual(['equal']);
    expect(attributionOf([{ pod: pod('x'), share: 0.5 }], { mig: [] })).toBe('equal');
  });

  it('gives a board whole', () => {
    expect(shares(pod('x', A))).toEqual([[A, ['x', 1]]]);
    expect(shares(pod('x', '0'))).toEqual([[A, ['x', 1]]]);
    expect(shares(pod('x', 'nvidia1'))).toEqual([[A, ['x', 1]]]);
  });

  it('splits what is held in turns, never copies it', () => {
    expect(shares(pod('x', `${A}::0`))).toEqual([[A, ['x', 1]]]);
    expect(shares(pod('x', `${A}::0`, `${A}::1`), pod('y', `${A}::2`))).toEqual([[A, ['x', 2 / 3], ['y', 1 / 3]]]);
  });

  it('splits a board in MIG mode by multiprocessors, and leaves the rest', () => {
    expect(shares(pod('x', MIG))).toEqual([[B, ['x', 0.75]]]);
    expect(shares(pod('x', `${MIG}::0`), pod('y', `${MIG}::1`), pod('z', 'nvidia0/gi5'))).toEqual([
      [B, ['x', 0.375], ['y', 0.375], ['z', 0.25]],
    ]);
  });

  it('never gives more than a board', () => {
    expect(shares(pod('x', B), pod('y', MIG))).toEqual([[B, ['x', 1 / 1.75], ['y', 0.75 / 1.75]]]);
  });

  it('names what it cannot place', () => {
    const lost = pod('x', 'GPU-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f9', 'nvidia7', 'nvidia0/gi9', 'what');
    expect(assign([lost], boards)).toEqual({ holders: new Map(), unknown: lost.ids });
    expect(assign([{ ...pod('x', '0000:3b:00.1'), resource: 'vendor.example/nic' }], boards).unknown).toEqual([]);
  });
});
