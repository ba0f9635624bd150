import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GpuRoom, type RoomSpec } from '../testing/gpu-room.ts';
import { OnlinePlacer } from '../testing/online-placer.ts';
import { DemandMix } from './demand.ts';
import { fits } from './node-state.ts';
import { DEFAULT_OPTIONS, NodeValue, type NodeValueOptions } from './node-value.ts';
import type { PodClass } from './pod-class.ts';
import { Chooser } from './scoring.ts';
import { StateIndex } from './state-index.ts';
import { TypePrice } from './type-price.ts';
import { valueTables } from './value-tables.ts';

/** Ample for a machine that is busy with other things, in ms. */
const SLOW = 60_000;

/** Without shadow sizes, which take long, and are tested by themselves. */
const OPTIONS = { ...DEFAULT_OPTIONS, draws: 8, cpuDraws: 3, shadowPart: 0, prices: [0, 0.01, 0.05, 0.2, 1] };

const classes: fc.Arbitrary<PodClass> = fc.oneof(
  fc.record({
    cpuMilli: fc.integer({ min: 0, max: 16_000 }),
    gpus: fc.constant(1),
    gpuMilli: fc.integer({ min: 1, max: 1000 }),
  }),
  fc.record({
    cpuMilli: fc.integer({ min: 0, max: 16_000 }),
    gpus: fc.constantFrom(2, 4),
    gpuMilli: fc.constant(1000),
  }),
  fc.record({ cpuMilli: fc.integer({ min: 1, max: 16_000 }), gpus: fc.constant(0), gpuMilli: fc.constant(0) }),
  fc.record({
    cpuMilli: fc.integer({ min: 0, max: 16_000 }),
    gpus: fc.constant(1),
    gpuMilli: fc.constantFrom(250, 500, 1000),
    models: fc.constantFrom([0], [1], [0, 1]),
  }),
);
const specs: fc.Arbitrary<RoomSpec> = fc.record({
  model: fc.integer({ min: 0, max: 1 }),
  cpuMilli: fc.integer({ min: 4000, max: 64_000 }),
  gpuMilli: fc.array(fc.constantFrom(0, 100, 250, 500, 990, 1000), { minLength: 0, maxLength: 4 }),
});
const rooms = fc.array(specs, { minLength: 1, maxLength: 6 });
/** Arrivals as picks from a few classes: classes are interned. */
const arrivals = fc
  .tuple(fc.array(classes, { minLength: 1, maxLength: 6 }), fc.array(fc.nat(), { minLength: 1, maxLength: 60 }))
  .map(([few, picks]) => picks.map((pick) => few[pick % few.length] as PodClass));

function learnt(room: GpuRoom, pods: readonly PodClass[], options: NodeValueOptions = OPTIONS): NodeValue {
  const mix = new DemandMix();
  for (const pod of pods) mix.observe(pod);
  return new NodeValue(valueTables(mix.shares(), room.models, options), room, options);
}

const allRows = (room: GpuRoom): number[] => Array.from({ length: room.count }, (_, row) => row);
const idle = (room: GpuRoom, row: number): number => room.stateOf(row).holes.idle;

/** The same cluster as it is now, made anew; what residuals are measured by stays. */
function copyOf(room: GpuRoom): GpuRoom {
  const specs = allRows(room).map((row): RoomSpec => {
    const { holes, cpuMilli } = room.stateOf(row);
    return { model: holes.model, gpuMilli: holes.gpuMilli, cpuMilli };
  });
  return Object.assign(new GpuRoom(specs), { largestCpuMilli: room.largestCpuMilli });
}

