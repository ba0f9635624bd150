import { describe, expect, it } from 'vitest';
import { GpuRoom } from '../testing/gpu-room.ts';
import { OnlinePlacer } from '../testing/online-placer.ts';
import { fits } from './node-state.ts';
import type { PodClass } from './pod-class.ts';
import { shadowSizes } from './shadow-size.ts';
import { StateIndex } from './state-index.ts';
import { TypePrice } from './type-price.ts';

const pod = (gpus: number, gpuMilli: number, cpuMilli = 1000, models?: number[]): PodClass =>
  models === undefined ? { gpus, gpuMilli, cpuMilli } : { gpus, gpuMilli, cpuMilli, models };
const node = (gpuMilli: number[], cpuMilli = 32_000, model = 0) => ({ gpuMilli, cpuMilli, model });
const any = () => true;

/** A placer that has seen the arrivals, of which none was placed. */
function placer(room: GpuRoom, seen: readonly PodClass[], rounds = 50): OnlinePlacer {
  const made = new OnlinePlacer(room);
  for (let round = 0; round < rounds; round += 1) for (const one of seen) made.choose(one, () => false);
  return made;
}

describe('what is free', () => {
  it('is taken from the GPU named, or from the first that have it', () => {
    const room = new GpuRoom([node([500, 1000, 1000, 300])]);
    room.take(pod(1, 300), 0, 3);
    room.take(pod(2, 1000, 5000), 0, -1);
    const { holes, cpuMilli } = room.stateOf(0);
    expect([holes.gpuMilli, holes.idle, cpuMilli]).toEqual([[500, 0, 0, 0], 500, 26_000]);
    expect(room.changes).toEqual([0, 0]);
  });

  it('can be set anew, by model', () => {
    const room = new GpuRoom([node([1000]), node([1000, 1000], 8000, 1)]);
    const index = new StateIndex(room);
    expect([...index.freeOfModel]).toEqual([1000, 2000]);
    room.set(1, 4000, [1000, 250]);
    index.refresh();
    expect([...index.freeOfModel]).toEqual([1000, 1250]);
    const present = index.appeared.map((ids) => ids.filter((id) => index.has(id)).map((id) => index.states[id]));
    expect(present).toEqual([[room.stateOf(0)], [room.stateOf(1)]]);
  });

  it('fits by CPU, by GPU and by model', () => {
    const room = new GpuRoom([node([400, 1000]), node([], 4000)]);
    expect(fits(pod(1, 1000), room.stateOf(0))).toBe(true);
    expect(fits(pod(2, 1000), room.stateOf(0))).toBe(false);
    expect(fits(pod(2, 400), room.stateOf(0))).toBe(true);
    expect(fits(pod(1, 400, 1000, [1]), room.stateOf(0))).toBe(false);
    expect(fits(pod(1, 400, 33_000), room.stateOf(0))).toBe(false);
    expect([fits(pod(1, 100), room.stateOf(1)), fits(pod(0, 0, 4000), room.stateOf(1))]).toEqual([false, true]);
  });
});

