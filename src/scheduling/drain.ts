import { drain } from '../core/drain.ts';
import type { Snapshot, Victim } from '../core/model.ts';
import type { QuotaExcess } from '../core/quota.ts';
import { Room } from '../core/room.ts';

const keyOf = ({ queue, accelerator, region }: QuotaExcess): string => `${queue} ${accelerator} ${region}`;

/**
 * Takes back what queues use beyond a quota that was lowered, after the delay that each of them grants. How long it is
 * so is remembered by this process only: after a restart the delay begins anew, which errs on the side of waiting.
 */
export class QuotaDrain {
  /** Since when each excess is seen, in ms. */
  readonly #since = new Map<string, number>();
  readonly #stopped = new Map<string, string>();

  /** Why this workload is stopped, in a sentence; undefined: it is not. */
  reason(key: string): string | undefined {
    return this.#stopped.get(key);
  }

  /** It holds nothing any more. */
  left(key: string): void {
    this.#stopped.delete(key);
  }

  /** Looks at the present state. @returns those to stop now, and how long until the next delay is over */
  look(snapshot: Snapshot, nowMs: number): { stop: Victim[]; waitMs: number | undefined } {
    const room = new Room(snapshot, nowMs);
    const excesses = room.quota.excess();
    const seen = new Set(excesses.map(keyOf));
    for (const key of this.#since.keys()) if (!seen.has(key)) this.#since.delete(key);
    for (const key of this.#stopped.keys()) room.victims.add(key);
    const stop: Victim[] = [];
    let waitMs: number | undefined;
    for (const excess of excesses) {
      const delay = room.queue(excess.queue)?.quotaDrainMs;
      const since = this.#since.get(keyOf(excess)) ?? nowMs;
      this.#since.set(keyOf(excess), since);
      if (delay === undefined) continue;
      if (nowMs - since < delay) {
        waitMs = Math.min(waitMs ?? delay, since + delay - nowMs);
        continue;
      }
      for (const victim of drain(excess, room)) {
        room.victims.add(victim.key);
        this.#stopped.set(victim.key, sentence(excess));
        stop.push(victim);
      }
    }
    return { stop, waitMs };
  }
}

const sentence = ({ queue, accelerator, region, milliGpus }: QuotaExcess): string => {
  const what = accelerator === '*' ? 'accelerators' : accelerator;
  return `queue ${queue} uses ${milliGpus / 1000} ${what}${region === '*' ? '' : ` in ${region}`} beyond its quota, which was lowered`;
};
