/** How soon to look again at a member that does not answer, and at objects being removed, in ms. */
export const UNREACHABLE_RETRY_MS = 5_000;
export const REMOVAL_RETRY_MS = 1_000;

/** How runs in members are judged. */
export interface RunSettings {
  /** A pod free to be scheduled but not bound for so long ends the run as BindConflict. */
  readonly bindTimeoutMs: number;
  /** A node not ready for so long is lost. */
  readonly nodeLostMs: number;
  /** A node that refused a pod is avoided for so long. */
  readonly avoidMs: number;
  /** How far the clocks of hub and members may drift apart while a region does not answer. */
  readonly skewBoundMs: number;
  /** Decide only: admissions are written, member objects are not made. */
  readonly rehearse: boolean;
}
