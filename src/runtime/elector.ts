/** What the shared lock holds, as read. Empty `holder` means released. */
export interface LeaseRecord {
  readonly holder: string;
  /** How long others must wait after the last renewal they saw, in milliseconds. */
  readonly leaseDurationMs: number;
  /** How often the lock changed hands; the epoch of the present holder. */
  readonly transitions: number;
}

export interface ElectorConfig {
  /** How long a lock is respected after its last renewal was seen, in milliseconds. */
  readonly leaseDurationMs: number;
  /** The holder gives up when it could not renew for so long, in milliseconds; below `leaseDurationMs`. */
  readonly renewDeadlineMs: number;
  /** Pause between tries, in milliseconds. */
  readonly retryPeriodMs: number;
}

export type ElectorStep =
  /** There is no lock yet: create it with epoch 0. */
  | { readonly action: 'create'; readonly transitions: number }
  /** It is free or expired: take it, with a new epoch. */
  | { readonly action: 'acquire'; readonly transitions: number }
  /** It is ours: renew it. */
  | { readonly action: 'renew'; readonly transitions: number }
  /** Another holds it: look again in `waitMs`. */
  | { readonly action: 'wait'; readonly waitMs: number };

/**
 * The next move of one candidate; pure. `observedAt` is the local monotonic time (ms) at which this process first
 * saw the record in its present form: expiry is judged by that alone, so clocks of other machines do not matter.
 * `held` says that this very process took the lock in the epoch of the record; without it a record with our own
 * identity belongs to an earlier life and is taken anew, with a new epoch.
 */
export function electorStep(
  record: LeaseRecord | undefined,
  observedAt: number,
  now: number,
  identity: string,
  config: ElectorConfig,
  held = false,
): ElectorStep {
  if (!record) return { action: 'create', transitions: 0 };
  if (record.holder === identity) {
    return held
      ? { action: 'renew', transitions: record.transitions }
      : { action: 'acquire', transitions: record.transitions + 1 };
  }
  const expiresAt = observedAt + Math.max(record.leaseDurationMs, config.leaseDurationMs);
  if (record.holder === '' || now > expiresAt) return { action: 'acquire', transitions: record.transitions + 1 };
  return { action: 'wait', waitMs: Math.min(config.retryPeriodMs, expiresAt - now + 1) };
}

/** Refuses settings under which two leaders could overlap; the message says which. */
export function checkElectorConfig(config: ElectorConfig): void {
  if (config.leaseDurationMs <= config.renewDeadlineMs) {
    throw new Error(
      `lease duration (${config.leaseDurationMs} ms) must be longer than the renew deadline (${config.renewDeadlineMs} ms)`,
    );
  }
  if (config.renewDeadlineMs <= config.retryPeriodMs * 1.2) {
    throw new Error(
      `renew deadline (${config.renewDeadlineMs} ms) must be longer than 1.2 retry periods (${config.retryPeriodMs} ms)`,
    );
  }
  if (config.retryPeriodMs <= 0) throw new Error('retry period must be longer than 0 ms');
}
