import type { RegionalCluster } from '../api/index.ts';
import type { WriteGuardResult } from '../kube/client.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { RuntimeMetrics } from '../runtime/metrics.ts';
import type { Access } from './access.ts';
import type { Problem } from './reasons.ts';

/** All in milliseconds. */
export interface MemberTiming {
  /** Between looks at a member that answers. */
  readonly probeMs: number;
  /** Between looks at one that does not. */
  readonly retryMs: number;
  /** Deadline of one look. */
  readonly timeoutMs: number;
  /** Between checks of claim, PriorityClass and version. */
  readonly setupMs: number;
  /** A kind out of sight for longer makes the member NotSynced. */
  readonly graceMs: number;
  /** After a start or new credentials, what was last said of the member stands for so long while it connects. */
  readonly settleMs: number;
}
export const MEMBER_TIMING: MemberTiming = {
  probeMs: 10_000,
  retryMs: 2_000,
  timeoutMs: 5_000,
  setupMs: 60_000,
  graceMs: 10_000,
  settleMs: 15_000,
};

export interface MemberConnectionOptions {
  readonly object: RegionalCluster;
  readonly access: Access | Problem;
  /** uid of the hub's kube-system namespace. */
  readonly hubId: string;
  readonly timing?: Partial<MemberTiming>;
  /** Requests a second (default: no limit). */
  readonly qps?: number;
  readonly beforeWrite?: () => WriteGuardResult;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly metrics: RuntimeMetrics;
  /** Its identity was seen: whoever knows all members judges it now, by `setIdentityProblem`. */
  readonly onIdentity: () => void;
  /** What `unusable`, `reachable` or `synced` say may have changed. */
  readonly onChange: () => void;
}
