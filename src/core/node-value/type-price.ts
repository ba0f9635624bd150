import type { NodeRoom } from './node-room.ts';
import { gpuDemand, type PodClass, WHOLE_GPU } from './pod-class.ts';

/**
 * What it costs to give away GPUs of a model that others insist on: `q_t = min(1, d_t * Free / Free_t)`, where d_t is
 * the share of the requested GPUs that is tied to model t, and Free and Free_t are the free GPUs of all models and of
 * t. It regulates itself: the more of t is given away, the dearer the rest gets.
 */
export class TypePrice {
  readonly #room: NodeRoom;
  readonly #capacity: Float64Array;
  readonly #prior: number;
  /** GPU milli requested so far: by the model they are tied to, and in all. */
  readonly #tied: Float64Array;
  #requested = 0;
  #arrivals = 0;

  /** @param prior arrivals that each model is credited with before any are seen, so that the first are not caught out */
  constructor(room: NodeRoom, prior: number) {
    this.#room = room;
    this.#capacity = room.freeOfModel.slice();
    this.#prior = prior;
    this.#tied = new Float64Array(this.#capacity.length);
  }

  observe(pod: PodClass): void {
    const demand = gpuDemand(pod);
    if (demand === 0) return;
    this.#arrivals += 1;
    this.#requested += demand;
    // What names several models is spread over them in proportion to their capacity.
    const capacity = pod.models?.reduce((sum, model) => sum + (this.#capacity[model] ?? 0), 0) ?? 0;
    if (capacity === 0) return;
    for (const model of pod.models ?? []) {
      this.#tied[model] = (this.#tied[model] ?? 0) + (demand * (this.#capacity[model] ?? 0)) / capacity;
    }
  }

  /** q of the model, 0 to 1. */
  of(model: number): number {
    const { freeOfModel } = this.#room;
    const mean = this.#arrivals > 0 ? this.#requested / this.#arrivals : WHOLE_GPU;
    const prior = this.#prior * mean;
    const tied = (this.#tied[model] ?? 0) + prior;
    if (tied === 0) return 0;
    let free = 0;
    for (let i = 0; i < freeOfModel.length; i += 1) free += freeOfModel[i] ?? 0;
    const own = freeOfModel[model] ?? 0;
    const share = tied / (this.#requested + prior * freeOfModel.length);
    return own > 0 ? Math.min(1, (share * free) / own) : 1;
  }
}
