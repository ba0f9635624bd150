const NEWLINE = 0x0a;

/**
 * Cuts a byte stream into lines. Bytes are decoded only once a line is whole, so that a chunk may end anywhere, also
 * inside a UTF-8 sequence. Empty lines are skipped.
 */
export class LineSplitter {
  #rest: Buffer[] = [];
  #restBytes = 0;
  readonly #maxLineBytes: number;

  /** A line longer than `maxLineBytes` is refused (default 64 MiB): no object is that large. */
  constructor(maxLineBytes = 64 * 1024 * 1024) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** Bytes of a line that has not ended yet. */
  get pendingBytes(): number {
    return this.#restBytes;
  }

  /** The lines this chunk completes. Throws when a line is too long. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE, start); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = this.#take(chunk.subarray(start, end));
      if (line.length > 0) lines.push(line);
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
    return lines;
  }

  #take(tail: Buffer): string {
    if (this.#restBytes === 0) return tail.toString('utf8');
    const line = Buffer.concat([...this.#rest, tail]).toString('utf8');
    this.#rest = [];
    this.#restBytes = 0;
    return line;
  }

  #keep(part: Buffer): void {
    this.#restBytes += part.length;
    if (this.#restBytes > this.#maxLineBytes) {
      throw new Error(`watch event is longer than ${this.#maxLineBytes} bytes`);
    }
    this.#rest.push(part);
  }
}
