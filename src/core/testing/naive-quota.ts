/**
 * Quota by its definition, slow and plain: every number is summed up anew from all that is held. An oracle for tests of
 * what decides with the incremental one.
 */
import type { QueueCharge, QueueView, QuotaRowView, QuotaUse } from '../model.ts';

type Key = Pick<QueueCharge, 'accelerator' | 'region'>;

export class NaiveQuota {
  readonly #queues: ReadonlyMap<string, QueueView>;
  readonly #uses: readonly QuotaUse[];

  constructor(queues: readonly QueueView[], uses: readonly QuotaUse[]) {
    this.#queues = new Map(queues.map((queue) => [queue.name, queue]));
    this.#uses = uses;
  }

  /** Itself first, its root last. */
  path(queue: string): string[] {
    const parent = this.#queues.get(queue)?.parent;
    return [queue, ...(parent === undefined ? [] : this.path(parent))];
  }

  /** What a request for boards of a type in a region is charged to: every row key on the path that matches. */
  keys(queue: string, accelerator: string, region: string): Key[] {
    const rows = this.path(queue).flatMap((name) => this.#queues.get(name)?.quota ?? []);
    const matching = rows.filter(
      (row) => ['*', accelerator].includes(row.accelerator) && ['*', region].includes(row.region),
    );
    return [...new Map(matching.map((row) => [`${row.accelerator} ${row.region}`, row])).values()];
  }

  /** Of its own and what those below lend it. */
  brings(queue: string, key: Key): number {
    return this.nominal(queue, key) + this.#sum(queue, (child) => this.brings(child, key) - this.keeps(child, key));
  }

  /** Part of what it brings in that nobody else may use. */
  keeps(queue: string, key: Key): number {
    const lends = this.#row(queue, key)?.lendingLimit ?? Number.POSITIVE_INFINITY;
    return Math.max(0, this.brings(queue, key) - lends);
  }

  /** Its own use, and what those below use beyond what they keep. */
  uses(queue: string, key: Key): number {
    const own = this.#uses
      .filter((use) => use.queue === queue)
      .flatMap(({ charges }) => charges)
      .filter(({ accelerator, region }) => accelerator === key.accelerator && region === key.region)
      .reduce((sum, { milliGpus }) => sum + milliGpus, 0);
    return own + this.#sum(queue, (child) => Math.max(0, this.uses(child, key) - this.keeps(child, key)));
  }

  /** What it may use: what it brings in, and as much more as it may borrow; a root borrows from nobody. */
  bound(queue: string, key: Key): number {
    if (this.#queues.get(queue)?.parent === undefined) return this.brings(queue, key);
    return this.brings(queue, key) + (this.#row(queue, key)?.borrowingLimit ?? Number.POSITIVE_INFINITY);
  }

  nominal(queue: string, key: Key): number {
    return this.#row(queue, key)?.nominal ?? 0;
  }

  with(use: QuotaUse): NaiveQuota {
    return new NaiveQuota([...this.#queues.values()], [...this.#uses, use]);
  }

  /** Whether one more use takes no queue on its path beyond its bound that it makes use more. */
  admits(use: QuotaUse): boolean {
    const after = this.with(use);
    return use.charges.every((key) =>
      this.path(use.queue).every((name) => {
        const now = after.uses(name, key);
        return now === this.uses(name, key) || now <= this.bound(name, key);
      }),
    );
  }

  #row(queue: string, key: Key): QuotaRowView | undefined {
    return this.#queues
      .get(queue)
      ?.quota.find(({ accelerator, region }) => accelerator === key.accelerator && region === key.region);
  }

  #sum(queue: string, of: (child: string) => number): number {
    return [...this.#queues.values()].reduce((sum, { name, parent }) => sum + (parent === queue ? of(name) : 0), 0);
  }
}
