import type { ComputeQueue } from '../api/index.ts';
import type { Store } from '../kube/store.ts';
import type { Inventory, MemberSource } from '../regions/index.ts';
import type { Marks } from './waiting.ts';

type Members = Pick<MemberSource, 'list'> & { inventory(cluster: string): Inventory | undefined };

/** Counts what could help somebody who waits. */
export class Changes {
  readonly #queues: Store<ComputeQueue>;
  readonly #members: Members;
  #settings = 0;
  /** Whether any queue's workloads may push others out; undefined: to be looked up. */
  #mayPush: boolean | undefined;
  /** By the root of the tree of queues. */
  readonly #quota = new Map<string, number>();

  constructor(
    queues: Store<ComputeQueue>,
    members: MemberSource & { inventory(cluster: string): Inventory | undefined },
  ) {
    this.#queues = queues;
    this.#members = members;
  }

  /** A queue, a region, a namespace or what is kept for whom: it could matter to anyone. */
  settings(): void {
    this.#settings += 1;
    this.#mayPush = undefined;
  }

  /** There is one more in the queue that somebody might push out. */
  holder(queue: string): void {
    this.#mayPush ??= [...this.#queues.list()].some(({ spec: { preemption } }) => pushes(preemption));
    if (this.#mayPush) this.quota(queue);
  }

  /** Quota of the queue's tree was given back. */
  quota(queue: string): void {
    const root = this.#rootOf(queue);
    this.#quota.set(root, (this.#quota.get(root) ?? 0) + 1);
  }

  /** As they are now; room counts as of the last snapshot. */
  marks(): Marks {
    const settings = this.#settings;
    const quota = new Map(this.#quota);
    const room = new Map<string, number>();
    for (const { name } of this.#members.list()) {
      for (const [type, times] of this.#members.inventory(name)?.grown() ?? []) {
        room.set(type, (room.get(type) ?? 0) + times);
      }
    }
    return { settings, quota: (queue) => quota.get(this.#rootOf(queue)) ?? 0, room: (type) => room.get(type) ?? 0 };
  }

  #rootOf(queue: string): string {
    const seen = new Set<string>();
    let at = queue;
    for (;;) {
      seen.add(at);
      const parent = this.#queues.get(at)?.spec.parent;
      if (parent === undefined || seen.has(parent)) return at;
      at = parent;
    }
  }
}

const pushes = ({ withinQueue, reclaim, borrow }: ComputeQueue['spec']['preemption']): boolean =>
  [withinQueue, reclaim, borrow.policy].some((policy) => policy !== 'Never');
