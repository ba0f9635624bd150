import { describe, expect, it } from 'vitest';
import { count, cpuMilli, memoryMi, parseQuantity, QuantityError } from './quantity.ts';

describe('quantities', () => {
  it.each([
    ['0', 0, 0],
    ['1', 1000, 1000],
    ['1.', 1000, 1000],
    ['.5', 500, 500],
    ['+0.25', 250, 250],
    ['500m', 500, 500],
    ['100u', 1, 0],
    ['1n', 1, 0],
    ['0.0000000000001', 1, 0],
    ['-1500m', -1500, -1500],
    ['-0.5m', 0, -1],
    ['1e3', 1_000_000, 1_000_000],
    ['1E3', 1_000_000, 1_000_000],
    ['1e-3', 1, 1],
    ['2k', 2_000_000, 2_000_000],
    ['1Ki', 1_024_000, 1_024_000],
    ['1E', Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ['1e999999999999', Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ['1e-999999999999', 1, 0],
  ])('reads %s as %i milli rounded up and %i rounded down', (text, up, down) => {
    expect(cpuMilli(text, 'up')).toBe(up);
    expect(cpuMilli(text, 'down')).toBe(down);
  });

  it('reads memory in MiB, requests up and capacity down', () => {
    expect(memoryMi('64Gi', 'up')).toBe(65_536);
    expect(memoryMi('1G', 'up')).toBe(954);
    expect(memoryMi('1G', 'down')).toBe(953);
    expect(memoryMi(1_048_576, 'down')).toBe(1);
    expect(memoryMi('1.5Ti', 'up')).toBe(1_572_864);
  });

  it('takes JSON numbers, whole or not', () => {
    expect(cpuMilli(0.5, 'up')).toBe(500);
    expect(count(3, 'down')).toBe(3);
    expect(count('2500m', 'up')).toBe(3);
    expect(count('2500m', 'down')).toBe(2);
  });

  it.each([
    '',
    '.',
    ' 1',
    '1 ',
    '1KI',
    '1mi',
    '1.1.',
    '1e',
    '1e3k',
    'Ki',
    '--1',
    '0x10',
    '1_000',
    '1K',
    'NaN',
    'Infinity',
  ])('refuses %j with a sentence', (text) => {
    expect(() => parseQuantity(text)).toThrow(QuantityError);
    expect(() => parseQuantity(text)).toThrow(/is not a quantity: write a number/);
  });

  it('refuses numbers that are none', () => {
    expect(() => parseQuantity(Number.NaN)).toThrow(QuantityError);
  });

  it('caps at 2^63-1 units, as Kubernetes does', () => {
    expect(parseQuantity('100E')).toBe((2n ** 63n - 1n) * 10n ** 9n);
    expect(parseQuantity('-100E')).toBe(-(2n ** 63n - 1n) * 10n ** 9n);
  });
});
