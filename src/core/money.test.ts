import { describe, expect, it } from 'vitest';
import type { TariffBand } from '../api/index.ts';
import { localTime } from './local-time.ts';
import { gramsPerKWhAt, nextTariffChange, pricePerKWhMicrosAt, rates, totals } from './money.ts';
import { cluster, flat, H100, NOON } from './testing/build.ts';

const HOUR = 3_600_000;
const SHANGHAI = 'Asia/Shanghai';
const valley = [0, 1, 2, 3, 4, 5, 6, 7];
const tariff: TariffBand[] = [
  { months: [7, 8], hours: [10, 11], pricePerKWhMicros: 1_200_000 },
  { months: [], hours: valley, pricePerKWhMicros: 300_000 },
  { months: [], hours: [], pricePerKWhMicros: 600_000 },
];

describe('local time', () => {
  it('is that of the zone, with daylight saving', () => {
    expect(localTime(SHANGHAI, NOON)).toEqual({ month: 1, hour: 12 });
    expect(localTime('Europe/Berlin', Date.parse('2026-03-29T00:59:00Z'))).toEqual({ month: 3, hour: 1 });
    expect(localTime('Europe/Berlin', Date.parse('2026-03-29T01:00:00Z'))).toEqual({ month: 3, hour: 3 });
    expect(localTime('Asia/Kathmandu', Date.parse('2026-01-01T18:14:59Z'))).toEqual({ month: 1, hour: 23 });
    expect(localTime('Asia/Kathmandu', Date.parse('2026-01-01T18:15:00Z'))).toEqual({ month: 1, hour: 0 });
    expect(localTime('America/New_York', Date.parse('2026-01-01T04:00:00Z'))).toEqual({ month: 12, hour: 23 });
  });

  it('is unknown in a zone that does not exist', () => {
    expect(localTime('Mars/Olympus', NOON)).toBeNull();
  });
});

describe('tariffs', () => {
  it('take the first band that matches month and hour', () => {
    expect(pricePerKWhMicrosAt(tariff, SHANGHAI, NOON)).toBe(600_000);
    expect(pricePerKWhMicrosAt(tariff, SHANGHAI, NOON + 14 * HOUR)).toBe(300_000);
    expect(pricePerKWhMicrosAt(tariff, SHANGHAI, Date.parse('2026-07-01T02:30:00Z'))).toBe(1_200_000);
    expect(pricePerKWhMicrosAt(tariff, SHANGHAI, Date.parse('2026-07-01T04:00:00Z'))).toBe(600_000);
  });

  it('say so when no band matches or the zone is unknown', () => {
    const gap: TariffBand[] = [{ months: [], hours: valley, pricePerKWhMicros: 300_000 }];
    expect(pricePerKWhMicrosAt(gap, SHANGHAI, NOON)).toBeNull();
    expect(pricePerKWhMicrosAt([], SHANGHAI, NOON)).toBeNull();
    expect(pricePerKWhMicrosAt(tariff, 'Mars/Olympus', NOON)).toBeNull();
  });

  it('name the moment at which the price next changes', () => {
    expect(nextTariffChange(tariff, SHANGHAI, NOON)).toBe(NOON + 12 * HOUR);
    expect(nextTariffChange(tariff, SHANGHAI, NOON + 12 * HOUR)).toBe(NOON + 20 * HOUR);
    const july: TariffBand[] = [{ months: [7], hours: [], pricePerKWhMicros: 1 }, ...flat(2)];
    expect(nextTariffChange(july, SHANGHAI, NOON)).toBe(Date.parse('2026-06-30T16:00:00Z'));
    const half: TariffBand[] = [{ months: [], hours: [0], pricePerKWhMicros: 1 }, ...flat(2)];
    expect(nextTariffChange(half, 'Asia/Kolkata', Date.parse('2026-01-15T12:01:00Z'))).toBe(
      Date.parse('2026-01-15T18:30:00Z'),
    );
  });

  it('never change where there is one price', () => {
    expect(nextTariffChange(flat(5), SHANGHAI, NOON)).toBeNull();
    expect(nextTariffChange([], SHANGHAI, NOON)).toBeNull();
    expect(nextTariffChange(tariff, 'Mars/Olympus', NOON)).toBeNull();
  });
});

/** 1000 g at 12:00, 100 g more each hour before and after. */
const hourlyGramsPerKWh = Array.from({ length: 24 }, (_, hour) => 1000 + 100 * Math.abs(12 - hour));

