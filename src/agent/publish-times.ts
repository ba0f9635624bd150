import type { NodeNow } from './energy-map.ts';

/** News is not told more often: a board may waver. */
const NEWS_MS = 15_000;

/** When to write the ConfigMap: once in a while, and soon where it changes how boards are or whether there are samples. */
export class PublishTimes {
  readonly #everyMs: number;
  #lastMs: number;
  /** What was told last; at first nothing. */
  #told = '';

  /** @param nowMs monotonic, as all times here */
  constructor(everyMs: number, nowMs: number) {
    this.#everyMs = everyMs;
    this.#lastMs = nowMs;
  }

  isDue(nowMs: number, now: NodeNow): boolean {
    const sinceMs = nowMs - this.#lastMs;
    return sinceMs >= this.#everyMs || (sinceMs >= NEWS_MS && newsOf(now) !== this.#told);
  }

  /** It is being written. */
  writes(nowMs: number, now: NodeNow): void {
    this.#lastMs = nowMs;
    this.#told = newsOf(now);
  }
}

const newsOf = ({ trouble, boards }: NodeNow): string =>
  JSON.stringify([trouble !== '', ...boards.map(({ uuid, health }) => [uuid, health])]);
