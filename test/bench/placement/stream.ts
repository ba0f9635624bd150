import { gpuDemand } from '../../../src/core/node-value/pod-class.ts';
import type { Pod, Stream } from './lists.ts';

/** Arrivals go on until they ask for this share of all GPUs. */
const LOAD = 1.3;

/** mulberry32: equal seeds make equal streams. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** By the protocol of the published streams, from another generator: the list shuffled, then copies drawn from it. */
export function ownStream(seed: number, pods: readonly Pod[], nodes: number, capacityMilli: number): Stream {
  const next = random(seed);
  const below = (bound: number): number => Math.floor(next() * bound);
  const demand = (index: number): number => gpuDemand((pods[index] as Pod).podClass);
  const order = shuffled(pods.length, below);
  const target = LOAD * capacityMilli;
  let requested = pods.reduce((sum, _pod, i) => sum + demand(i), 0);
  if (requested === 0) return { seed, order, nodeRank: shuffled(nodes, below) };
  while (requested > target) requested -= demand(order.splice(below(order.length), 1)[0] ?? 0);
  for (;;) {
    const index = below(pods.length);
    // One GPU of it, as published, also where it asks for several.
    if (requested + ((pods[index] as Pod).podClass.gpuMilli ?? 0) > target) break;
    requested += demand(index);
    order.push(index);
  }
  return { seed, order, nodeRank: shuffled(nodes, below) };
}

function shuffled(count: number, below: (bound: number) => number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i -= 1) {
    const j = below(i + 1);
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order;
}
