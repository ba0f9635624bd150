import type { QueueView } from './model.ts';

export interface QueueProblem {
  readonly reason: 'CycleInTree' | 'ParentNotFound';
  readonly message: string;
}

/** A queue with a sound path to its root. */
export interface QueueNode {
  readonly view: QueueView;
  readonly index: number;
  /** Itself first, its root last. */
  readonly path: readonly QueueNode[];
  /** In order of name. */
  readonly children: QueueNode[];
}

export interface Forest {
  /** Parents before their children. */
  readonly nodes: readonly QueueNode[];
  readonly byName: ReadonlyMap<string, QueueNode>;
  readonly problems: ReadonlyMap<string, QueueProblem>;
}

/** Makes trees of the queues; those without a sound path to a root are set aside as problems. */
export function buildForest(queues: readonly QueueView[]): Forest {
  const views = new Map([...queues].sort((a, b) => (a.name < b.name ? -1 : 1)).map((view) => [view.name, view]));
  const problems = new Map<string, QueueProblem>();
  const depths = new Map<QueueView, number>();
  for (const view of views.values()) {
    const found = climb(view, views);
    if (typeof found === 'number') depths.set(view, found);
    else problems.set(view.name, found);
  }
  const sound = [...depths].sort(([, a], [, b]) => a - b).map(([view]) => view);
  const byName = new Map<string, QueueNode>();
  for (const view of sound) {
    const parent = view.parent === undefined ? undefined : byName.get(view.parent);
    const path: QueueNode[] = [];
    const node: QueueNode = { view, index: byName.size, path, children: [] };
    path.push(node, ...(parent?.path ?? []));
    parent?.children.push(node);
    byName.set(view.name, node);
  }
  return { nodes: [...byName.values()], byName, problems };
}

/** Depth below the root, or why there is no way up to one. */
function climb(from: QueueView, views: ReadonlyMap<string, QueueView>): number | QueueProblem {
  const seen: string[] = [];
  for (let view = from; ; ) {
    seen.push(view.name);
    if (view.parent === undefined) return seen.length - 1;
    const start = seen.indexOf(view.parent);
    if (start >= 0) return cycleProblem(from.name, seen.slice(start));
    const parent = views.get(view.parent);
    if (parent === undefined) return missingProblem(from.name, view);
    view = parent;
  }
}

function cycleProblem(name: string, members: readonly string[]): QueueProblem {
  const from = members.indexOf([...members].sort()[0] ?? '');
  const ring = [...members.slice(from), ...members.slice(0, from)];
  const drawn = [...ring, ring[0]].join(' -> ');
  const who = members.includes(name) ? 'it is its own ancestor' : 'its ancestors form a circle';
  return { reason: 'CycleInTree', message: `${who} (${drawn}): change spec.parent of one of them.` };
}

function missingProblem(name: string, orphan: QueueView): QueueProblem {
  const whose = orphan.name === name ? 'its parent' : `the parent of its ancestor ${orphan.name}`;
  return {
    reason: 'ParentNotFound',
    message: `${whose}, queue ${orphan.parent}, does not exist: create it or change spec.parent of ${orphan.name}.`,
  };
}
