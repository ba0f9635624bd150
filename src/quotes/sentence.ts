import type { Filtered, Offer } from '../api/index.ts';

const MAX_NAMED = 6;

/**
 * `can be met now in 2 of 3 regions; best guian: 512 H100 on 64 nodes, 41,200.00 CNY, ... for 24 h`.
 * @param atOnce how many of the offers, the first ones, are good now
 */
export function metSentence(
  offers: readonly Offer[],
  regions: number,
  runtimeSeconds: number,
  atOnce: number = offers.length,
): string {
  const [best] = offers;
  const places = (some: readonly Offer[]): number => new Set(some.map((offer) => offer.region)).size;
  const of = `of ${count(regions, 'region')}`;
  const reach =
    atOnce > 0
      ? `can be met now in ${places(offers.slice(0, atOnce))} ${of}`
      : `cannot be met now; expected from ${best?.startTime} on, in ${places(offers)} ${of}`;
  if (best === undefined) return reach;
  const name = best.cluster === best.region ? best.region : `${best.region} (cluster ${best.cluster})`;
  const nodes = count(best.nodes, 'node');
  const what = best.accelerator === '' ? nodes : `${number(best.gpus, 0)} ${best.accelerator} on ${nodes}`;
  const figures = [
    `${number(best.costMicros / 1_000_000, 2)} ${best.currency}`,
    `${measured(best.wattHours / 1000)} kWh`,
    `${measured(best.carbonGrams / 1000)} kg CO2`,
  ];
  return `${reach}; best ${name}: ${what}, ${figures.join(', ')} for ${duration(runtimeSeconds)}`;
}

/**
 * @param sentence why it would wait now; undefined: it fits, and only the limits forbid it
 * @param shortfalls where it would not do
 */
export function unmetSentence(sentence: string | undefined, shortfalls: readonly Filtered[]): string {
  if (sentence !== undefined) return `cannot be met now: ${sentence}`;
  const beyond = shortfalls.filter((entry) => entry.reason === 'BeyondLimits');
  const named = beyond.slice(0, MAX_NAMED).map(({ cluster, message }) => `${cluster}: ${message}`);
  const more = beyond.length > MAX_NAMED ? `; and ${beyond.length - MAX_NAMED} more` : '';
  return `cannot be met within spec.limits: ${named.join('; ')}${more}.`;
}

const count = (amount: number, noun: string): string => `${number(amount, 0)} ${noun}${amount === 1 ? '' : 's'}`;

const FORMATS = [0, 1, 2, 3].map(
  (digits) => new Intl.NumberFormat('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits }),
);

const number = (value: number, digits: number): string => FORMATS[digits]?.format(value) ?? String(value);

/** About four digits, whole numbers in full. */
const measured = (value: number): string => number(value, value >= 1000 ? 0 : value >= 100 ? 1 : value >= 10 ? 2 : 3);

/** Whole hours, minutes or seconds, whatever says it exactly. */
function duration(seconds: number): string {
  if (seconds % 3600 === 0) return `${number(seconds / 3600, 0)} h`;
  if (seconds % 60 === 0) return `${number(seconds / 60, 0)} min`;
  return `${number(seconds, 0)} s`;
}