describe('the value of a node', () => {
  it(
    'grows with its CPU',
    () => {
      fc.assert(
        fc.property(specs, arrivals, fc.integer({ min: 1, max: 32_000 }), (spec, pods, more) => {
          const room = new GpuRoom([spec, { ...spec, cpuMilli: spec.cpuMilli + more }]);
          const scoring = learnt(room, pods);
          expect(scoring.value(room.stateOf(1))).toBeGreaterThanOrEqual(scoring.value(room.stateOf(0)) - 1e-9);
        }),
        { numRuns: 15 },
      );
    },
    SLOW,
  );

  it(
    'is at least nothing and at most its free GPUs',
    () => {
      fc.assert(
        fc.property(specs, arrivals, (spec, pods) => {
          const room = new GpuRoom([spec]);
          // With as many draws for CPU as for GPU the loss cannot be more than there is.
          const value = learnt(room, pods, { ...OPTIONS, cpuDraws: OPTIONS.draws }).value(room.stateOf(0));
          expect(value).toBeGreaterThanOrEqual(-1e-9);
          expect(value).toBeLessThanOrEqual(idle(room, 0) + 1e-9);
        }),
        { numRuns: 15 },
      );
    },
    SLOW,
  );

  it(
    'does not depend on the order of the arrivals',
    () => {
      fc.assert(
        fc.property(rooms, arrivals, (nodes, pods) => {
          const room = new GpuRoom(nodes);
          const [one, other] = [learnt(room, pods), learnt(room, [...pods].reverse())];
          for (const row of allRows(room)) expect(one.value(room.stateOf(row))).toBe(other.value(room.stateOf(row)));
        }),
        { numRuns: 15 },
      );
    },
    SLOW,
  );
});

describe('a choice', () => {
  it(
    'is that of a plain scan of all nodes, with scores reckoned afresh from what is free',
    () => {
      fc.assert(
        fc.property(rooms, arrivals, fc.nat(5), fc.boolean(), (nodes, pods, barred, reversed) => {
          const rows = Int32Array.from(nodes.keys());
          const room = new GpuRoom(nodes, reversed ? rows.reverse() : rows);
          const price = new TypePrice(OPTIONS);
          for (const pod of pods) price.observe(pod);
          const chooser = new Chooser(room, learnt(room, pods), price.surcharge);
          const admits = (row: number): boolean => row !== barred;
          for (const pod of pods.slice(0, 8)) {
            const copy = copyOf(room);
            const [index, scoring] = [new StateIndex(copy), learnt(copy, pods)];
            let best: { row: number; gpu: number; score: number } | undefined;
            for (const row of room.rows) {
              const state = copy.stateOf(row);
              if (!fits(pod, state) || !admits(row)) continue;
              const { model } = state.holes;
              const more = pod.models?.length === 1 ? 0 : price.surcharge(pod, model, index);
              const score = scoring.score(pod, state) - more;
              if (best === undefined || score > best.score) best = { row, gpu: scoring.gpu, score };
            }
            const choice = chooser.choose(pod, admits);
            expect(choice).toEqual(best === undefined ? undefined : { row: best.row, gpu: best.gpu });
            if (choice !== undefined) room.take(pod, choice.row, choice.gpu);
          }
        }),
        { numRuns: 30 },
      );
    },
    SLOW,
  );

  it(
    'is the same each time, fits, and takes what it says',
    () => {
      fc.assert(
        fc.property(rooms, arrivals, (nodes, pods) => {
          const play = () => {
            const room = new GpuRoom(nodes);
            const placer = new OnlinePlacer(room, OPTIONS);
            return pods.map((pod) => {
              const choice = placer.choose(pod, () => true);
              if (choice === undefined) return -1;
              expect(fits(pod, room.stateOf(choice.row))).toBe(true);
              const before = idle(room, choice.row);
              room.take(pod, choice.row, choice.gpu);
              expect(before - idle(room, choice.row)).toBe(pod.gpus * pod.gpuMilli);
              const { holes, cpuMilli } = room.stateOf(choice.row);
              expect(Math.min(...holes.gpuMilli, cpuMilli)).toBeGreaterThanOrEqual(0);
              return choice.row * 10 + choice.gpu;
            });
          };
          expect(play()).toEqual(play());
        }),
        { numRuns: 15 },
      );
    },
    SLOW,
  );

  it(
    'is only of rows that are admitted',
    () => {
      fc.assert(
        fc.property(rooms, arrivals, (nodes, pods) => {
          const placer = new OnlinePlacer(new GpuRoom(nodes), OPTIONS);
          for (const pod of pods) expect(placer.choose(pod, (row) => row > 0)?.row).not.toBe(0);
        }),
        { numRuns: 15 },
      );
    },
    SLOW,
  );
});
