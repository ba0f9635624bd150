import { describe, expect, it } from 'vitest';
import type { TariffBand } from '../api/index.ts';
import { checkSpec } from './spec-check.ts';
import { aRegion } from './testing.ts';

const band = (over: Partial<TariffBand>): TariffBand => ({ months: [], hours: [], pricePerKWhMicros: 1, ...over });
const check = (tariff: TariffBand[], timezone = 'Asia/Shanghai') =>
  checkSpec(aRegion('guian', { electricity: { currency: 'CNY', timezone, tariff } }).spec);
const hours = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('checkSpec', () => {
  it('accepts a tariff that covers every hour', () => {
    expect(check([band({})])).toBeUndefined();
    expect(check([band({ hours: hours(0, 7) }), band({ hours: hours(8, 23) })])).toBeUndefined();
    expect(check([band({ months: [7, 8], hours: hours(10, 20) }), band({})])).toBeUndefined();
  });

  it('names the first hour without a price', () => {
    const problem = check([band({ hours: hours(0, 22) }), band({ months: [1, 2], hours: [23] })]);
    expect(problem).toMatchObject({ reason: 'InvalidSpec' });
    expect(problem?.message).toContain('no price for 23:00 to 23:59 in month 3');
  });

  it('names an unknown time zone', () => {
    expect(check([band({})], 'Asia/Guian')?.message).toContain('"Asia/Guian" is not a known time zone');
  });
});
