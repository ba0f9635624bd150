import { describe, expect, it } from 'vitest';
import { closeInterval, costText, estimate, partsOf, withLateMeasured } from './accrual.ts';
import { NO_SUMS } from './sums.ts';
import { FACTS } from './testing.ts';
import { NO_USE } from './workload-use.ts';

const START = Date.UTC(2026, 0, 1);
const meter = { facts: FACTS, holding: { accelerator: 'H100', gpus: 2, nodeShare: 0.25 } };
const until = '2026-01-01T00:00:10Z';
const use = {
  ...NO_USE,
  measured: {
    ...NO_SUMS,
    measuredSeconds: 15,
    gpuSeconds: 20,
    gpuJoules: 9000.4,
    facilityJoules: 12_000.4,
  },
  estimated: { ...NO_SUMS, gpuJoules: 10, facilityJoules: 12 },
  costs: { ...NO_USE.costs, measured: { CNY: 7.2 } },
};

describe('closeInterval', () => {
  it('is an estimate where nobody measures', () => {
    const usage = closeInterval(undefined, estimate(meter, START, START + 10_000), 'CNY', until);
    expect(usage).toMatchObject({
      gpuSeconds: 20,
      gpuJoules: 14_000,
      facilityJoules: 16_000 * 1.2,
      source: 'Estimate',
    });
    expect(usage.reckoned).toMatchObject({ facilityJoules: 16_000 * 1.2 });
    expect(usage.measured).toBeUndefined();
  });

  it('reckons nothing but time and money for nodes that are metered, and adds what was measured', () => {
    const metered = { ...meter, unmetered: () => 0 };
    const usage = closeInterval(undefined, estimate(metered, START, START + 10_000), 'CNY', until, use);
    expect(usage).toMatchObject({
      gpuSeconds: 20,
      source: 'Integrated',
      coveragePermille: 750,
      facilityJoules: 12_012,
      measured: { facilityJoules: 12_000, costMicros: 7 },
      reckoned: { facilityJoules: 0 },
    });
    expect(partsOf(usage).estimated.facilityJoules).toBe(12);
    const half = estimate({ ...meter, unmetered: () => 0.5 }, START, START + 10_000);
    expect(half.energy.gpuJoules).toBe(7000);
  });

  it('keeps what was measured while the ledger does not know of it, and takes what comes late in its place', () => {
    const first = closeInterval(undefined, estimate(meter, START, START + 10_000), 'CNY', until, use);
    const second = closeInterval(first, estimate(meter, START + 10_000, START + 20_000), 'CNY', until);
    expect(second.measured).toEqual(first.measured);
    expect(second.facilityJoules).toBe(first.facilityJoules + 16_000 * 1.2);
    const late = withLateMeasured(second, { ...use, measured: { ...use.measured, facilityJoules: 13_000 } });
    expect(late.facilityJoules).toBe(second.facilityJoules + 1000);
    expect(withLateMeasured(late, undefined)).toBe(late);
  });

  it('goes on from a usage of before there were agents', () => {
    const old = {
      gpuSeconds: 5,
      facilityJoules: 100,
      costMicros: 3,
      carbonGrams: 1,
      currency: 'CNY',
      until,
      source: 'Estimate' as const,
    };
    const usage = closeInterval(old, estimate(meter, START, START + 10_000), 'CNY', until, use);
    expect(usage.reckoned?.facilityJoules).toBe(100 + 16_000 * 1.2);
    expect(usage.facilityJoules).toBe(100 + 16_000 * 1.2 + 12_012);
  });

  it('adds no sums of different currencies', () => {
    const energy = { ...NO_SUMS, facilityJoules: 1, costMicros: 0 };
    const interval = (gpuMicros: number) => ({ gpuSeconds: 1, gpuMicros, energy });
    const first = closeInterval(undefined, interval(1_000_000_000), 'CNY', until);
    const second = closeInterval(first, interval(50_000_000), 'USD', until);
    expect(second).toMatchObject({ costMicros: 1_000_000_000, currency: 'CNY', gpuSeconds: 2, facilityJoules: 2 });
    expect(second.otherCosts).toEqual([{ currency: 'USD', costMicros: 50_000_000, reckonedMicros: 50_000_000 }]);
    expect(costText(second)).toBe('1000.00 CNY + 50.00 USD');
    const costs = { measured: { CNY: 7, USD: 3 }, estimated: { USD: 2, EUR: 1 }, final: {} };
    const told = withLateMeasured(second, { ...use, costs });
    expect(told.costMicros).toBe(1_000_000_007);
    expect(told.otherCosts).toEqual([
      { currency: 'EUR', costMicros: 1, reckonedMicros: 0 },
      { currency: 'USD', costMicros: 50_000_005, reckonedMicros: 50_000_000 },
    ]);
    const third = closeInterval(told, interval(1_000_000), 'USD', until);
    expect(third.otherCosts?.at(-1)).toEqual({ currency: 'USD', costMicros: 51_000_005, reckonedMicros: 51_000_000 });
    expect(third.costMicros).toBe(1_000_000_007);
  });

  it('says money in no more than there is room for', () => {
    const otherCosts = ['EUR', 'SGD', 'USD'].map((currency) => ({
      ...{ currency, costMicros: 123_456_789_000_000, reckonedMicros: 0 },
    }));
    const usage = { ...closeInterval(undefined, estimate(meter, START, START + 10_000), 'CNY', until), otherCosts };
    expect(costText(usage)).toMatch(/^0\.\d\d CNY \+ 3 other currencies$/);
  });
});
