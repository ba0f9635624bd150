/**
 * Wall-clock month and hour in an IANA time zone, from Node's own zone data.
 * Asking Intl is slow, so the offset is asked for twice a UTC day and kept; zones change on quarter hours only.
 */
const DAY_MS = 86_400_000;
export const QUARTER_HOUR_MS = 900_000;
const MAX_DAYS = 8192;

interface Zone {
  readonly format: Intl.DateTimeFormat;
  /** Offset in ms of a UTC day; NaN: it changes within the day. */
  readonly days: Map<number, number>;
}

const zones = new Map<string, Zone | null>();

/** null: no such time zone. */
function zoneOf(timezone: string): Zone | null {
  const known = zones.get(timezone);
  if (known !== undefined) return known;
  let zone: Zone | null = null;
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    zone = { format, days: new Map() };
  } catch {
    // an unknown zone is the caller's to report
  }
  zones.set(timezone, zone);
  return zone;
}

function askedOffset(zone: Zone, ms: number): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of zone.format.formatToParts(ms)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000;
}

function offset(zone: Zone, ms: number): number {
  const day = Math.floor(ms / DAY_MS);
  let kept = zone.days.get(day);
  if (kept === undefined) {
    const start = askedOffset(zone, day * DAY_MS);
    kept = start === askedOffset(zone, (day + 1) * DAY_MS) ? start : Number.NaN;
    if (zone.days.size >= MAX_DAYS) zone.days.clear();
    zone.days.set(day, kept);
  }
  return Number.isNaN(kept) ? askedOffset(zone, ms) : kept;
}

/** What clocks in the zone show then, less UTC, in ms; null: no such time zone. */
export function offsetAt(timezone: string, ms: number): number | null {
  const zone = zoneOf(timezone);
  return zone === null || !Number.isFinite(ms) ? null : offset(zone, ms);
}

/** Month 1 to 12 and hour 0 to 23 as clocks in the zone show; null: no such time zone. */
export function localTime(timezone: string, ms: number): { month: number; hour: number } | null {
  const zone = zoneOf(timezone);
  if (zone === null || !Number.isFinite(ms)) return null;
  const local = new Date(ms + offset(zone, ms));
  return { month: local.getUTCMonth() + 1, hour: local.getUTCHours() };
}
