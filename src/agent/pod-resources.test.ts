import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeField, encodePodResources, FakeKubelet } from '../../test/support/fake-kubelet.ts';
import { decodePodResources, type PodDevices, PodResources } from './pod-resources.ts';
import { WireError } from './wire.ts';

const pods: fc.Arbitrary<PodDevices[]> = fc.array(
  fc.record({
    namespace: fc.string(),
    name: fc.string(),
    resource: fc.string().map((word) => `example.com/${word}`),
    ids: fc.array(fc.string({ unit: 'grapheme', maxLength: 300 })),
  }),
  { maxLength: 4 },
);

describe('decodePodResources', () => {
  it('reads what was encoded', () => {
    const once = fc.property(pods, (list) => {
      expect(decodePodResources(encodePodResources(list))).toEqual(list);
    });
    fc.assert(once);
  });

  it('skips fields that it does not know', () => {
    const [cpu, memory, fixed64, fixed32] = [
      [0x18, 0x96, 0x01],
      [0x62, 0x01, 0x00],
      [0x71, ...Array(8)],
      [0x7d, ...Array(4)],
    ];
    const list = [{ namespace: 'ns', name: 'x', resource: 'example.com/r', ids: ['1'] }];
    const more = Buffer.from([...cpu, ...memory, ...fixed64, ...fixed32].map(Number).map((byte) => byte || 0));
    expect(decodePodResources(Buffer.concat([more, encodePodResources(list), more]))).toEqual(list);
  });

  it('reads what pods hold by claims, device by device', () => {
    const [dra, plugin] = ['gpu.nvidia.com', 'nvidia.com/gpu'];
    const list = [
      { namespace: 'ns', name: 'x', resource: dra, ids: ['gpu-0', 'gpu-1'] },
      { namespace: 'ns', name: 'y', resource: plugin, ids: ['GPU-1', 'GPU-2'] },
    ];
    expect(decodePodResources(encodePodResources(list))).toEqual([
      { namespace: 'ns', name: 'x', resource: dra, ids: ['gpu-0'] },
      { namespace: 'ns', name: 'x', resource: dra, ids: ['gpu-1'] },
      { namespace: 'ns', name: 'y', resource: plugin, ids: ['GPU-1', 'GPU-2'] },
    ]);
  });

  it('refuses anything else, and never throws another error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodePodResources(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
    );
    const whole = encodeField(1, 'x'.repeat(200));
    expect(() => decodePodResources(whole.subarray(0, -1))).toThrow('truncated');
    expect(() => decodePodResources(Buffer.alloc(12, 0xff))).toThrow('ten bytes');
    expect(() => decodePodResources(Buffer.from([0x0b]))).toThrow('wire type 3');
  });
});

describe('PodResources', () => {
  it('asks the kubelet, also one that restarts', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kubelet-'));
    const kubelet = new FakeKubelet(join(folder, 'kubelet.sock'));
    const client = new PodResources(kubelet.socket);
    try {
      await expect(client.list()).rejects.toThrow();
      kubelet.pods = [{ namespace: 'ns', name: 'x', resource: 'nvidia.com/gpu', ids: ['a', 'b'] }];
      await kubelet.start();
      await expect.poll(() => client.list().catch(() => undefined), { timeout: 20_000 }).toEqual(kubelet.pods);
      kubelet.stop();
      await expect(client.list()).rejects.toThrow();
      await kubelet.start();
      await expect.poll(() => client.list().catch(() => undefined), { timeout: 20_000 }).toEqual(kubelet.pods);
    } finally {
      client.close();
      kubelet.stop();
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
});
