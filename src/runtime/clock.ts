/**
 * Time as a dependency. `now()` is wall time for what people read; every duration, deadline and expiry is
 * measured with `monotonic()`, because wall time may jump.
 */
export interface Clock {
  /** Wall time in milliseconds since the epoch. */
  now(): number;
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonic(): number;
  /**
   * Resolves after `ms` milliseconds, or at once when the signal aborts. Never rejects: look at
   * `signal.aborted` afterwards.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `fn` once after `ms` milliseconds; the returned function cancels it. */
  setTimer(fn: () => void, ms: number): () => void;
}

/** Node's timers fire at once for a delay above this, so longer ones are cut here (24.8 days). */
const MAX_TIMER_MS = 2_147_483_647;

function sleepOn(clock: Pick<Clock, 'setTimer'>, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = clock.setTimer(finish, ms);
    signal?.addEventListener('abort', finish, { once: true });
  });
}

/** The machine's clock. Its timers keep the process alive: whoever sets one also stops it. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => sleepOn(systemClock, ms, signal),
  setTimer: (fn, ms) => {
    const timer = setTimeout(fn, Math.min(Math.max(ms, 0), MAX_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

interface FakeTimer {
  readonly at: number;
  readonly seq: number;
  readonly fn: () => void;
}

/** A clock for tests: time stands still until `advance` moves it. */
export class FakeClock implements Clock {
  #wall: number;
  #monotonic = 0;
  #seq = 0;
  readonly #timers = new Set<FakeTimer>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#wall = startMs;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal);
  }

  setTimer(fn: () => void, ms: number): () => void {
    const timer: FakeTimer = { at: this.#monotonic + Math.max(ms, 0), seq: this.#seq++, fn };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** How many timers wait; a leak shows here. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Moves wall time alone, as an NTP step does. */
  jumpWall(ms: number): void {
    this.#wall += ms;
  }

  /** Moves time by `ms`, firing due timers in order and letting promises settle between them. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settle();
    for (let timer = this.#nextDue(end); timer; timer = this.#nextDue(end)) {
      this.#moveTo(timer.at);
      this.#timers.delete(timer);
      timer.fn();
      await settle();
    }
    this.#moveTo(end);
    await settle();
  }

  /** Moves time by `ms`, firing due timers in order, without yielding to promises. */
  tick(ms: number): void {
    const end = this.#monotonic + ms;
    for (let timer = this.#nextDue(end); timer; timer = this.#nextDue(end)) {
      this.#moveTo(timer.at);
      this.#timers.delete(timer);
      timer.fn();
    }
    this.#moveTo(end);
  }

  #moveTo(at: number): void {
    const step = Math.max(0, at - this.#monotonic);
    this.#monotonic += step;
    this.#wall += step;
  }

  #nextDue(end: number): FakeTimer | undefined {
    let best: FakeTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.at > end) continue;
      if (!best || timer.at < best.at || (timer.at === best.at && timer.seq < best.seq)) best = timer;
    }
    return best;
  }
}

/** Lets queued promise reactions run; a macrotask drains every microtask chain, however long. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
