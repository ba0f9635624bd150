/** Numbers as people read them. */

/** `45s`, `12m`, `3h20m`, `5d4h`: two units at most. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 || days >= 10 ? `${days}d` : `${days}d${hours % 24}h`;
}

/** How long ago, or a dash where that is not known. */
export const ago = (time: string | undefined, nowMs: number): string =>
  time === undefined ? '-' : duration(nowMs - Date.parse(time));

export const kWh = (joules: number): string => (joules / 3_600_000).toFixed(3);
export const kilograms = (grams: number): string => `${(grams / 1000).toFixed(3)} kg`;
export const money = (micros: number, currency: string): string => `${(micros / 1_000_000).toFixed(2)} ${currency}`;
export const gpuHours = (gpuSeconds: number): string => (gpuSeconds / 3600).toFixed(2);
export const kilowatts = (watts: number): string => `${(watts / 1000).toFixed(2)} kW`;

/** Marks what was not measured. */
export const marked = (text: string, isEstimate: boolean): string => (isEstimate ? `~${text}` : text);

export const ESTIMATE_NOTE =
  '~ estimate: configured board power and node overhead, times PUE, times time held; not measured.';
