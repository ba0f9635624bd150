import { expect, it } from 'vitest';
import { DemandByType } from './node-value/demand-by-type.ts';
import { ClusterScratch } from './placement.ts';
import { cluster, nodes, request } from './testing/build.ts';

const NODES = 100;
const BOARDS = NODES * 8;

interface Shape {
  readonly pods: number;
  readonly boards: number;
  readonly cores: number;
}
const shape = (pods: number, boards: number, coresPerBoard: number): Shape => ({
  ...{ pods, boards, cores: boards * coresPerBoard },
});
/** Singles and gangs whose pods leave boards on their nodes. */
const MIXES = {
  'cpu is uneven': [
    shape(1, 1, 8),
    shape(1, 1, 16),
    shape(1, 2, 8),
    shape(1, 4, 12),
    shape(12, 1, 16),
    shape(16, 2, 4),
    shape(4, 4, 8),
    shape(3, 4, 16),
  ],
  'cpu is scarce': [
    shape(1, 1, 20),
    shape(1, 2, 16),
    shape(6, 2, 16),
    shape(4, 4, 12),
    shape(10, 1, 24),
    shape(20, 1, 2),
  ],
} satisfies Record<string, readonly Shape[]>;

/** mulberry32: equal seeds make equal streams. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Work arrives for 1.3 times the boards; what does not fit at once is gone. */
function stream(mix: readonly Shape[], seed: number): Shape[] {
  const next = random(seed);
  const all: Shape[] = [];
  for (let boards = 0; boards < 1.3 * BOARDS; ) {
    const one = mix[Math.floor(next() * mix.length)] as Shape;
    boards += one.pods * one.boards;
    all.push(one);
  }
  return all;
}

const requestOf = ({ pods, boards, cores }: Shape) =>
  request({ pods, cpuMilli: cores * 1000, memoryMi: 1, accelerators: [{ type: 'H100', countPerNode: boards }] });

/** @returns boards in use at the end */
function byValue(mix: readonly Shape[], arrivals: readonly Shape[]): number {
  const demand = new DemandByType();
  for (let i = 0; i < 500; i += 1) demand.observe(requestOf(mix[i % mix.length] as Shape));
  const scratch = new ClusterScratch(cluster('guian', { nodes: nodes(hosts()) }), demand.learned());
  let used = 0;
  for (const one of arrivals) {
    const asked = scratch.shape(requestOf(one), 0, one.boards * 1000);
    const found = scratch.fit(one.pods, asked);
    if (found === undefined) continue;
    const fit = scratch.settled(found, asked);
    scratch.commit(fit, asked);
    used += one.pods * one.boards;
  }
  return used;
}

/** The same work on the nodes with the fewest free boards that will do. */
function byBestFit(arrivals: readonly Shape[]): number {
  const free = hosts().map(({ cpuMilli }) => ({ boards: 8, cores: cpuMilli / 1000 }));
  let used = 0;
  for (const { pods, boards, cores } of arrivals) {
    const fits = (one: (typeof free)[number]): number =>
      Math.min(Math.floor(one.boards / boards), Math.floor(one.cores / cores));
    const tight = free.filter((one) => fits(one) > 0).sort((a, b) => a.boards - b.boards || a.cores - b.cores);
    if (tight.reduce((sum, one) => sum + fits(one), 0) < pods) continue;
    let left = pods;
    for (const one of tight) {
      const here = Math.min(left, fits(one));
      one.boards -= here * boards;
      one.cores -= here * cores;
      left -= here;
    }
    used += pods * boards;
  }
  return used;
}

const hosts = () =>
  Array.from({ length: NODES }, (_, i) => ({ name: `n${i}`, cpuMilli: [96_000, 104_000, 128_000][i % 3] ?? 0 }));

it.each(Object.entries(MIXES))('gangs whose nodes are chosen by value leave fewer boards unused where %s', (_, mix) => {
  const streams = [1, 2, 3, 4].map((seed) => stream(mix, seed));
  const unused = (used: (arrivals: readonly Shape[]) => number): number =>
    streams.reduce((sum, arrivals) => sum + BOARDS - used(arrivals), 0);
  expect(unused((arrivals) => byValue(mix, arrivals))).toBeLessThan(unused(byBestFit));
});
