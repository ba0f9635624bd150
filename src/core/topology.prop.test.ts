import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClusterView, GangRequest, TopologyRequest } from './model.ts';
import { ClusterScratch, type PodShape } from './placement.ts';
import { cluster, type NodeSpec, nodes, request } from './testing/build.ts';

const BOARDS = 4;
const CUSTOM = 'example.com/pod';

interface Spot extends NodeSpec {
  gpusFree: number;
  labels: Record<string, string>;
}

const spot = fc
  .record({
    free: fc.nat(BOARDS),
    usable: fc.constantFrom(true, true, true, false),
    block: fc.constantFrom('b1', 'b2', ''),
    rack: fc.constantFrom('r1', 'r2', 'r10', ''),
    custom: fc.constantFrom('x', 'y', ''),
  })
  .map(({ free, usable, block, rack, custom }) => {
    const labels = { 'aidc.dev/block': block, 'aidc.dev/rack': rack, [CUSTOM]: custom };
    return {
      gpusFree: free,
      usable,
      labels: Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== '')),
    };
  });
const spots = (maxLength: number) =>
  fc
    .array(spot, { maxLength })
    .map((list): Spot[] => list.map((one, i) => ({ ...one, name: `n-${i}`, gpus: BOARDS, cpuFree: 1_000_000 })));

const level = fc.constantFrom('Host', 'Rack', 'Block', CUSTOM);
const sizes = fc.constantFrom([], [1], [2], [3], [2, 1], [2, 2], [4, 2]);
const gang = fc
  .record({
    required: fc.option(level, { nil: undefined }),
    preferred: fc.option(level, { nil: undefined }),
    sizes,
    levels: fc.tuple(level, level),
    times: fc.integer({ min: 1, max: 3 }),
    boards: fc.constantFrom(1, 2, 4),
  })
  .map(({ required, preferred, sizes: list, levels, times, boards }) => {
    const topology: TopologyRequest = {
      ...(required === undefined ? {} : { required }),
      ...(preferred === undefined ? {} : { preferred }),
      slices: list.map((size, i) => ({ size, required: levels[i] as string })),
    };
    return {
      topology,
      boards,
      pods: (list[0] ?? 1) * (list[0] === 4 ? 1 : list[0] === 3 ? Math.min(2, times) : times),
    };
  });

const viewOf = (list: readonly Spot[]): ClusterView => cluster('guian', { nodes: nodes(list) });

/** What a node is of a level; undefined: nothing. */
function domain(of: Spot, what: string): string | undefined {
  const { 'aidc.dev/block': block = '', 'aidc.dev/rack': rack } = of.labels;
  if (what === 'Host') return of.name;
  if (what === 'Rack') return rack === undefined ? undefined : `${block}/${rack}`;
  return what === 'Block' ? block || undefined : of.labels[what];
}

/** Whether the pod of this rank is in the domains of those with which it must be. */
function staysTogether(ranks: readonly Spot[], rank: number, { required, slices }: TopologyRequest): boolean {
  const bounds = [...(required === undefined ? [] : [{ required, size: Number.MAX_SAFE_INTEGER }]), ...slices];
  return bounds.every(({ required: what, size }) => {
    const first = ranks[rank - (rank % size)] as Spot;
    const mine = domain(ranks[rank] as Spot, what);
    return mine !== undefined && mine === domain(first, what);
  });
}

/** Tries every node for every rank. */
function oracle(list: readonly Spot[], ask: { pods: number; boards: number; topology: TopologyRequest }): boolean {
  const free = list.map((one) => (one.usable === false ? 0 : one.gpusFree));
  const ranks: Spot[] = [];
  const next = (): boolean => {
    if (ranks.length === ask.pods) return true;
    return list.some((one, i) => {
      if ((free[i] ?? 0) < ask.boards) return false;
      ranks.push(one);
      free[i] = (free[i] ?? 0) - ask.boards;
      const done = staysTogether(ranks, ranks.length - 1, ask.topology) && next();
      ranks.pop();
      free[i] = (free[i] ?? 0) + ask.boards;
      return done;
    });
  };
  return next();
}

type Ask = { pods: number; boards: number; topology?: TopologyRequest };

const shapes = new WeakMap<ClusterScratch, Map<string, PodShape>>();

/** One for equal gangs, as a cycle has it: what it counted is kept up from then on. */
function shapeOf(scratch: ClusterScratch, asked: GangRequest, boards: number): PodShape {
  const known = shapes.get(scratch) ?? new Map<string, PodShape>();
  shapes.set(scratch, known);
  const key = JSON.stringify([asked.topology, boards]);
  const shape = known.get(key) ?? scratch.shape(asked, 0, boards * 1000);
  known.set(key, shape);
  return shape;
}

function fitOf(scratch: ClusterScratch, ask: Ask, previous: string[] = []) {
  const { topology, pods, boards } = ask;
  const asked = request({ ...(topology === undefined ? {} : { topology }), cpuMilli: 0, memoryMi: 0 });
  const shape = shapeOf(scratch, asked, boards);
  const fit = scratch.fit(pods, shape, new Set(), previous);
  return { fit, shape, ranks: fit === undefined ? undefined : scratch.nodeNames(fit) };
}

/** Takes a pod's boards from each node by plain subtraction. */
function take(list: readonly Spot[], ranks: readonly string[], boards: number): Spot[] {
  const left = list.map((one) => ({ ...one }));
  for (const name of ranks) {
    const one = left.find((other) => other.name === name) as Spot;
    one.gpusFree -= boards;
    expect(one.usable !== false && one.gpusFree >= 0).toBe(true);
  }
  return left;
}

