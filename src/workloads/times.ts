export { iso } from '../core/iso.ts';

/** Whole seconds from one time to another; 0 where the first is unknown or later. */
export function secondsBetween(from: string | undefined, to: string): number {
  if (from === undefined) return 0;
  return Math.max(0, Math.round((Date.parse(to) - Date.parse(from)) / 1000));
}
