/** A time as statuses keep it: RFC 3339 in UTC, cut to whole seconds. @param ms since the epoch */
export const iso = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
