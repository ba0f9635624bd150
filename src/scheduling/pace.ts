import type { Clock } from '../runtime/clock.ts';

/** Waits for more events this long before a cycle, but never longer than MAX_WINDOW_MS after the first. */
const IDLE_WINDOW_MS = 10;
const MAX_WINDOW_MS = 100;
/** Looks whether something is due at least so often. */
const LOOK_MS = 1000;

/** When the next cycle begins: soon after something changed, once for what changes together. */
export class Pace {
  readonly #clock: Clock;
  #dirty = true;
  #changes = 0;
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something changed, and more of it may follow at once. */
  touch(): void {
    this.#changes += 1;
    this.soon();
  }

  /** A look is due, whatever follows. */
  soon(): void {
    this.#dirty = true;
    this.#wake?.();
  }

  get isDue(): boolean {
    return this.#dirty;
  }

  /** A cycle begins: what changes from now on makes the next one due. */
  begin(): void {
    this.#dirty = false;
  }

  /** Resolves when `isDue` is true and changes have come to a rest, or the signal aborts. */
  async wait(isDue: () => boolean, signal: AbortSignal): Promise<void> {
    const clock = this.#clock;
    while (!signal.aborted && !isDue()) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.#wake = undefined;
          signal.removeEventListener('abort', done);
          cancel();
          resolve();
        };
        const cancel = clock.setTimer(done, LOOK_MS);
        this.#wake = done;
        signal.addEventListener('abort', done, { once: true });
      });
    }
    const first = clock.monotonic();
    let before = -1;
    while (!signal.aborted && before !== this.#changes && clock.monotonic() - first < MAX_WINDOW_MS) {
      before = this.#changes;
      await clock.sleep(IDLE_WINDOW_MS, signal).catch(() => {});
    }
  }
}
