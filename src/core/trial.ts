import type { Running, Workload } from './model.ts';
import { fitOf, type Option } from './options.ts';
import type { GangFit } from './placement.ts';
import type { Room } from './room.ts';

/** When it is expected to end, in ms: what should have ended already may at any moment. Infinite: nobody can tell. */
export const expectedEnd = ({ ending, endsAt = Number.POSITIVE_INFINITY }: Running, now: number): number =>
  ending ? now : Math.max(now, endsAt);

/** Releases uses from the room for a trial, and gives all of them back. */
export class Trial {
  readonly #option: Option;
  readonly #workload: Workload;
  readonly #room: Room;
  readonly #released = new Set<Running>();

  constructor(option: Option, workload: Workload, room: Room) {
    this.#option = option;
    this.#workload = workload;
    this.#room = room;
  }

  release(running: Running): void {
    this.#released.add(running);
    this.#charge(running, -1);
  }

  restore(running: Running): void {
    this.#released.delete(running);
    this.#charge(running, 1);
  }

  /** Where it fits with what is released; undefined: nowhere, or its quota does not allow it. */
  fit(): GangFit | undefined {
    const { charges } = this.#option;
    if (charges === undefined || !this.#room.quota.check(this.#workload.queue, charges).ok) return undefined;
    return fitOf(this.#option, this.#workload, this.#room);
  }

  undo(): void {
    for (const running of [...this.#released]) this.restore(running);
  }

  #charge(running: Running, sign: 1 | -1): void {
    const use = { queue: running.queue, charges: running.charges };
    if (sign === 1) this.#room.quota.add(use);
    else this.#room.quota.remove(use);
    const { cluster } = this.#option;
    if (running.cluster !== cluster.name) return;
    const until = expectedEnd(running, this.#room.now);
    this.#room.charge(cluster, running.accelerator, running.nodes, running.perPod, sign, until);
  }
}