describe('CO2 of a kWh', () => {
  const facts = { timezone: SHANGHAI, gramsPerKWh: 7, hourlyGramsPerKWh };

  it('is that of the local hour', () => {
    expect(gramsPerKWhAt(facts, NOON)).toBe(1000);
    expect(gramsPerKWhAt(facts, NOON - 1)).toBe(1100);
    expect(gramsPerKWhAt(facts, NOON + 12 * HOUR)).toBe(2200);
    expect(gramsPerKWhAt({ ...facts, timezone: 'Asia/Kolkata' }, NOON)).toBe(1300);
  });

  it('is one number where no hours are given, or the zone is unknown', () => {
    expect(gramsPerKWhAt({ timezone: SHANGHAI, gramsPerKWh: 7 }, NOON)).toBe(7);
    expect(gramsPerKWhAt({ ...facts, timezone: 'Mars/Olympus' }, NOON)).toBe(7);
  });
});

describe('rates', () => {
  it('are boards and node overhead times PUE, priced and weighed', () => {
    const held = { cluster: cluster('guian', { tariff }), accelerator: H100, gpus: 16, nodeShare: 2 };
    // (16 x 700 W + 2 x 1500 W) x 1.2 = 17,040 W; 16 x 20 + 17.04 x 0.6 CNY; 17.04 x 500 g
    expect(rates(held, NOON)).toEqual({ watts: 17_040, costMicrosPerHour: 330_224_000, carbonGramsPerHour: 8520 });
  });

  it('count only the overhead of the node for CPU only', () => {
    const held = { cluster: cluster('guian'), accelerator: null, gpus: 0, nodeShare: 0.5 };
    expect(rates(held, NOON)).toEqual({ watts: 900, costMicrosPerHour: 360_000, carbonGramsPerHour: 450 });
  });

  it('emit what a kWh does at that hour', () => {
    const held = { cluster: cluster('guian', { hourlyGramsPerKWh }), accelerator: null, gpus: 0, nodeShare: 0.5 };
    expect(rates(held, NOON).carbonGramsPerHour).toBe(900);
    expect(rates(held, NOON + HOUR).carbonGramsPerHour).toBe(990);
  });

  it('round half up', () => {
    const odd = cluster('guian', { puePermille: 1000, nodeOverheadWatts: 1, gramsPerKWh: 1000, tariff: flat(1000) });
    expect(rates({ cluster: odd, accelerator: null, gpus: 0, nodeShare: 0.5 }, NOON)).toEqual({
      watts: 1,
      costMicrosPerHour: 1,
      carbonGramsPerHour: 1,
    });
  });

  it('take the dearest band where none matches, so that a gap never looks free', () => {
    const gap: TariffBand[] = [
      { months: [], hours: [0], pricePerKWhMicros: 300_000 },
      { months: [], hours: [1], pricePerKWhMicros: 900_000 },
    ];
    const held = {
      cluster: cluster('guian', { tariff: gap, puePermille: 1000 }),
      accelerator: null,
      gpus: 0,
      nodeShare: 2,
    };
    expect(rates(held, NOON).costMicrosPerHour).toBe(2_700_000);
  });
});

describe('totals', () => {
  it('integrate each band for as long as it holds', () => {
    const held = { cluster: cluster('guian', { tariff, puePermille: 1000 }), accelerator: null, gpus: 0, nodeShare: 2 };
    // 3 kW from 22:30 to 01:30: 90 minutes at 0.6 and 90 at 0.3
    const from = NOON + 10.5 * HOUR;
    expect(totals(held, from, from + 3 * HOUR)).toEqual({ wattHours: 9000, costMicros: 4_050_000, carbonGrams: 4500 });
  });

  it('emit by the hours they last', () => {
    const clean = cluster('guian', { hourlyGramsPerKWh, puePermille: 1000 });
    const held = { cluster: clean, accelerator: null, gpus: 0, nodeShare: 2 };
    // 3 kW from 11:30 to 13:45: half an hour at 1100, an hour at 1000, three quarters at 1100
    const { carbonGrams } = totals(held, NOON - HOUR / 2, NOON + 1.75 * HOUR);
    expect(carbonGrams).toBe(3 * (550 + 1000 + 825));
    // A day is its mean.
    const day = totals(held, NOON + 0.25 * HOUR, NOON + 24.25 * HOUR).carbonGrams;
    expect(day).toBe(3 * hourlyGramsPerKWh.reduce((sum, grams) => sum + grams));
  });

  it('are nothing for no time, and quick for ten years', () => {
    const held = { cluster: cluster('guian', { tariff }), accelerator: H100, gpus: 8, nodeShare: 1 };
    expect(totals(held, NOON, NOON)).toEqual({ wattHours: 0, costMicros: 0, carbonGrams: 0 });
    expect(totals(held, NOON, NOON + 87_600 * HOUR).wattHours).toBe(8520 * 87_600);
  });
});
