import type { ServerVersion } from './client-types.ts';

/** The oldest minor version of Kubernetes 1 that the operator works with, on the hub and in members. */
export const OLDEST_MINOR = 31;

/**
 * True where the server says that it is older than 1.31. Vendors write minors like `30+`; what cannot be read is not
 * refused.
 */
export function isTooOld({ major, minor }: Pick<ServerVersion, 'major' | 'minor'>): boolean {
  const [first, second] = [major, minor].map((part) => Number.parseInt(part, 10));
  if (first === undefined || second === undefined || Number.isNaN(first) || Number.isNaN(second)) return false;
  return first < 1 || (first === 1 && second < OLDEST_MINOR);
}
