import { fits, type NodeState } from './node-state.ts';
import { accepts, type PodClass } from './pod-class.ts';
import { type Nodes, StateIndex } from './state-index.ts';

/** A way to choose a node. The score depends on the class and on what is free on the node, and on nothing else. */
export interface Scoring {
  /** GPU that the last score was for, by its index on the node; -1: the first ones that fit. */
  readonly gpu: number;
  /** The higher, the better. The pod must fit by CPU and GPU. */
  score(pod: PodClass, state: NodeState): number;
}

/** What is taken off the scores of all nodes of a model now. */
export type Surcharge = (pod: PodClass, model: number, index: StateIndex) => number;

export interface Choice {
  readonly row: number;
  readonly gpu: number;
}

/** Scores of one class by state. */
class Scores {
  /** NaN: not scored yet. */
  score = new Float64Array(256).fill(Number.NaN);
  gpu = new Int16Array(256);

  reserve(states: number): void {
    if (states <= this.score.length) return;
    const score = new Float64Array(2 * states).fill(Number.NaN);
    score.set(this.score);
    const gpu = new Int16Array(2 * states);
    gpu.set(this.gpu);
    this.score = score;
    this.gpu = gpu;
  }
}

/** Finds the best node for a pod. Each state of nodes is scored once for each class. */
export class Chooser {
  readonly #index: StateIndex;
  readonly #scoring: Scoring;
  readonly #surcharge: Surcharge | undefined;
  readonly #kept = new Map<PodClass, Scores>();

  constructor(nodes: Nodes, scoring: Scoring, surcharge?: Surcharge) {
    this.#index = new StateIndex(nodes);
    this.#scoring = scoring;
    this.#surcharge = surcharge;
  }

  /** The best of the nodes where the pod fits, the first of equals; `admits` judges what states do not tell. */
  choose(pod: PodClass, admits: (row: number) => boolean): Choice | undefined {
    const index = this.#index;
    index.refresh();
    const kept = this.#keptOf(pod);
    kept.reserve(index.states.length);
    const { rows } = index.nodes;
    let best = -1;
    let bestScore = Number.NEGATIVE_INFINITY;
    let gpu = -1;
    for (let model = 0; model < index.present.length; model += 1) {
      if (!accepts(pod, model)) continue;
      const surcharge = this.#surchargeOf(pod, model);
      for (const state of index.present[model] ?? []) {
        let score = kept.score[state] ?? 0;
        if (Number.isNaN(score)) score = this.#score(pod, state, kept);
        score -= surcharge;
        if (score < bestScore || score === Number.NEGATIVE_INFINITY) continue;
        const before = score === bestScore ? best : rows.length;
        const position = index.first(state, before, admits);
        if (position < 0) continue;
        best = position;
        bestScore = score;
        gpu = kept.gpu[state] ?? -1;
      }
    }
    return best < 0 ? undefined : { row: rows[best] ?? 0, gpu };
  }

  /** Who accepts one model only pays the same everywhere. */
  #surchargeOf(pod: PodClass, model: number): number {
    return pod.models?.length === 1 ? 0 : (this.#surcharge?.(pod, model, this.#index) ?? 0);
  }

  #score(pod: PodClass, id: number, kept: Scores): number {
    const state = this.#index.states[id] as NodeState;
    const fitting = fits(pod, state);
    const score = fitting ? this.#scoring.score(pod, state) : Number.NEGATIVE_INFINITY;
    kept.score[id] = score;
    kept.gpu[id] = fitting ? this.#scoring.gpu : -1;
    return score;
  }

  #keptOf(pod: PodClass): Scores {
    let kept = this.#kept.get(pod);
    if (kept === undefined) {
      kept = new Scores();
      this.#kept.set(pod, kept);
    }
    return kept;
  }
}
