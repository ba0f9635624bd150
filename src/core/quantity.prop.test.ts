import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { count, cpuMilli, memoryMi, parseQuantity } from './quantity.ts';

interface Rational {
  top: bigint;
  bottom: bigint;
}

const SUFFIX: Record<string, Rational> = {
  n: { top: 1n, bottom: 10n ** 9n },
  u: { top: 1n, bottom: 10n ** 6n },
  m: { top: 1n, bottom: 1000n },
  '': { top: 1n, bottom: 1n },
  k: { top: 10n ** 3n, bottom: 1n },
  M: { top: 10n ** 6n, bottom: 1n },
  G: { top: 10n ** 9n, bottom: 1n },
  T: { top: 10n ** 12n, bottom: 1n },
  P: { top: 10n ** 15n, bottom: 1n },
  E: { top: 10n ** 18n, bottom: 1n },
  Ki: { top: 1024n, bottom: 1n },
  Mi: { top: 1024n ** 2n, bottom: 1n },
  Gi: { top: 1024n ** 3n, bottom: 1n },
  Ti: { top: 1024n ** 4n, bottom: 1n },
  Pi: { top: 1024n ** 5n, bottom: 1n },
  Ei: { top: 1024n ** 6n, bottom: 1n },
};
for (let power = -12; power <= 20; power += 1) {
  const value = power < 0 ? { top: 1n, bottom: 10n ** BigInt(-power) } : { top: 10n ** BigInt(power), bottom: 1n };
  SUFFIX[`e${power}`] = value;
  SUFFIX[`E${power}`] = value;
  if (power >= 0) SUFFIX[`e+${power}`] = value;
}

const suffix = fc.constantFrom(...Object.keys(SUFFIX));
const digits = fc.stringMatching(/^\d{1,12}$/);
const written = fc.tuple(fc.constantFrom('', '+', '-'), digits, fc.option(fc.stringMatching(/^\d{0,12}$/)), suffix);

/** The quantity in units of `unit` nano-units, capped and at nano precision as Kubernetes keeps it. */
function oracle(sign: string, whole: string, fraction: string | null, end: string, unit: bigint, up: boolean): number {
  const scale = SUFFIX[end] as Rational;
  const places = 10n ** BigInt((fraction ?? '').length);
  const top = BigInt(whole + (fraction ?? '')) * scale.top * 10n ** 9n;
  const bottom = places * scale.bottom;
  let nano = (top + bottom - 1n) / bottom;
  const most = (2n ** 63n - 1n) * 10n ** 9n;
  if (nano > most) nano = most;
  if (sign === '-') nano = -nano;
  let result = nano / unit;
  if (nano % unit !== 0n) {
    if (up && nano > 0n) result += 1n;
    if (!up && nano < 0n) result -= 1n;
  }
  const limit = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(result > limit ? limit : result < -limit ? -limit : result);
}

describe('quantities as rationals', () => {
  it('agree with exact rational arithmetic in every unit and rounding', () => {
    fc.assert(
      fc.property(written, fc.boolean(), ([sign, whole, fraction, end], up) => {
        const text = `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${end}`;
        const round = up ? 'up' : 'down';
        const of = (unit: bigint) => oracle(sign, whole, fraction, end, unit, up) + 0;
        expect(cpuMilli(text, round) + 0).toBe(of(10n ** 6n));
        expect(count(text, round) + 0).toBe(of(10n ** 9n));
        expect(memoryMi(text, round) + 0).toBe(of(10n ** 9n * 1024n * 1024n));
      }),
      { numRuns: 2000 },
    );
  });

  it('come back from their own text', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }), (milli) => {
        expect(cpuMilli(`${milli}m`, 'up')).toBe(milli);
        expect(cpuMilli(milli / 1000, 'down')).toBe(milli);
        expect(parseQuantity(`${milli}n`)).toBe(BigInt(milli));
      }),
    );
  });

  it('never round a request below or a capacity above the truth', () => {
    fc.assert(
      fc.property(written, ([sign, whole, fraction, end]) => {
        const text = `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${end}`;
        expect(memoryMi(text, 'up')).toBeGreaterThanOrEqual(memoryMi(text, 'down'));
        expect(memoryMi(text, 'up') - memoryMi(text, 'down')).toBeLessThanOrEqual(1);
      }),
    );
  });
});
