import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { coloured, plain, table } from './table.ts';
import { ago, duration, gpuHours, kilograms, kilowatts, kWh, marked, money } from './units.ts';

describe('a table', () => {
  const rows = [
    ['a', ['Running', 'good'], '1'],
    ['longer', ['Failed', 'bad'], ''],
  ] as const;

  it('has columns as wide as their widest cell, and nothing behind the last', () => {
    expect(table(['NAME', 'PHASE', 'N'], rows, plain)).toBe(
      ['NAME     PHASE     N', 'a        Running   1', 'longer   Failed'].join('\n'),
    );
  });

  it('is the same with colour, but for the colour', () => {
    const painted = table(['NAME', 'PHASE', 'N'], rows, coloured);
    expect(painted).toContain('\u001b[32mRunning\u001b[39m');
    const lines = (text: string) => text.split('\n').map((line) => line.trimEnd());
    expect(lines(stripVTControlCharacters(painted))).toEqual(lines(table(['NAME', 'PHASE', 'N'], rows, plain)));
  });

  it('stands with its header alone', () => {
    expect(table(['A', 'B'], [], plain, '  ')).toBe('  A   B');
  });
});

describe('a unit', () => {
  const MINUTE = 60_000;
  it.each([
    [-5, '0s'],
    [119_999, '119s'],
    [2 * MINUTE, '2m'],
    [119 * MINUTE, '119m'],
    [120 * MINUTE, '2h'],
    [200 * MINUTE, '3h20m'],
    [48 * 60 * MINUTE, '2d'],
    [51 * 60 * MINUTE, '2d3h'],
    [243 * 60 * MINUTE, '10d'],
  ])('%d ms are %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  it('is written as in status', () => {
    expect([kWh(3_600_000), kilograms(404), money(12_345_678, 'CNY'), gpuHours(5400), kilowatts(9230)]).toEqual([
      ...['1.000', '0.404 kg', '12.35 CNY', '1.50', '9.23 kW'],
    ]);
    expect([marked('1', true), marked('1', false), ago(undefined, 0)]).toEqual(['~1', '1', '-']);
  });
});
