import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gittinsSeconds, LifeTable, remainingQuantile, UNINFORMED } from './service-time.ts';

const seconds = fc.double({ min: 0, max: 1e8, noNaN: true });
const seen = fc.array(
  fc.record({ seconds, ended: fc.boolean(), weight: fc.double({ min: 0.01, max: 2, noNaN: true }) }),
);
/** A few runs suffice: each looks at all cells. */
const FEW = { numRuns: 30 };
const hazard = seen.map((list) => {
  const table = new LifeTable();
  for (const { seconds: at, ended, weight } of list) {
    if (ended) table.addEnded(at, weight);
    else table.addCensored(at, weight);
  }
  return table.hazard(UNINFORMED, 0.2);
});

describe('a life table', () => {
  it('gives chances, whatever was seen', () => {
    fc.assert(
      fc.property(hazard, (cells) => cells.every((chance) => chance > 0 && chance <= 1)),
      FEW,
    );
  });

  it('forgets nothing by the order in which it was told', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1e6), { minLength: 1 }), (times) => {
        const [a, b] = [new LifeTable(), new LifeTable()];
        for (const time of times) a.addEnded(time);
        for (const time of [...times].reverse()) b.addEnded(time);
        const other = b.hazard(UNINFORMED, 1);
        return a.hazard(UNINFORMED, 1).every((chance, cell) => chance === other[cell]);
      }),
      FEW,
    );
  });
});

describe('what is left', () => {
  it('is never negative, and a higher chance needs no less time', () => {
    const chance = fc.double({ min: 0.01, max: 0.99, noNaN: true });
    fc.assert(
      fc.property(hazard, seconds, chance, chance, (cells, attained, p, q) => {
        const [low, high] = [Math.min(p, q), Math.max(p, q)].map((at) => remainingQuantile(cells, attained, at));
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeGreaterThanOrEqual(low as number);
      }),
      FEW,
    );
  });

  it('costs some service', () => {
    const early = fc.double({ min: 0, max: 1e7, noNaN: true });
    fc.assert(
      fc.property(hazard, early, (cells, attained) => gittinsSeconds(cells, attained) >= 0),
      FEW,
    );
  });
});
