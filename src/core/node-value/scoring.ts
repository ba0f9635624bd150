import type { NodeRoom } from './node-room.ts';
import type { PodClass } from './pod-class.ts';

/** A way to choose a node. The score depends on the class, on what is free on the node, and on the epoch. */
export interface Scoring {
  /** Scores of another epoch are not comparable with those of this one. */
  readonly epoch: number;
  /** GPU that the last score was for, by its index on the node; -1: the first ones that fit. */
  readonly gpu: number;
  /** The higher, the better. The pod must fit by CPU and GPU. */
  score(pod: PodClass, row: number): number;
  /** What is taken off the scores of all nodes of a model now. */
  surcharge?(pod: PodClass, model: number): number;
}

export interface Choice {
  readonly row: number;
  readonly gpu: number;
}

interface Kept {
  epoch: number;
  readonly version: Int32Array;
  readonly score: Float64Array;
  readonly gpu: Int8Array;
}

/** Finds the best node for a pod; scores are kept by class and version of the node. */
export class Chooser {
  readonly #room: NodeRoom;
  readonly #scoring: Scoring;
  /** Rows, first choice first among equals. */
  readonly #order: ArrayLike<number>;
  readonly #kept = new Map<PodClass, Kept>();
  readonly #surcharges: Float64Array;

  constructor(room: NodeRoom, scoring: Scoring, order: ArrayLike<number>) {
    this.#room = room;
    this.#scoring = scoring;
    this.#order = order;
    this.#surcharges = new Float64Array(room.freeOfModel.length);
  }

  /** The best of the nodes where the pod fits; `admits` judges what the room does not know. */
  choose(pod: PodClass, admits: (row: number) => boolean): Choice | undefined {
    const kept = this.#keptOf(pod);
    const { version, models } = this.#room;
    const surcharges = this.#surcharges;
    for (let model = 0; model < surcharges.length; model += 1) {
      surcharges[model] = this.#scoring.surcharge?.(pod, model) ?? 0;
    }
    let best = -1;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (let at = 0; at < this.#order.length; at += 1) {
      const row = this.#order[at] ?? 0;
      if (kept.version[row] !== version[row]) this.#refresh(pod, row, kept);
      const score = (kept.score[row] ?? 0) - (surcharges[models[row] ?? 0] ?? 0);
      if (score > bestScore && admits(row)) {
        best = row;
        bestScore = score;
      }
    }
    return best < 0 ? undefined : { row: best, gpu: kept.gpu[best] ?? -1 };
  }

  #refresh(pod: PodClass, row: number, kept: Kept): void {
    const fits = this.#room.fits(pod, row);
    kept.score[row] = fits ? this.#scoring.score(pod, row) : Number.NEGATIVE_INFINITY;
    kept.gpu[row] = fits ? this.#scoring.gpu : -1;
    kept.version[row] = this.#room.version[row] ?? 0;
  }

  #keptOf(pod: PodClass): Kept {
    const { epoch } = this.#scoring;
    let kept = this.#kept.get(pod);
    if (kept === undefined) {
      const { count } = this.#room;
      kept = {
        epoch,
        version: new Int32Array(count).fill(-1),
        score: new Float64Array(count),
        gpu: new Int8Array(count),
      };
      this.#kept.set(pod, kept);
    } else if (kept.epoch !== epoch) {
      kept.version.fill(-1);
      kept.epoch = epoch;
    }
    return kept;
  }
}
