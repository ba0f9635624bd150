import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BOARD_HEALTH } from '../api/index.ts';
import { drawsOf, healthCounts } from './draw.ts';
import type { NodeNow } from './report.ts';
import { FACTS } from './testing.ts';

const board = (
  uuid: string,
  watts: number | null,
  holders: Record<string, number> = {},
): NodeNow['boards'][number] => ({
  ...{ uuid, health: 'healthy', watts },
  holders: Object.entries(holders).map(([run, share]) => ({ run, share })),
});
const node = (...boards: NodeNow['boards']): NodeNow => ({ trouble: '', expected: boards.length, boards });

describe('drawsOf', () => {
  it('adds up boards, their part of the node, and the PUE', () => {
    const nodes = new Map([
      ['a', node(board('a0', 500, { x: 1 }), board('a1', 300, { x: 0.5, y: 0.5 }))],
      ['b', node(board('b0', 100))],
    ]);
    const { all, runs, runsOn } = drawsOf(nodes, FACTS);
    // Overhead of 800 W a node, PUE 1.2.
    expect(all).toEqual({ gpuWatts: 900, itWatts: 2500, facilityWatts: 3000 });
    expect(runs.get('x')).toEqual({ gpuWatts: 650, itWatts: 1250, facilityWatts: 1500 });
    expect(runs.get('y')).toEqual({ gpuWatts: 150, itWatts: 350, facilityWatts: 420 });
    expect([...(runsOn.get('a') ?? [])]).toEqual(['x', 'y']);
    expect(runsOn.get('b')?.size).toBe(0);
  });

  it('tells nothing of a run one of whose boards does not tell, and of the place what is known', () => {
    const { all, runs } = drawsOf(
      new Map([['a', node(board('a0', null, { x: 1 }), board('a1', 300, { x: 1 }))]]),
      FACTS,
    );
    expect(runs.has('x')).toBe(true);
    expect(runs.get('x')).toBeUndefined();
    expect(all).toMatchObject({ gpuWatts: 300, itWatts: 700 });
  });

  it('whatever is held: parts of those whose power is known add up to no more than the whole', () => {
    const shares = fc.array(
      fc.record({ run: fc.constantFrom('x', 'y', 'z'), share: fc.double({ min: 0, max: 1 / 3 }) }),
      {
        maxLength: 3,
      },
    );
    const boards = fc.array(
      fc.record({
        uuid: fc.string(),
        health: fc.constantFrom(...BOARD_HEALTH),
        watts: fc.option(fc.double({ min: 0, max: 1000, noNaN: true })),
        holders: shares.map((list) =>
          list.map(({ run, share }) => ({ run, share: Number.isFinite(share) ? share : 0 })),
        ),
      }),
      { maxLength: 8 },
    );
    const nodes = fc.array(
      boards.map((list) => node(...list)),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(nodes, (list) => {
        const { all, runs } = drawsOf(new Map(list.map((one, index) => [`n${index}`, one])), FACTS);
        const held = [...runs.values()].reduce((sum, run) => sum + (run?.facilityWatts ?? 0), 0);
        expect(held).toBeLessThanOrEqual(all.facilityWatts * (1 + 1e-9) + 1e-6);
        expect(Object.values(healthCounts(list)).reduce((a, b) => a + b)).toBe(
          list.reduce((sum, { boards: { length } }) => sum + length, 0),
        );
      }),
    );
  });
});

it('counts boards as lost of which only the driver’s count tells', () => {
  const counts = healthCounts([{ ...node(board('a', 1)), expected: 3 }, node(board('b', 1))]);
  expect(counts).toEqual({ healthy: 2, degraded: 0, lost: 2, unknown: 0 });
});
