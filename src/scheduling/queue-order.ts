/** The first so many of a stream by an order, without keeping or sorting the rest. */
export class FirstInOrder<T> {
  readonly #limit: number;
  readonly #compare: (a: T, b: T) => number;
  readonly #items: T[] = [];

  constructor(limit: number, compare: (a: T, b: T) => number) {
    this.#limit = limit;
    this.#compare = compare;
  }

  add(item: T): void {
    const items = this.#items;
    const last = items.at(-1);
    if (items.length >= this.#limit && (last === undefined || this.#compare(item, last) >= 0)) return;
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(items[middle] as T, item) <= 0) low = middle + 1;
      else high = middle;
    }
    items.splice(low, 0, item);
    if (items.length > this.#limit) items.pop();
  }

  list(): readonly T[] {
    return this.#items;
  }
}
