import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_CAP_RULE, learnedRule, MAX_SLOWDOWN, type PowerBounds, ruledCap } from './cap-rule.ts';
import { drawOf, effectAt, type Frontier, meanByModel } from './frontier.ts';

const board: PowerBounds = { defaultWatts: 300, minWatts: 100, maxWatts: 300 };
const anyBoard = fc
  .tuple(fc.integer({ min: 50, max: 400 }), fc.integer({ min: 0, max: 800 }), fc.integer({ min: 0, max: 300 }))
  .map(([minWatts, above, more]) => ({
    minWatts,
    defaultWatts: minWatts + above,
    maxWatts: minWatts + above + more,
  }));

/** Time grows as the limit falls below the draw; power is what the limit leaves. */
const frontier = fc
  .tuple(fc.integer({ min: 80, max: 300 }), fc.integer({ min: 5, max: 30 }), fc.constantFrom('a', 'b', 'c'))
  .map(([draw, steepness, model]): Frontier => {
    const limits = [100, 125, 150, 175, 200, 225, 250, 275, 300];
    const points = limits.map((limitWatts) => {
      const lack = Math.max(0, 1 - limitWatts / draw);
      return { limitWatts, time: 100 * (1 + (steepness / 10) * lack ** 2), watts: Math.min(limitWatts, draw) };
    });
    return { model, points };
  });

describe('the rule', () => {
  it('never leaves what the board can take, nor its default limit, whatever is drawn', () => {
    fc.assert(
      fc.property(anyBoard, fc.double({ min: 0, max: 2000, noNaN: true }), (bounds, draw) => {
        const cap = ruledCap(DEFAULT_CAP_RULE, draw, bounds);
        expect(Number.isInteger(cap)).toBe(true);
        expect(cap).toBeGreaterThanOrEqual(bounds.minWatts);
        expect(cap).toBeLessThanOrEqual(Math.max(bounds.defaultWatts, bounds.minWatts));
      }),
    );
  });

  it('rises with the draw', () => {
    fc.assert(
      fc.property(anyBoard, fc.nat(1000), fc.nat(1000), (bounds, a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)].map((draw) => ruledCap(DEFAULT_CAP_RULE, draw, bounds));
        expect(low).toBeLessThanOrEqual(high as number);
      }),
    );
  });

  it('that is learned stays within the bound on what it was learned from', () => {
    fc.assert(
      fc.property(fc.array(frontier, { minLength: 1, maxLength: 12 }), (known) => {
        const rule = learnedRule(known, board);
        const { slowdown } = meanByModel(known, (one) => effectAt(one, ruledCap(rule, drawOf(one), board)));
        expect(rule.sharePermille).toBeLessThanOrEqual(1000);
        // A share of 1 holds nothing back but what the power of a workload does above its mean.
        if (rule.sharePermille < 1000) expect(slowdown).toBeLessThanOrEqual(MAX_SLOWDOWN);
      }),
    );
  });
});

describe('the default rule', () => {
  it('takes seven eighths of the draw, six tenths of the limit at least', () => {
    expect(ruledCap(DEFAULT_CAP_RULE, 280, board)).toBe(245);
    expect(ruledCap(DEFAULT_CAP_RULE, 100, board)).toBe(180);
    expect(ruledCap(DEFAULT_CAP_RULE, 100, { ...board, minWatts: 200 })).toBe(200);
    expect(ruledCap(DEFAULT_CAP_RULE, 900, board)).toBe(300);
  });
});
