import { checkpointOf, LABEL } from '../api/index.ts';
import type { MemberPod } from '../regions/index.ts';

/**
 * When the attempt's program last said that a checkpoint was complete, in ms by the member's clock; the newest of all
 * pods. undefined: it never did.
 */
export function lastCheckpointMs(pods: readonly MemberPod[], attempt: number): number | undefined {
  let newest: number | undefined;
  for (const { metadata } of pods) {
    if (metadata.labels[LABEL.attempt] !== String(attempt)) continue;
    const at = checkpointOf(metadata.annotations)?.atMs;
    if (at !== undefined) newest = Math.max(newest ?? at, at);
  }
  return newest;
}
