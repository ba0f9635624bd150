import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DemandMix } from './demand.ts';
import { NodeRoom, type RoomSpec } from './node-room.ts';
import { DEFAULT_OPTIONS, NodeValue } from './node-value.ts';
import { OnlinePlacer } from './online.ts';
import type { PodClass } from './pod-class.ts';
import { Chooser } from './scoring.ts';

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

const learnt = (room: NodeRoom, pods: readonly PodClass[]): NodeValue => {
  const scoring = new NodeValue(room, OPTIONS);
  const mix = new DemandMix();
  for (const pod of pods) {
    mix.observe(pod);
    scoring.observe(pod);
  }
  scoring.learn(mix);
  return scoring;
};

const allRows = (of: { readonly length: number } | NodeRoom): number[] =>
  Array.from({ length: of instanceof NodeRoom ? of.count : of.length }, (_, row) => row);

const specsOf = (room: NodeRoom): RoomSpec[] =>
  Array.from({ length: room.count }, (_, row) => ({
    model: room.models[row] ?? 0,
    cpuMilli: room.cpuFree[row] ?? 0,
    gpuMilli: [...room.gpuFree.subarray(row * room.stride, row * room.stride + (room.gpus[row] ?? 0))],
  }));

describe('the value of a node', () => {
  it(
    'grows with its CPU',
    () => {
      fc.assert(
        fc.property(specs, arrivals, fc.integer({ min: 1, max: 32_000 }), (spec, pods, more) => {
          const room = new NodeRoom([spec, { ...spec, cpuMilli: spec.cpuMilli + more }]);
          const scoring = learnt(room, pods);
          expect(scoring.value(1)).toBeGreaterThanOrEqual(scoring.value(0) - 1e-9);
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
          const room = new NodeRoom([spec]);
          // With as many draws for CPU as for GPU the loss cannot be more than there is.
          const scoring = new NodeValue(room, { ...OPTIONS, cpuDraws: OPTIONS.draws });
          const mix = new DemandMix();
          for (const pod of pods) mix.observe(pod);
          scoring.learn(mix);
          expect(scoring.value(0)).toBeGreaterThanOrEqual(-1e-9);
          expect(scoring.value(0)).toBeLessThanOrEqual(room.idle(0) + 1e-9);
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
          const room = new NodeRoom(nodes);
          const [one, other] = [learnt(room, pods), learnt(room, [...pods].reverse())];
          for (let row = 0; row < room.count; row += 1) expect(one.value(row)).toBe(other.value(row));
        }),
        { numRuns: 15 },
      );
    },
    SLOW,
  );
});

describe('a choice', () => {
  it(
    'is that of scores reckoned afresh from what is free',
    () => {
      fc.assert(
        fc.property(rooms, arrivals, (nodes, pods) => {
          const room = new NodeRoom(nodes);
          const scoring = learnt(room, pods);
          const chooser = new Chooser(room, scoring, allRows(room));
          for (const pod of pods.slice(0, 8)) {
            const copy = new NodeRoom(specsOf(room));
            // The residuals of both are measured by the same largest node.
            Object.assign(copy, { largestCpuMilli: room.largestCpuMilli });
            const afresh = learnt(copy, pods);
            for (const row of allRows(room)) {
              if (!room.fits(pod, row)) continue;
              expect(scoring.score(pod, row)).toBe(afresh.score(pod, row));
              expect(scoring.gpu).toBe(afresh.gpu);
            }
            const choice = chooser.choose(pod, () => true);
            expect(choice === undefined).toBe(allRows(room).every((row) => !room.fits(pod, row)));
            if (choice === undefined) continue;
            const scored = (row: number) => scoring.score(pod, row) - scoring.surcharge(pod, room.models[row] ?? 0);
            for (const row of allRows(room)) {
              if (room.fits(pod, row)) expect(scored(row)).toBeLessThanOrEqual(scored(choice.row));
            }
            room.take(pod, choice.row, choice.gpu);
          }
        }),
        { numRuns: 15 },
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
            const room = new NodeRoom(nodes);
            const placer = new OnlinePlacer(room, allRows(nodes), OPTIONS);
            return pods.map((pod) => {
              const choice = placer.choose(pod, () => true);
              if (choice === undefined) return -1;
              expect(room.fits(pod, choice.row)).toBe(true);
              const before = room.idle(choice.row);
              room.take(pod, choice.row, choice.gpu);
              expect(before - room.idle(choice.row)).toBe(pod.gpus * pod.gpuMilli);
              expect(Math.min(...room.gpuFree, ...room.cpuFree)).toBeGreaterThanOrEqual(0);
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
          const placer = new OnlinePlacer(new NodeRoom(nodes), allRows(nodes), OPTIONS);
          for (const pod of pods) expect(placer.choose(pod, (row) => row > 0)?.row).not.toBe(0);
        }),
        { numRuns: 15 },
      );
    },
    SLOW,
  );
});
