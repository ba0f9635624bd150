import { describe, expect, it } from 'vitest';
import { isTooOld } from './version.ts';

describe('isTooOld', () => {
  it.each([
    ['1', '30', true],
    ['1', '30+', true],
    ['1', '9', true],
    ['0', '40', true],
    ['1', '31', false],
    ['1', '31+', false],
    ['1', '36', false],
    ['2', '0', false],
    ['', '', false],
    ['1', 'main', false],
  ])('%s.%s: %s', (major, minor, expected) => {
    expect(isTooOld({ major, minor })).toBe(expected);
  });
});
