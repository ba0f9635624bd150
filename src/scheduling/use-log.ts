import { grouped, type Segment, type Share, type UseSource } from '../core/use.ts';
import type { Holder } from './types.ts';

/**
 * Who held what since the sums in status were closed. What is held now follows from the holders; what was given back is
 * remembered here until it is in the sums. A process that does not lead remembers it, too, and takes over without a gap.
 */
export class UseLog {
  readonly #source: UseSource;
  #closed: Segment[] = [];
  #shares = new Map<string, Share>();

  constructor(source: UseSource) {
    this.#source = source;
  }

  /** It held its nodes until then. */
  released(holder: Holder, toMs: number): void {
    const { queue, admittedAtMs } = holder;
    this.#closed.push({ queue, share: this.share(holder), fromMs: admittedAtMs, toMs });
  }

  /** All sums are closed up to then. */
  forgetBefore(ms: number): void {
    if (this.#closed.some(({ toMs }) => toMs <= ms)) this.#closed = this.#closed.filter(({ toMs }) => toMs > ms);
  }

  /** What was held since then, by queue. */
  since(ms: number, holders: Iterable<Holder>): Map<string, Segment[]> {
    const open: Segment[] = [];
    const shares = new Map<string, Share>();
    for (const holder of holders) {
      const share = this.share(holder);
      // Nodes that are not listed yet have no known number of boards.
      if (share.nodeShare > 0) shares.set(holder.run, share);
      open.push({ queue: holder.queue, share, fromMs: holder.admittedAtMs, toMs: Number.POSITIVE_INFINITY });
    }
    this.#shares = shares;
    return Map.groupBy(grouped([...open, ...this.#closed], ms), ({ queue }) => queue);
  }

  /** Nodes that are not listed yet have no known number of boards: then as it was last known. */
  share(holder: Holder): Share {
    return this.#shares.get(holder.run) ?? this.#source.share(holder);
  }
}
