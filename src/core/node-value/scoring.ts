import { fits, type NodeState } from './node-state.ts';
import { accepts, type PodClass } from './pod-class.ts';
import { Scores } from './scores.ts';
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

interface Found {
  readonly state: number;
  readonly position: number;
  readonly score: number;
}

/** Finds the best node for a pod. Each state of nodes is scored once for each class. */
export class Chooser {
  readonly #index: StateIndex;
  readonly #scoring: Scoring;
  readonly #surcharge: Surcharge | undefined;
  readonly #scores = new Map<PodClass, Scores>();

  constructor(nodes: Nodes, scoring: Scoring, surcharge?: Surcharge) {
    this.#index = new StateIndex(nodes);
    this.#scoring = scoring;
    this.#surcharge = surcharge;
  }

  /** The best of the nodes where the pod fits, the first of equals; `admits` judges what states do not tell. */
  choose(pod: PodClass, admits: (row: number) => boolean): Choice | undefined {
    this.#index.refresh();
    const scores = this.#scoresOf(pod);
    const { rows, models } = this.#index.nodes;
    let best: Found | undefined;
    for (let model = 0; model < models; model += 1) {
      if (!accepts(pod, model)) continue;
      this.#catchUp(pod, model, scores);
      best = this.#search(model, scores, this.#surchargeOf(pod, model), best, admits);
    }
    return best && { row: rows[best.position] ?? 0, gpu: scores.gpuOf(best.state) };
  }

  /** The best one of a model, if it is better than what was found so far. */
  #search(
    model: number,
    scores: Scores,
    surcharge: number,
    found: Found | undefined,
    admits: (row: number) => boolean,
  ): Found | undefined {
    const index = this.#index;
    const looked: number[] = [];
    let best = found;
    for (let state = scores.best(model); state !== undefined; state = scores.best(model)) {
      const score = scores.of(state) - surcharge;
      if (best !== undefined && score < best.score) break;
      scores.drop(model);
      if (!index.has(state)) continue;
      looked.push(state);
      // Of equals the first node counts, whichever state it is in.
      const position = index.first(state, score === best?.score ? best.position : index.nodes.count, admits);
      if (position >= 0) best = { state, position, score };
    }
    for (const state of looked) scores.put(model, state);
    return best;
  }

  /** Scores the states that are new. */
  #catchUp(pod: PodClass, model: number, scores: Scores): void {
    const index = this.#index;
    const appeared = index.appeared[model] ?? [];
    for (let at = scores.seen[model] ?? 0; at < appeared.length; at += 1) {
      const id = appeared[at] ?? 0;
      if (!index.has(id)) continue;
      if (!scores.isKnown(id)) this.#score(pod, index.states[id] as NodeState, scores);
      scores.put(model, id);
    }
    scores.seen[model] = appeared.length;
  }

  #score(pod: PodClass, state: NodeState, scores: Scores): void {
    if (fits(pod, state)) scores.set(state.id, this.#scoring.score(pod, state), this.#scoring.gpu);
    else scores.set(state.id, Number.NEGATIVE_INFINITY, -1);
  }

  /** Who accepts one model only pays the same everywhere. */
  #surchargeOf(pod: PodClass, model: number): number {
    return pod.models?.length === 1 ? 0 : (this.#surcharge?.(pod, model, this.#index) ?? 0);
  }

  #scoresOf(pod: PodClass): Scores {
    let scores = this.#scores.get(pod);
    if (scores === undefined) {
      scores = new Scores(this.#index.nodes.models);
      this.#scores.set(pod, scores);
    }
    scores.reserve(this.#index.states.length);
    return scores;
  }
}
