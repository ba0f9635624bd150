import { DemandMix } from './demand.ts';
import type { NodeRoom } from './node-room.ts';
import { DEFAULT_OPTIONS, NodeValue, type NodeValueOptions } from './node-value.ts';
import type { PodClass } from './pod-class.ts';
import { type Choice, Chooser } from './scoring.ts';

/** Arrivals after which the tables are first made, then at twice as many, but at least every thousand. */
const FIRST_LESSON = 25;
const LESSON_EVERY = 1000;

/** The node-scoring function as it is used: it learns the mix of demand from the arrivals as they come. */
export class OnlinePlacer {
  readonly #mix = new DemandMix();
  readonly #scoring: NodeValue;
  readonly #chooser: Chooser;
  #nextLesson = FIRST_LESSON;

  constructor(room: NodeRoom, order: ArrayLike<number>, options: NodeValueOptions = DEFAULT_OPTIONS) {
    this.#scoring = new NodeValue(room, options);
    this.#chooser = new Chooser(room, this.#scoring, order);
  }

  /** The best node for an arrival, which is counted in the demand whether or not there is one. */
  choose(pod: PodClass, admits: (row: number) => boolean): Choice | undefined {
    const choice = this.#chooser.choose(pod, admits);
    this.#mix.observe(pod);
    this.#scoring.observe(pod);
    if (this.#mix.arrivals >= this.#nextLesson) {
      this.#scoring.learn(this.#mix);
      this.#nextLesson = Math.min(this.#nextLesson * 2, this.#nextLesson + LESSON_EVERY);
    }
    return choice;
  }
}