describe('the choice of a node', () => {
  it('is best fit before anything is learnt', () => {
    const room = new GpuRoom([node([1000, 1000]), node([1000, 400]), node([1000])]);
    expect(placer(room, []).choose(pod(1, 400), any)).toEqual({ row: 2, gpu: 0 });
    room.set(2, 0, [0]);
    expect(placer(room, []).choose(pod(1, 400), any)).toEqual({ row: 1, gpu: 1 });
  });

  it('is the first of equals, however they come to be equal', () => {
    // A board left over here weighs as much as 16 cores left over there.
    const specs = [node([1000, 1000], 16_000), node([1000], 32_000)];
    for (const first of [0, 1]) {
      const room = new GpuRoom(specs, Int32Array.of(first, 1 - first));
      expect(placer(room, []).choose(pod(1, 1000, 0), any)?.row).toBe(first);
    }
  });

  it('fills up a GPU in use rather than break a whole one on a tighter node', () => {
    const room = new GpuRoom([node([1000]), node([1000, 1000, 300])]);
    expect(placer(room, []).choose(pod(1, 300), any)?.row).toBe(0);
    expect(placer(room, [pod(1, 1000), pod(1, 300)]).choose(pod(1, 300), any)).toEqual({ row: 1, gpu: 2 });
  });

  it('spares the CPU of nodes whose GPUs need it', () => {
    // The first node is the tighter fit, but its last GPU would be left without the CPU for the pods that come.
    const room = new GpuRoom([node([1000, 1000], 16_000), node([1000, 1000], 32_000)]);
    const seen = [pod(1, 1000, 8000), pod(1, 1000, 16_000)];
    expect(placer(room, seen).choose(pod(1, 1000, 16_000), any)?.row).toBe(1);
    expect(placer(room, seen).choose(pod(1, 1000, 8000), any)?.row).toBe(0);
  });

  it('keeps a scarce model for those who insist on it', () => {
    const room = new GpuRoom([
      node([1000, 1000], 16_000, 1),
      ...[1, 2, 3].map(() => node(Array(8).fill(1000), 96_000)),
    ]);
    const free = pod(1, 1000, 4000);
    expect(placer(room, [free], 500).choose(free, any)?.row).toBe(0);
    expect(placer(room, [free, pod(1, 1000, 4000, [1])]).choose(free, any)?.row).not.toBe(0);
  });

  it('takes what fits, whatever it costs', () => {
    const room = new GpuRoom([node([1000], 16_000, 1)]);
    const free = pod(1, 50, 4000);
    expect(placer(room, [pod(1, 1000, 4000, [1])]).choose(free, any)).toEqual({ row: 0, gpu: 0 });
    expect(placer(room, []).choose(pod(1, 50, 4000, [0]), any)).toBeUndefined();
  });
});

describe('the price of a model', () => {
  it('rises with the demand tied to it and with what is given away', () => {
    const room = new GpuRoom([node([1000, 1000]), node(Array(6).fill(1000), 32_000, 1)]);
    const price = new TypePrice({ typePrice: 1, typePrior: 0 });
    const index = new StateIndex(room);
    expect([price.of(0, index), price.of(1, index)]).toEqual([0, 0]);
    for (let i = 0; i < 9; i += 1) price.observe(pod(1, 1000));
    price.observe(pod(1, 1000, 0, [0]));
    expect([price.of(0, index), price.of(1, index)]).toEqual([0.4, 0]);
    room.take(pod(1, 1000), 0, 0);
    index.refresh();
    expect(price.of(0, index)).toBeCloseTo(0.7);
    room.take(pod(1, 1000), 0, 1);
    index.refresh();
    expect(price.of(0, index)).toBe(1);
  });

  it('spreads what names several models by their capacity', () => {
    const room = new GpuRoom([node([1000, 1000]), node(Array(6).fill(1000), 32_000, 1)]);
    const price = new TypePrice({ typePrice: 1, typePrior: 0 });
    const index = new StateIndex(room);
    price.observe(pod(1, 1000, 0, [0, 1]));
    expect([price.of(0, index), price.of(1, index)]).toEqual([1, 1]);
    price.observe(pod(1, 1000));
    expect([price.of(0, index), price.of(1, index)]).toEqual([0.5, 0.5]);
  });

  it('is not nothing before anything is known, and then dies away', () => {
    const room = new GpuRoom([node([1000]), node(Array(9).fill(1000), 32_000, 1)]);
    const price = new TypePrice({ typePrice: 1, typePrior: 2 });
    const index = new StateIndex(room);
    expect(price.of(0, index)).toBe(1);
    for (let i = 0; i < 996; i += 1) price.observe(pod(1, 1000));
    expect(price.of(0, index)).toBeCloseTo(0.02);
  });
});

describe('shadow sizes', () => {
  const mix = (sizes: readonly [size: number, share: number][]) =>
    sizes.map(([size, share]) => ({ size, share, cpuMilli: 0 }));

  it('of sizes that fill GPUs together in the proportion in which they arrive are their sizes', () => {
    const worth = shadowSizes(mix([[50, 1]]), 40);
    expect(worth[0]).toBeCloseTo(500, 0);
  });

  it('give nearly nothing for fillers of holes that are in excess', () => {
    // Behind each 800 there is a hole of 200, and only every ninth pod could fill it.
    const [filler = 0, large = 0] = shadowSizes(
      mix([
        [20, 0.1],
        [80, 0.9],
      ]),
      40,
    );
    expect(filler).toBeLessThan(200);
    expect(large).toBeGreaterThan(800);
  });

  it('of nothing are nothing', () => {
    expect(shadowSizes([], 40)).toHaveLength(0);
  });
});
