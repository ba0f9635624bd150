/** Mean power of boards at work, since a pod took them. */
export class DrawMeter {
  readonly #boards = new Map<string, { readonly pod: string; atMs: number; busyMs: number; joules: number }>();
  readonly #enoughMs: number;

  /** @param enoughMs how long a board must have been at work for its mean to count */
  constructor(enoughMs: number) {
    this.#enoughMs = enoughMs;
  }

  /** @param maxGapMs of a longer time without a sample nothing is known */
  read(uuid: string, pod: string, sample: { atMs: number; watts: number; isBusy: boolean; maxGapMs: number }): void {
    const { atMs, watts, isBusy, maxGapMs } = sample;
    const known = this.#boards.get(uuid);
    const board = known?.pod === pod ? known : { pod, atMs, busyMs: 0, joules: 0 };
    const ms = atMs - board.atMs;
    board.atMs = atMs;
    if (isBusy && ms <= maxGapMs) {
      board.busyMs += ms;
      board.joules += (watts * ms) / 1000;
    }
    this.#boards.set(uuid, board);
  }

  /** The highest of the boards' means, in watts; undefined: not all of them were at work for long enough. */
  highestMean(uuids: readonly string[]): number | undefined {
    const boards = uuids.map((uuid) => this.#boards.get(uuid));
    let highest: number | undefined;
    for (const board of boards) {
      if (board === undefined || board.busyMs < this.#enoughMs || board.busyMs === 0) return undefined;
      highest = Math.max(highest ?? 0, (board.joules / board.busyMs) * 1000);
    }
    return highest;
  }

  forget(uuid: string): void {
    this.#boards.delete(uuid);
  }
}
