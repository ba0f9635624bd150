import { DemandMix } from './demand.ts';
import type { NodeValueOptions } from './node-value.ts';
import type { PodClass } from './pod-class.ts';
import { type ValueTable, valueTables } from './value-tables.ts';

/** Arrivals after which the tables are first made, then at twice as many, but at least every thousand. */
const FIRST_LESSON = 25;
const LESSON_EVERY = 1000;

/** Learns what holes are worth from the arrivals as they come. */
export class Learner {
  readonly #options: NodeValueOptions;
  readonly #mix = new DemandMix();
  #nextLesson = FIRST_LESSON;

  constructor(options: NodeValueOptions) {
    this.#options = options;
  }

  /** One arrival, of one of these classes. */
  observe(...pods: readonly PodClass[]): void {
    this.#mix.observe(...pods);
  }

  /** Hole values by model, by the mix of demand as it is now; undefined: the last ones are good enough still. */
  lesson(models: number): ValueTable[] | undefined {
    const { arrivals } = this.#mix;
    if (arrivals < this.#nextLesson) return undefined;
    while (this.#nextLesson <= arrivals) {
      this.#nextLesson = Math.min(this.#nextLesson * 2, this.#nextLesson + LESSON_EVERY);
    }
    return valueTables(this.#mix.shares(), models, this.#options);
  }
}
