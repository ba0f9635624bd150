import type { ComputeQueue, ModelTraining } from '../api/index.ts';
import type { Store } from '../kube/store.ts';
import type { Clock } from '../runtime/clock.ts';

/** Where a training stands among those that wait in its queue, as its columns say it. */
export interface Place {
  /** From 1; `>100` behind those that the queue lists. */
  readonly position?: string;
  /** When it is expected to start. */
  readonly wait?: string;
}

/** `~11-25 22:00Z`: with the day, as a wait may last for days, and no column can say how long it lasts from now. */
const timeText = (time: string): string => `~${time.slice(5, 10)} ${time.slice(11, 16)}Z`;

/** By what the queue has published. @param isWaiting whether the scheduler has said that it waits */
export function placeOf({ metadata }: ModelTraining, queue: ComputeQueue | undefined, isWaiting: boolean): Place {
  const { head = [], pending = 0 } = queue?.status ?? {};
  const entry = head.find(
    ({ kind, namespace, name }) =>
      name === metadata.name && namespace === metadata.namespace && kind === 'ModelTraining',
  );
  if (entry === undefined) return isWaiting && pending > head.length ? { position: `>${head.length}` } : {};
  const { position, expectedStartTime: start } = entry;
  return { position: String(position), ...(start === undefined ? {} : { wait: timeText(start) }) };
}

/** What its columns say now. */
export const shownPlace = ({ status }: ModelTraining): Place => {
  const { position, wait } = status?.display ?? {};
  return { ...(position === undefined ? {} : { position }), ...(wait === undefined ? {} : { wait }) };
};

export const isSamePlace = (a: Place, b: Place): boolean => a.position === b.position && a.wait === b.wait;

/** Such as wait, as far as their status says; of a new one it says nothing yet. */
export const isWaiting = ({ status: { admission, phase = 'Queued' } = {} }: ModelTraining): boolean =>
  admission === undefined && (phase === 'Queued' || phase === 'Pending');

/** Over all trainings one place alone is written in so many milliseconds. */
const PACE_MS = 100;
/** The place of one training alone is written at most once in so many milliseconds. */
const EACH_MS = 60_000;

export interface PlacesOptions {
  readonly trainings: Pick<Store<ModelTraining>, 'get'>;
  readonly queues: Pick<Store<ComputeQueue>, 'get'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Look at this training, whose turn it is. */
  readonly enqueue: (key: string) => void;
}

/**
 * Whose turn it is to have its place written. With each admission all behind it move up: that must not cost a write
 * each, so turns are few, whatever waits, and a place goes along where something else is written anyway.
 */
export class Places {
  readonly #options: PlacesOptions;
  /** Those whose place has moved, each with its queue, in the order in which they are looked at. */
  readonly #moved = new Map<string, string>();
  readonly #turns = new Set<string>();
  /** Monotonic time of the last write by key. */
  readonly #written = new Map<string, number>();
  #notBefore = 0;

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  /** A queue has published who stands where. @returns whether some are to have their turn */
  published(queue: ComputeQueue, before: ComputeQueue | undefined): boolean {
    for (const { kind, namespace, name } of [...(queue.status?.head ?? []), ...(before?.status?.head ?? [])]) {
      const key = `${namespace}/${name}`;
      const isKnown = kind === 'ModelTraining' && this.#options.trainings.get(key) !== undefined;
      if (isKnown) this.#moved.set(key, queue.metadata.name);
    }
    return this.#moved.size > 0;
  }

  /** Gives one training its turn. @returns when to give the next, in ms; undefined: nobody's place has moved */
  next(): number | undefined {
    const nowMs = this.#options.clock.monotonic();
    if (nowMs < this.#notBefore) return this.#notBefore - nowMs;
    let wait = Number.POSITIVE_INFINITY;
    for (const [key, queue] of this.#moved) {
      const left = (this.#written.get(key) ?? Number.NEGATIVE_INFINITY) + EACH_MS - nowMs;
      if (left > 0) {
        wait = Math.min(wait, left);
        continue;
      }
      this.#moved.delete(key);
      if (!this.#isMoved(key, queue)) continue;
      this.#turns.add(key);
      this.#options.enqueue(key);
      this.#notBefore = nowMs + PACE_MS;
      return PACE_MS;
    }
    return wait === Number.POSITIVE_INFINITY ? undefined : wait;
  }

  isTurnOf(key: string): boolean {
    return this.#turns.has(key);
  }

  /** Its place is written as it was published. */
  written(key: string): void {
    this.#turns.delete(key);
    this.#written.set(key, this.#options.clock.monotonic());
  }

  /** It waits no longer, or is gone. */
  forget(key: string): void {
    this.#moved.delete(key);
    this.#turns.delete(key);
    this.#written.delete(key);
  }

  #isMoved(key: string, name: string): boolean {
    const training = this.#options.trainings.get(key);
    if (training === undefined || !isWaiting(training) || (training.status?.queue ?? name) !== name) return false;
    return !isSamePlace(shownPlace(training), placeOf(training, this.#options.queues.get(name), true));
  }
}
