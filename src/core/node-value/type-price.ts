import { gpuDemand, type PodClass, WHOLE_GPU } from './pod-class.ts';
import type { Surcharge } from './scoring.ts';
import type { StateIndex } from './state-index.ts';

export interface PriceOptions {
  /** Weight of the price of scarce models, in GPUs for each GPU taken. */
  readonly typePrice: number;
  /** Arrivals that each model is credited with before any are seen, so that the first are not caught out. */
  readonly typePrior: number;
}

/**
 * What it costs to give away GPUs of a model that others insist on: `q_t = min(1, d_t * Free / Free_t)`, where d_t is
 * the share of the requested GPUs that is tied to model t, and Free and Free_t are the free GPUs of all models and of
 * t. It regulates itself: the more of t is given away, the dearer the rest gets.
 */
export class TypePrice {
  readonly #options: PriceOptions;
  /** GPU milli requested so far: by the models they are tied to, and in all. */
  readonly #tied = new Map<string, { readonly models: readonly number[]; demand: number }>();
  #requested = 0;
  #arrivals = 0;

  constructor(options: PriceOptions) {
    this.#options = options;
  }

  observe(pod: PodClass): void {
    const demand = gpuDemand(pod);
    if (demand === 0) return;
    this.#arrivals += 1;
    this.#requested += demand;
    if (pod.models === undefined) return;
    const key = pod.models.join();
    const tied = this.#tied.get(key);
    if (tied === undefined) this.#tied.set(key, { models: pod.models, demand });
    else tied.demand += demand;
  }

  /** The price of the model, cubed: next to nothing while there is enough for those who insist, then a whole GPU. */
  readonly surcharge: Surcharge = (pod, model, index) =>
    pod.gpus === 0 ? 0 : (this.#options.typePrice * this.of(model, index) ** 3 * gpuDemand(pod)) / WHOLE_GPU;

  /** q of the model, 0 to 1. */
  of(model: number, { freeOfModel, nodes }: StateIndex): number {
    const mean = this.#arrivals > 0 ? this.#requested / this.#arrivals : WHOLE_GPU;
    const prior = this.#options.typePrior * mean;
    const tied = this.#tiedTo(model, nodes.capacity) + prior;
    if (tied === 0) return 0;
    let free = 0;
    for (let i = 0; i < freeOfModel.length; i += 1) free += freeOfModel[i] ?? 0;
    const own = freeOfModel[model] ?? 0;
    const share = tied / (this.#requested + prior * freeOfModel.length);
    return own > 0 ? Math.min(1, (share * free) / own) : 1;
  }

  /** What names several models is spread over them in proportion to their capacity. */
  #tiedTo(model: number, capacity: Float64Array): number {
    let sum = 0;
    for (const { models, demand } of this.#tied.values()) {
      if (!models.includes(model)) continue;
      const all = models.reduce((total, one) => total + (capacity[one] ?? 0), 0);
      if (all > 0) sum += (demand * (capacity[model] ?? 0)) / all;
    }
    return sum;
  }
}
