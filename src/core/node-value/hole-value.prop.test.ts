import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holeValues, type Item, power, STEPS } from './hole-value.ts';

/** A few items, ascending by size, whose shares sum to at most 1. */
const mixes = fc
  .array(
    fc.record({
      size: fc.integer({ min: 1, max: STEPS }),
      cpuMilli: fc.integer({ min: 0, max: 32_000 }),
      weight: fc.integer({ min: 1, max: 9 }),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((drawn): Item[] => {
    const total = 1 + drawn.reduce((sum, { weight }) => sum + weight, 0);
    return drawn
      .map(({ size, cpuMilli, weight }) => ({ size, cpuMilli, share: weight / total }))
      .sort((a, b) => a.size - b.size);
  });

const worthOf = (items: readonly Item[], price: number): number[] =>
  items.map(({ size, cpuMilli }) => size * 10 - price * cpuMilli);

/** By its definition: every sequence of K draws, each with its chance, and the best of what they are worth. */
function everySequence(items: readonly Item[], worth: readonly number[], draws: number): number[] {
  const value = [0];
  const nothing = 1 - items.reduce((sum, { share }) => sum + share, 0);
  for (let hole = 1; hole <= STEPS; hole += 1) {
    const gain = items.map(({ size }, j) => (size <= hole ? (worth[j] ?? 0) + (value[hole - size] ?? 0) : 0));
    const expected = (left: number, best: number): number =>
      left === 0
        ? best
        : nothing * expected(left - 1, best) +
          items.reduce((sum, { share }, j) => sum + share * expected(left - 1, Math.max(best, gain[j] ?? 0)), 0);
    value.push(expected(draws, 0));
  }
  return value;
}

describe('the value of a hole', () => {
  it('is the expected best of K draws', () => {
    fc.assert(
      fc.property(
        mixes,
        fc.integer({ min: 1, max: 3 }),
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        (items, draws, price) => {
          const worth = worthOf(items, price);
          const fast = holeValues(items, worth, draws);
          everySequence(items, worth, draws).forEach((slow, hole) => {
            expect(fast[hole]).toBeCloseTo(slow, 6);
          });
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is between nothing and the hole', () => {
    fc.assert(
      fc.property(mixes, fc.integer({ min: 1, max: 60 }), (items, draws) => {
        const value = holeValues(items, worthOf(items, 0), draws);
        for (let hole = 1; hole <= STEPS; hole += 1) {
          expect(value[hole]).toBeLessThanOrEqual(hole * 10 + 1e-9);
          expect(value[hole]).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('grows with the draws', () => {
    fc.assert(
      fc.property(mixes, fc.integer({ min: 1, max: 30 }), (items, draws) => {
        const worth = worthOf(items, 0);
        const few = holeValues(items, worth, draws);
        const more = holeValues(items, worth, draws + 1);
        few.forEach((value, hole) => {
          // Chances below 1e-12 are left out, of up to 1,000 milli at each of up to 100 fillings.
          expect(more[hole]).toBeGreaterThanOrEqual(value - 1e-7);
        });
      }),
      { numRuns: 30 },
    );
  });

  it('falls with the price of CPU', () => {
    fc.assert(
      fc.property(mixes, fc.double({ min: 0, max: 0.3, noNaN: true }), (items, price) => {
        const [low, middle, high] = [0, price, 2 * price].map(
          (p) => holeValues(items, worthOf(items, p), 1)[STEPS] ?? 0,
        );
        expect(middle).toBeLessThanOrEqual((low ?? 0) + 1e-9);
        expect(high).toBeLessThanOrEqual((middle ?? 0) + 1e-9);
      }),
      { numRuns: 30 },
    );
  });

  it('tells with what chance a hole goes to each item', () => {
    fc.assert(
      fc.property(mixes, fc.integer({ min: 1, max: 40 }), (items, draws) => {
        const chance = new Float64Array((STEPS + 1) * items.length);
        const worth = worthOf(items, 0);
        const value = holeValues(items, worth, draws, chance);
        for (let hole = 1; hole <= STEPS; hole += 1) {
          const chances = items.map((_item, j) => chance[hole * items.length + j] ?? 0);
          const sum = chances.reduce(
            (total, one, j) => total + one * ((worth[j] ?? 0) + (value[hole - (items[j]?.size ?? 0)] ?? 0)),
            0,
          );
          expect(sum).toBeCloseTo(value[hole] ?? 0, 6);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('a power', () => {
  it('is that of Math.pow', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 80 }), (base, exponent) => {
        expect(power(base, exponent)).toBeCloseTo(base ** exponent, 12);
      }),
      { numRuns: 30 },
    );
  });
});
