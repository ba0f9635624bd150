/** Gives equal values one small id. */
export class Interner<T> {
  values: T[] = [];
  readonly #ids = new Map<string, number>();

  /** Starts over; the list handed out before stays as it was. */
  clear(): void {
    this.values = [];
    this.#ids.clear();
  }

  id(value: T): number {
    const key = JSON.stringify(value);
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.values.length;
      this.values.push(value);
      this.#ids.set(key, id);
    }
    return id;
  }
}
