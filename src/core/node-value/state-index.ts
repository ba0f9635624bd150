import { PositionSet } from '../node-order.ts';
import type { NodeState } from './node-state.ts';

/** Nodes to choose from. */
export interface Nodes {
  readonly count: number;
  /** Number of models. */
  readonly models: number;
  /** GPU milli of the largest node, and CPU milli of the largest: what residuals are measured by. */
  readonly largestGpuMilli: number;
  readonly largestCpuMilli: number;
  /** GPU milli of all nodes by model, in use or not. */
  readonly capacity: Float64Array;
  /** Position of each row among equals: the first is taken. */
  readonly positions: ArrayLike<number>;
  /** Rows by position. */
  readonly rows: ArrayLike<number>;
  /** Rows whose state may have changed, appended as they do. */
  readonly changes: readonly number[];
  /** undefined: the node takes nothing now. */
  stateOf(row: number): NodeState | undefined;
}

/** The nodes by state, so that a state is looked at once however many nodes are in it. Catches up with changes. */
export class StateIndex {
  readonly nodes: Nodes;
  /** States by id, as far as some node is or was in them. */
  readonly states: NodeState[] = [];
  /** Ids of states by model, appended each time when the first node comes to be in one. */
  readonly appeared: readonly number[][];
  /** GPU milli free by model. */
  readonly freeOfModel: Float64Array;
  readonly #stateOf: (NodeState | undefined)[];
  /** By state: positions of its nodes. */
  readonly #members: (PositionSet | undefined)[] = [];
  /** Sets of states that no node is in any more. */
  readonly #spare: PositionSet[] = [];
  #seen: number;

  constructor(nodes: Nodes) {
    this.nodes = nodes;
    this.appeared = Array.from({ length: nodes.models }, () => []);
    this.freeOfModel = new Float64Array(nodes.models);
    this.#stateOf = new Array<NodeState | undefined>(nodes.count).fill(undefined);
    this.#seen = nodes.changes.length;
    for (let row = 0; row < nodes.count; row += 1) this.#look(row);
  }

  /** Looks again at the rows that changed. */
  refresh(): void {
    const { changes } = this.nodes;
    for (; this.#seen < changes.length; this.#seen += 1) this.#look(changes[this.#seen] ?? 0);
  }

  /** Whether some node is in the state. */
  has(state: number): boolean {
    return this.#members[state] !== undefined;
  }

  /** Position of the first node in the state that is admitted, if it is below `end`; else -1. */
  first(state: number, end: number, admits: (row: number) => boolean): number {
    const { rows } = this.nodes;
    let found = -1;
    this.#members[state]?.some((position) => {
      if (position >= end) return true;
      if (!admits(rows[position] ?? 0)) return false;
      found = position;
      return true;
    });
    return found;
  }

  #look(row: number): void {
    const before = this.#stateOf[row];
    const state = this.nodes.stateOf(row);
    if (before === state) return;
    const position = this.nodes.positions[row] ?? 0;
    this.#stateOf[row] = state;
    if (before !== undefined) this.#leave(before, position);
    if (state !== undefined) this.#enter(state, position);
  }

  #enter(state: NodeState, position: number): void {
    const { model, idle } = state.holes;
    this.freeOfModel[model] = (this.freeOfModel[model] ?? 0) + idle;
    let members = this.#members[state.id];
    if (members === undefined) {
      members = this.#spare.pop() ?? new PositionSet(this.nodes.count);
      this.#members[state.id] = members;
      this.appeared[model]?.push(state.id);
      this.states[state.id] = state;
    }
    members.add(position);
  }

  #leave(state: NodeState, position: number): void {
    const { model, idle } = state.holes;
    this.freeOfModel[model] = (this.freeOfModel[model] ?? 0) - idle;
    const members = this.#members[state.id] as PositionSet;
    members.delete(position);
    if (members.size > 0) return;
    this.#members[state.id] = undefined;
    this.#spare.push(members);
  }
}
