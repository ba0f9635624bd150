/** One index: value to the keys of the objects that have it. */
export class StoreIndex<T> {
  readonly #fn: (obj: T) => readonly string[];
  readonly #keys = new Map<string, Set<string>>();
  /** The values each key was filed under, so that removal does not depend on `fn` giving the same again. */
  readonly #values = new Map<string, readonly string[]>();

  constructor(fn: (obj: T) => readonly string[]) {
    this.#fn = fn;
  }

  keys(value: string): ReadonlySet<string> | undefined {
    return this.#keys.get(value);
  }

  set(key: string, obj: T): void {
    const values = this.#fn(obj);
    const old = this.#values.get(key);
    if (old && sameValues(old, values)) return;
    this.delete(key);
    if (values.length === 0) return;
    this.#values.set(key, [...values]);
    for (const value of values) {
      const keys = this.#keys.get(value);
      if (keys) keys.add(key);
      else this.#keys.set(value, new Set([key]));
    }
  }

  delete(key: string): void {
    for (const value of this.#values.get(key) ?? []) {
      const keys = this.#keys.get(value);
      keys?.delete(key);
      if (keys?.size === 0) this.#keys.delete(value);
    }
    this.#values.delete(key);
  }
}

function sameValues(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, at) => value === b[at]);
}
