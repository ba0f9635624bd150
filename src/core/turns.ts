/**
 * Whose turn it is. Within a leaf queue: priority, then time (or the estimated cost of a completion), then key. Between queues below one parent, level by
 * level from the root: first those whose next workload leaves them within their own quota, then the smallest dominant
 * share after it (Kueue KEP-1714, fair sharing), then priority, time and key. Trees take turns by priority and time.
 */
import type { QueueCharge, QueueView, Workload } from './model.ts';
import type { QuotaTree } from './quota.ts';

/** Highest priority first, then who came first, then by key. */
export function compareWorkloads(a: Workload, b: Workload): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.queuedAt !== b.queuedAt) return a.queuedAt - b.queuedAt;
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

/** The same with the estimated cost of a completion before the time; what has none comes last. */
export function compareByCost(costs: ReadonlyMap<string, number>): (a: Workload, b: Workload) => number {
  const costOf = ({ key }: Workload): number => costs.get(key) ?? Number.POSITIVE_INFINITY;
  return (a, b) => {
    if (a.priority !== b.priority || costOf(a) === costOf(b)) return compareWorkloads(a, b);
    return costOf(a) - costOf(b);
  };
}

interface Turn {
  readonly name: string;
  readonly parent: Turn | undefined;
  readonly ordering: QueueView['ordering'];
  readonly children: Turn[];
  /** Of a leaf, in order; `next` of them are dealt with. */
  waiting: readonly Workload[];
  next: number;
  /** The one whose turn it is below here; `stale`: to be found anew. */
  head: Workload | undefined;
  stale: boolean;
}

/** Board that one unit of an accelerator type is a part of, and which part. */
type BoardOf = (type: string) => { readonly type: string; readonly permille: number };
const NO_COSTS: ReadonlyMap<string, number> = new Map();
const wholeBoard: BoardOf = (type) => ({ type, permille: 1000 });

export class Turns {
  readonly #tree: QuotaTree;
  readonly #boardOf: BoardOf;
  readonly #roots: Turn[] = [];
  readonly #byQueue = new Map<string, Turn>();
  /** In queues that are no sound leaves: they come first, only to be told so. */
  readonly #astray: Workload[] = [];

  constructor(
    workloads: readonly Workload[],
    tree: QuotaTree,
    boardOf: BoardOf = wholeBoard,
    costs: ReadonlyMap<string, number> = NO_COSTS,
  ) {
    this.#tree = tree;
    this.#boardOf = boardOf;
    for (const { view, path } of tree.nodes()) {
      const parent = this.#byQueue.get(path[1]?.view.name ?? '');
      const turn: Turn = {
        name: view.name,
        parent,
        ordering: view.ordering,
        children: [],
        waiting: [],
        next: 0,
        head: undefined,
        stale: true,
      };
      (parent?.children ?? this.#roots).push(turn);
      this.#byQueue.set(view.name, turn);
    }
    const byCost = compareByCost(costs);
    const byQueue = new Map<string, Workload[]>();
    for (const workload of workloads) {
      const list = byQueue.get(workload.queue);
      if (list === undefined) byQueue.set(workload.queue, [workload]);
      else list.push(workload);
    }
    for (const [queue, list] of byQueue) {
      const turn = this.#byQueue.get(queue);
      if (turn === undefined || turn.children.length > 0) this.#astray.push(...list);
      else turn.waiting = inOrder(list, turn.ordering === 'ShortestRemaining' ? byCost : compareWorkloads);
    }
    this.#astray.sort(compareWorkloads);
    this.#astray.reverse();
  }

  /** The next one; tell with `done` what became of it before asking again. */
  next(): Workload | undefined {
    const astray = this.#astray.at(-1);
    if (astray !== undefined) return astray;
    let best: Workload | undefined;
    for (const root of this.#roots) {
      const head = this.#headOf(root);
      if (head !== undefined && (best === undefined || compareWorkloads(head, best) < 0)) best = head;
    }
    return best;
  }

  /** @returns those that wait behind it, where its queue keeps the order strictly */
  done(workload: Workload, admitted: boolean): readonly Workload[] {
    if (this.#astray.at(-1) === workload) {
      this.#astray.pop();
      return [];
    }
    const turn = this.#byQueue.get(workload.queue);
    if (turn === undefined) return [];
    const behind = turn.ordering === 'StrictFIFO' && !admitted ? turn.waiting.slice(turn.next + 1) : [];
    turn.next += 1 + behind.length;
    for (let at: Turn | undefined = turn; at !== undefined; at = at.parent) at.stale = true;
    return behind;
  }

  #headOf(turn: Turn): Workload | undefined {
    if (!turn.stale) return turn.head;
    turn.stale = false;
    turn.head = turn.children.length === 0 ? turn.waiting[turn.next] : this.#fairest(turn.children);
    return turn.head;
  }

  #fairest(children: readonly Turn[]): Workload | undefined {
    let best: Candidate | undefined;
    for (const child of children) {
      const head = this.#headOf(child);
      if (head === undefined) continue;
      const candidate = { head, share: this.#tree.share(child.name, likelyCharges(this.#tree, head, this.#boardOf)) };
      if (best === undefined || compareTurns(candidate, best) < 0) best = candidate;
    }
    return best?.head;
  }
}

interface Candidate {
  readonly head: Workload;
  /** Of its queue with it; 0: within its own quota. */
  readonly share: number;
}

const compareTurns = (a: Candidate, b: Candidate): number =>
  a.share === b.share ? compareWorkloads(a.head, b.head) : a.share - b.share;

/** Charges before the region is chosen: those of its first choice that count all regions. */
function likelyCharges(tree: QuotaTree, { queue, request }: Workload, boardOf: BoardOf): readonly QueueCharge[] {
  const [first] = request.accelerators;
  if (first === undefined) return [];
  const { type, permille } = boardOf(first.type);
  return tree.charges(queue, type, '', first.countPerNode * permille * request.pods) ?? [];
}

/** The same list where it is in order already, which is cheap to see. */
function inOrder(workloads: readonly Workload[], compare: (a: Workload, b: Workload) => number): readonly Workload[] {
  const sorted = workloads.every((workload, i) => i === 0 || compare(workloads[i - 1] as Workload, workload) <= 0);
  return sorted ? workloads : [...workloads].sort(compare);
}
