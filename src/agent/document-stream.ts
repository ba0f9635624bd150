const END = Buffer.from('</nvidia_smi_log>');
const LEFTOVER_CHARS = 200;

/**
 * Cuts what `nvidia-smi -q -x -l` prints into documents, wherever the chunks end. At most `maxBytes` of a document are
 * kept: one that is longer is dropped up to its end, so that garbage cannot fill the memory.
 */
export class DocumentStream {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #bytes = 0;
  /** The last bytes of the unfinished document, fewer than an end tag has: a tag may be cut across chunks. */
  #tail: Buffer = Buffer.alloc(0);

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @returns the documents that end in this chunk; null in the place of one that was too long */
  push(chunk: Uint8Array): (Buffer | null)[] {
    const documents: (Buffer | null)[] = [];
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (;;) {
      const seam = Buffer.concat([this.#tail, rest]);
      const at = seam.indexOf(END);
      if (at < 0) {
        this.#keep(rest);
        this.#tail = seam.subarray(Math.max(0, seam.length - END.length + 1));
        return documents;
      }
      const end = at + END.length - this.#tail.length;
      this.#keep(rest.subarray(0, end));
      documents.push(this.#take());
      rest = rest.subarray(end);
    }
  }

  /** How what is unfinished begins; empty when nothing but white space is. */
  get leftover(): string {
    return Buffer.concat(this.#parts).subarray(0, LEFTOVER_CHARS).toString('utf8').trim();
  }

  #keep(bytes: Buffer): void {
    this.#bytes += bytes.length;
    if (this.#bytes > this.#maxBytes) this.#parts = [];
    else if (bytes.length > 0) this.#parts.push(bytes);
  }

  #take(): Buffer | null {
    const document = this.#bytes > this.#maxBytes ? null : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    this.#tail = Buffer.alloc(0);
    return document;
  }
}
