import { PENDING_REASON, type PendingReason } from '../api/index.ts';
import type { NotAdmitted, Workload } from '../core/model.ts';

/** Counters that only grow: what has grown may have made room. */
export interface Marks {
  /** Changes of queues, regions, namespaces and of what is kept for whom: all could matter to anyone. */
  readonly settings: number;
  /** How often quota was given back in the tree of this queue. */
  quota(queue: string): number;
  /** How often room grew on nodes with this accelerator ('': on any), in any region. */
  room(type: string): number;
}

/** Waits that time alone may end, or that are about an order and not about room. */
const NOT_PARKED: ReadonlySet<PendingReason> = new Set<PendingReason>([
  PENDING_REASON.BehindHead,
  PENDING_REASON.BudgetCommitted,
  PENDING_REASON.BehindReservation,
  PENDING_REASON.Preempting,
  PENDING_REASON.WaitingForCleanup,
]);

/** Workloads that ask for the same thing under the same conditions. */
interface WaitingClass {
  readonly members: Map<string, Workload>;
  /** Members that have not been told the class's answer. */
  readonly unanswered: Set<string>;
  /** Set while it is parked. */
  parked?: { readonly answer: NotAdmitted; readonly seen: number };
}

/**
 * Who waits for an admission. A class that did not fit is parked: none of it is tried again, nor a newcomer to it, before
 * something has changed that could help it (Kueue's inadmissible workloads; here by class, by accelerator and by tree of
 * queues).
 */
export class Waiting {
  readonly #all = new Map<string, Workload>();
  readonly #classes = new Map<string, WaitingClass>();

  get size(): number {
    return this.#all.size;
  }

  get(key: string): Workload | undefined {
    return this.#all.get(key);
  }

  values(): IterableIterator<Workload> {
    return this.#all.values();
  }

  /** @returns whether it asks for something else than before, or is new */
  set(workload: Workload): boolean {
    const { key, classKey } = workload;
    const old = this.#all.get(key);
    if (old !== undefined && old.classKey !== classKey) this.delete(key);
    this.#all.set(key, workload);
    const members = this.#classOf(classKey);
    members.members.set(key, workload);
    if (old?.classKey === classKey) return false;
    members.unanswered.add(key);
    return true;
  }

  delete(key: string): void {
    const old = this.#all.get(key);
    if (old === undefined) return;
    this.#all.delete(key);
    const of = this.#classes.get(old.classKey);
    of?.members.delete(key);
    of?.unanswered.delete(key);
    if (of?.members.size === 0) this.#classes.delete(old.classKey);
  }

  /** It is to be told the answer of its class anew. */
  retell(key: string): void {
    const workload = this.#all.get(key);
    if (workload !== undefined) this.#classes.get(workload.classKey)?.unanswered.add(key);
  }

  /** Whom to try now. @param always keys of some to be tried even when their class is parked */
  awake(marks: Marks, always: Iterable<string> = []): Workload[] {
    const found: Workload[] = [];
    for (const one of this.#classes.values()) {
      if (one.parked !== undefined && one.parked.seen === seenBy(one.parked.answer, marks)) continue;
      delete one.parked;
      for (const workload of one.members.values()) found.push(workload);
    }
    for (const key of new Set(always)) {
      const workload = this.#all.get(key);
      if (workload !== undefined && this.#classes.get(workload.classKey)?.parked !== undefined) found.push(workload);
    }
    return found;
  }

  /** What newcomers to parked classes are to be told: the answer of their class. */
  unanswered(): NotAdmitted[] {
    const answers: NotAdmitted[] = [];
    for (const { members, unanswered, parked } of this.#classes.values()) {
      if (parked === undefined) continue;
      for (const key of unanswered) {
        const workload = members.get(key);
        if (workload !== undefined) answers.push({ ...parked.answer, workload });
      }
      unanswered.clear();
    }
    return answers;
  }

  /**
   * Parks the classes that a cycle has found not to fit.
   * @param marks as they were when the cycle took its snapshot
   * @param isStrict whether its queue keeps the order: its head holds up all others, and is tried in every cycle
   */
  park(answers: readonly NotAdmitted[], marks: Marks, isStrict: (workload: Workload) => boolean): void {
    for (const answer of answers) {
      const { workload, reason } = answer;
      if (this.#all.get(workload.key) !== workload) continue;
      const of = this.#classes.get(workload.classKey);
      if (of === undefined) continue;
      of.unanswered.delete(workload.key);
      if (of.parked !== undefined || NOT_PARKED.has(reason) || isStrict(workload)) continue;
      of.parked = { answer, seen: seenBy(answer, marks) };
    }
  }

  #classOf(key: string): WaitingClass {
    let found = this.#classes.get(key);
    if (found === undefined) {
      found = { members: new Map(), unanswered: new Set() };
      this.#classes.set(key, found);
    }
    return found;
  }
}

/** The counters only grow, so their sum is the same as long as none of them has changed. */
function seenBy({ workload, reason }: NotAdmitted, { settings, quota, room }: Marks): number {
  const { queue, request } = workload;
  // Power is given back by whatever drew it.
  const isAny = request.accelerators.length === 0 || reason === PENDING_REASON.InsufficientPower;
  const types = isAny ? [''] : request.accelerators.map(({ type }) => type);
  return settings + quota(queue) + types.reduce((sum, type) => sum + room(type), 0);
}