describe('gangs with a topology on any cluster', () => {
  it('are placed exactly when a search of every possibility finds a place, whole, and nothing is cut', () => {
    fc.assert(
      fc.property(
        spots(5),
        gang,
        fc.array(
          fc.nat(4).map((i) => `n-${i}`),
          { maxLength: 6 },
        ),
        (list, ask, previous) => {
          const view = viewOf(list);
          const before = structuredClone(view);
          const { ranks } = fitOf(new ClusterScratch(view), ask, previous);
          expect(ranks !== undefined).toBe(oracle(list, ask));
          expect(view).toEqual(before);
          if (ranks === undefined) return;
          expect(ranks).toHaveLength(ask.pods);
          take(list, ranks, ask.boards);
          const placed = ranks.map((name) => list.find((one) => one.name === name) as Spot);
          expect(placed.every((_, rank) => staysTogether(placed, rank, ask.topology))).toBe(true);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('go to the same nodes whatever the order of the rows', () => {
    fc.assert(
      fc.property(spots(10), gang, fc.nat(), (list, ask, shift) => {
        const at = shift % (list.length + 1);
        const turned = [...list.slice(at), ...list.slice(0, at)].reverse();
        expect(fitOf(new ClusterScratch(viewOf(turned)), ask).ranks).toEqual(
          fitOf(new ClusterScratch(viewOf(list)), ask).ranks,
        );
      }),
      { numRuns: 300 },
    );
  });

  it('find, one after another, what they would find in a cluster that is seen for the first time', () => {
    fc.assert(
      fc.property(spots(10), fc.array(gang, { minLength: 2, maxLength: 6 }), (list, asks) => {
        const scratch = new ClusterScratch(viewOf(list));
        let left = list;
        for (const ask of [...asks, ...asks]) {
          const { fit, shape, ranks } = fitOf(scratch, ask);
          expect(ranks).toEqual(fitOf(new ClusterScratch(viewOf(left)), ask).ranks);
          const largest = scratch.room(shape).domains?.now.pods;
          if (largest !== undefined) expect(largest >= ask.pods).toBe(fit !== undefined);
          if (fit === undefined || ranks === undefined) continue;
          scratch.commit(fit, shape);
          left = take(left, ranks, ask.boards);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('go to one preferred domain where one holds them, and else to no more hosts than they must', () => {
    fc.assert(
      fc.property(
        spots(10),
        fc.constantFrom('Rack', 'Host'),
        fc.integer({ min: 1, max: 8 }),
        (list, preferred, pods) => {
          const { ranks } = fitOf(new ClusterScratch(viewOf(list)), {
            pods,
            boards: 1,
            topology: { preferred, slices: [] },
          });
          const free = new Map<string, number>();
          for (const one of list.filter(({ usable }) => usable)) {
            const where = domain(one, preferred);
            if (where !== undefined) free.set(where, (free.get(where) ?? 0) + one.gpusFree);
          }
          const fitting = [...free.values()].filter((boards) => boards >= pods);
          if (fitting.length === 0 || ranks === undefined) return;
          const used = new Set(ranks.map((name) => domain(list.find((one) => one.name === name) as Spot, preferred)));
          expect(used.size).toBe(1);
          expect(free.get([...used][0] ?? '')).toBe(Math.min(...fitting));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('a gang that ran before', () => {
  const whole = { boards: BOARDS };

  it('keeps every node of before that is good, and is placed exactly when it would be without them', () => {
    fc.assert(
      fc.property(spots(10), fc.uniqueArray(fc.nat(9), { maxLength: 6 }), fc.nat(3), (list, before, more) => {
        const previous = before.map((i) => `n-${i}`);
        const pods = Math.max(1, before.length + more);
        const { ranks } = fitOf(new ClusterScratch(viewOf(list)), { ...whole, pods }, previous);
        expect(ranks === undefined).toBe(
          fitOf(new ClusterScratch(viewOf(list)), { ...whole, pods }).ranks === undefined,
        );
        if (ranks === undefined) return;
        take(list, ranks, BOARDS);
        const good = list.filter(
          ({ name, usable, gpusFree }) => usable && gpusFree === BOARDS && previous.includes(name),
        );
        expect(ranks).toEqual(expect.arrayContaining(good.map(({ name }) => name)));
      }),
      { numRuns: 300 },
    );
  });

  it('stays in its domain where the domain still holds it', () => {
    fc.assert(
      fc.property(spots(10), fc.uniqueArray(fc.nat(9), { minLength: 1, maxLength: 4 }), (list, before) => {
        const previous = before.map((i) => `n-${i}`);
        const good = list.filter(
          ({ name, usable, gpusFree }) => usable && gpusFree === BOARDS && previous.includes(name),
        );
        const topology = { required: 'Rack', slices: [] };
        const ask = { ...whole, pods: before.length, topology };
        const { ranks } = fitOf(new ClusterScratch(viewOf(list)), ask, previous);
        if (ranks === undefined) return;
        const stayed = (where: string | undefined) => good.filter((one) => domain(one, 'Rack') === where).length;
        const racks = [...new Set(list.map((one) => domain(one, 'Rack')))].filter(
          (rack) =>
            rack !== undefined &&
            list.filter((one) => one.usable && one.gpusFree === BOARDS && domain(one, 'Rack') === rack).length >=
              ask.pods,
        );
        const kept = ranks.filter((name) => previous.includes(name)).length;
        expect(kept).toBe(Math.max(...racks.map(stayed)));
      }),
      { numRuns: 300 },
    );
  });
});
