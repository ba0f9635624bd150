import type { RegionalClusterSpec, TariffBand } from '../api/index.ts';
import { MEMBER_REASON, type Problem } from './reasons.ts';

/** What the schema cannot say: a known time zone, and a price at every hour of the year. */
export function checkSpec(spec: RegionalClusterSpec): Problem | undefined {
  const { timezone, tariff } = spec.electricity;
  if (!isTimeZone(timezone)) {
    return invalid(
      `Field electricity.timezone "${timezone}" is not a known time zone; use an IANA name such as Asia/Shanghai.`,
    );
  }
  const gap = firstGap(tariff);
  if (gap === undefined) return undefined;
  const hour = String(gap.hour).padStart(2, '0');
  return invalid(
    `Field electricity.tariff has no price for ${hour}:00 to ${hour}:59 in month ${gap.month}; ` +
      'add a band for it, or a last band without months and hours that holds for the rest.',
  );
}

const invalid = (sentence: string): Problem => ({ reason: MEMBER_REASON.InvalidSpec, message: sentence });

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const holds = (list: readonly number[], value: number): boolean => list.length === 0 || list.includes(value);

function firstGap(tariff: readonly TariffBand[]): { month: number; hour: number } | undefined {
  for (let month = 1; month <= 12; month += 1) {
    for (let hour = 0; hour < 24; hour += 1) {
      if (!tariff.some((band) => holds(band.months, month) && holds(band.hours, hour))) return { month, hour };
    }
  }
  return undefined;
}
