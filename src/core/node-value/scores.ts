/** Scores of states for one class of pods: each is reckoned once, and the best ones come first. */
export class Scores {
  #score = new Float64Array(256).fill(Number.NaN);
  #gpu = new Int16Array(256);
  /** 1: the state is in the heap of its model. */
  #held = new Uint8Array(256);
  readonly #heaps: number[][];
  /** By model: how many of the states that appeared were looked at. */
  readonly seen: Int32Array;

  constructor(models: number) {
    this.#heaps = Array.from({ length: models }, () => []);
    this.seen = new Int32Array(models);
  }

  /** Makes room for so many states. */
  reserve(states: number): void {
    if (states <= this.#score.length) return;
    const [score, gpu, held] = [this.#score, this.#gpu, this.#held];
    this.#score = new Float64Array(2 * states).fill(Number.NaN);
    this.#gpu = new Int16Array(2 * states);
    this.#held = new Uint8Array(2 * states);
    this.#score.set(score);
    this.#gpu.set(gpu);
    this.#held.set(held);
  }

  isKnown(state: number): boolean {
    return !Number.isNaN(this.#score[state] ?? Number.NaN);
  }

  /** @param score -infinity: the class does not fit */
  set(state: number, score: number, gpu: number): void {
    this.#score[state] = score;
    this.#gpu[state] = gpu;
  }

  of(state: number): number {
    return this.#score[state] ?? Number.NEGATIVE_INFINITY;
  }

  gpuOf(state: number): number {
    return this.#gpu[state] ?? -1;
  }

  /** The state with the highest score that was put in; undefined: there is none. */
  best(model: number): number | undefined {
    return this.#heaps[model]?.[0];
  }

  /** Does nothing for a state that is in already, or that the class does not fit. */
  put(model: number, state: number): void {
    if (this.#held[state] === 1 || this.of(state) === Number.NEGATIVE_INFINITY) return;
    this.#held[state] = 1;
    const heap = this.#heaps[model] ?? [];
    let at = heap.length;
    heap.push(state);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] ?? 0;
      if (this.of(parent) >= this.of(state)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = state;
  }

  /** Takes the best one out. */
  drop(model: number): void {
    const heap = this.#heaps[model] ?? [];
    const last = heap.pop();
    if (last === undefined) return;
    this.#held[heap[0] ?? last] = 0;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && this.of(heap[below + 1] ?? 0) > this.of(heap[below] ?? 0)) below += 1;
      const child = heap[below] ?? 0;
      if (this.of(child) <= this.of(last)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}
