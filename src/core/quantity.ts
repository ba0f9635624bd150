/**
 * Kubernetes resource quantities, exactly.
 *
 * Grammar and rounding are those of k8s.io/apimachinery `resource.Quantity`: a signed decimal with a suffix
 * (n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or e3 / E3); finer than a nano-unit is rounded away from zero, larger than
 * 2^63-1 is capped there. Results are plain integers, saturated at 2^53-1.
 */

export type Rounding = 'up' | 'down';

/** A text that is not a Kubernetes quantity; the message is a sentence for the user. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

const NANO_DIGITS = 9;
const MAX_NANO = (2n ** 63n - 1n) * 10n ** 9n;
/** Powers of ten beyond this are beyond the cap or below a nano-unit, whatever the digits. */
const FAR = 64;

const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY: Readonly<Record<string, bigint>> = { Ki: 10n, Mi: 20n, Gi: 30n, Ti: 40n, Pi: 50n, Ei: 60n };

const GRAMMAR = /^([+-]?)(\d+\.?\d*|\.\d+)(?:([KMGTPE]i)|([numkMGTPE]?)|[eE]([+-]?\d{1,18}))$/;

/** @returns the quantity in nano-units (10^-9), exact, rounded away from zero where it is finer */
export function parseQuantity(quantity: string | number): bigint {
  const match = GRAMMAR.exec(String(quantity));
  if (match === null) {
    throw new QuantityError(
      `${JSON.stringify(quantity)} is not a quantity: write a number with an optional suffix, such as 500m, 2, 1.5Gi or 1e3.`,
    );
  }
  const [, sign, digits = '', binary, decimal, exponent] = match;
  const shift = binary === undefined ? 0n : (BINARY[binary] ?? 0n);
  const power = exponent === undefined ? (DECIMAL[decimal ?? ''] ?? 0) : Number(exponent);
  const nano = magnitude(digits, power, shift);
  return sign === '-' ? -nano : nano;
}

/** `digits` times 10^power times 2^shift, in nano-units, rounded up and capped. */
function magnitude(digits: string, power: number, shift: bigint): bigint {
  const point = digits.indexOf('.');
  const fraction = point < 0 ? '' : digits.slice(point + 1);
  const mantissa = BigInt((point < 0 ? digits : digits.slice(0, point)) + fraction);
  if (mantissa === 0n) return 0n;
  const scale = power - fraction.length + NANO_DIGITS;
  if (scale > FAR) return MAX_NANO;
  if (scale < -FAR - digits.length) return 1n;
  const scaled = mantissa << shift;
  const nano = scale >= 0 ? scaled * 10n ** BigInt(scale) : divideUp(scaled, 10n ** BigInt(-scale));
  return nano > MAX_NANO ? MAX_NANO : nano;
}

/** CPU in milli-cores. */
export const cpuMilli = (quantity: string | number, round: Rounding): number =>
  toNumber(parseQuantity(quantity), 10n ** 6n, round);

/** Memory in MiB. */
export const memoryMi = (quantity: string | number, round: Rounding): number =>
  toNumber(parseQuantity(quantity), (10n ** 9n) << 20n, round);

/** Whole units: pods, boards. */
export const count = (quantity: string | number, round: Rounding): number =>
  toNumber(parseQuantity(quantity), 10n ** 9n, round);

function toNumber(nano: bigint, unit: bigint, round: Rounding): number {
  const whole = round === 'up' ? -divideDown(-nano, unit) : divideDown(nano, unit);
  const limit = BigInt(Number.MAX_SAFE_INTEGER);
  if (whole > limit) return Number.MAX_SAFE_INTEGER;
  if (whole < -limit) return -Number.MAX_SAFE_INTEGER;
  return Number(whole);
}

const divideUp = (value: bigint, by: bigint): bigint => (value + by - 1n) / by;

/** Towards minus infinity. */
const divideDown = (value: bigint, by: bigint): bigint =>
  value % by !== 0n && value < 0n ? value / by - 1n : value / by;
