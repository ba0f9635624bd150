/** Time of status fields: whole seconds, RFC 3339. */
export const iso = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** Whole seconds from one time to another; 0 where the first is unknown or later. */
export function secondsBetween(from: string | undefined, to: string): number {
  if (from === undefined) return 0;
  return Math.max(0, Math.round((Date.parse(to) - Date.parse(from)) / 1000));
}
