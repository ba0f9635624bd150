import { Learner } from '../node-value/learner.ts';
import { DEFAULT_OPTIONS, NodeValue, type NodeValueOptions } from '../node-value/node-value.ts';
import type { PodClass } from '../node-value/pod-class.ts';
import { type Choice, Chooser } from '../node-value/scoring.ts';
import type { Nodes } from '../node-value/state-index.ts';
import { TypePrice } from '../node-value/type-price.ts';
import { type ValueTable, valueTables } from '../node-value/value-tables.ts';

/** Places one pod after the other as the scheduler does, and learns from each as it comes. */
export class OnlinePlacer {
  readonly #nodes: Nodes;
  readonly #options: NodeValueOptions;
  readonly #learner: Learner;
  readonly #price: TypePrice;
  #chooser: Chooser;

  constructor(nodes: Nodes, options: NodeValueOptions = DEFAULT_OPTIONS) {
    this.#nodes = nodes;
    this.#options = options;
    this.#learner = new Learner(options);
    this.#price = new TypePrice(options);
    this.#chooser = this.#chooserWith(valueTables([], nodes.models, options));
  }

  /** The best node for an arrival, which is counted in the demand whether or not there is one. */
  choose(pod: PodClass, admits: (row: number) => boolean): Choice | undefined {
    const choice = this.#chooser.choose(pod, admits);
    this.#learner.observe(pod);
    this.#price.observe(pod);
    const tables = this.#learner.lesson(this.#nodes.models);
    if (tables !== undefined) this.#chooser = this.#chooserWith(tables);
    return choice;
  }

  #chooserWith(tables: readonly ValueTable[]): Chooser {
    return new Chooser(this.#nodes, new NodeValue(tables, this.#nodes, this.#options), this.#price.surcharge);
  }
}
