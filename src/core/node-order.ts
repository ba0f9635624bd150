/** Rows of a table in the order of their names, numbers within names by value (gpu-2 before gpu-10). */
export interface NameOrder {
  /** Row at each position. */
  readonly rows: Int32Array;
  /** Position of each row. */
  readonly positions: Int32Array;
}

/** Sorting ten thousand names takes longer than a whole cycle, and names rarely change. */
const known = new WeakMap<readonly string[], NameOrder>();

export function nameOrder(names: readonly string[], count: number): NameOrder {
  const kept = known.get(names);
  if (kept !== undefined && kept.rows.length === count) return kept;
  const keys = names.slice(0, count).map(naturalKey);
  const rows = Int32Array.from(keys.keys()).sort(
    (a, b) => order(keys[a] ?? '', keys[b] ?? '') || order(names[a] ?? '', names[b] ?? ''),
  );
  const positions = new Int32Array(count);
  rows.forEach((row, position) => {
    positions[row] = position;
  });
  const made = { rows, positions };
  known.set(names, made);
  return made;
}

/** Orders as the text does, but numbers within it by value. */
export const naturalKey = (name: string): string => name.replace(/\d+/g, (digits) => digits.padStart(20, '0'));
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A set of positions that is walked in ascending order. */
export class PositionSet {
  readonly words: Int32Array;
  size = 0;

  constructor(positions: number) {
    this.words = new Int32Array((positions + 31) >>> 5);
  }

  /** The position must not be in the set. */
  add(position: number): void {
    this.words[position >>> 5] = (this.words[position >>> 5] ?? 0) | (1 << (position & 31));
    this.size += 1;
  }

  /** The position must be in the set. */
  delete(position: number): void {
    this.words[position >>> 5] = (this.words[position >>> 5] ?? 0) & ~(1 << (position & 31));
    this.size -= 1;
  }

  /** Calls `visit` for each position in ascending order until it returns true; true: it was stopped so. */
  some(visit: (position: number) => boolean): boolean {
    if (this.size === 0) return false;
    const { words } = this;
    for (let index = 0; index < words.length; index += 1) {
      let word = words[index] ?? 0;
      while (word !== 0) {
        const bit = word & -word;
        word ^= bit;
        if (visit((index << 5) + 31 - Math.clz32(bit))) return true;
      }
    }
    return false;
  }
}
