/** Numbers as people read them. */
import { duration } from '../core/duration.ts';

export { duration };

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
