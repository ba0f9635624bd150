import type { AcceleratorRequest } from '../../api/index.ts';
import { Learner } from './learner.ts';
import { DEFAULT_OPTIONS } from './node-value.ts';
import { type PodClass, WHOLE_GPU } from './pod-class.ts';
import type { ValueTable } from './value-tables.ts';

/** What a pod asks of a node, by names of types. */
export interface PodAsk {
  readonly cpuMilli: number;
  /** Acceptable types with units per pod; empty: CPU only. */
  readonly accelerators: readonly AcceleratorRequest[];
}

/** Hole values by accelerator type, as learned up to some moment; never changed afterwards. */
export type Learned = ReadonlyMap<string, ValueTable>;

const NOTHING: Learned = new Map();

/** Rounded up to a quarter of a core, from 16 cores on to whole ones: odd requests are few classes, not many. */
function inSteps(cpuMilli: number): number {
  const step = cpuMilli < 16_000 ? 250 : 1000;
  return Math.ceil(cpuMilli / step) * step;
}

/**
 * What workloads ask for, over all clusters. A unit of a type, be it a board or a part of one, is a whole GPU to the
 * scoring: which board a part is cut from is the member's choice. A gang is one arrival, however many pods it has.
 */
export class DemandByType {
  readonly #learner = new Learner(DEFAULT_OPTIONS);
  readonly #types = new Map<string, number>();
  #learned = NOTHING;

  observe({ cpuMilli: asked, accelerators }: PodAsk): void {
    const cpuMilli = inSteps(asked);
    if (accelerators.length === 0) {
      this.#learner.observe({ cpuMilli, gpus: 0, gpuMilli: 0 });
      return;
    }
    const models = new Map<number, Set<number>>();
    for (const { type, countPerNode } of accelerators) {
      const same = models.get(countPerNode) ?? new Set();
      models.set(countPerNode, same.add(this.#modelOf(type)));
    }
    const classes = [...models].map(
      ([gpus, accepted]): PodClass => ({
        cpuMilli,
        gpus,
        gpuMilli: WHOLE_GPU,
        models: [...accepted].sort((a, b) => a - b),
      }),
    );
    this.#learner.observe(...classes);
  }

  /** What is known now; it is reckoned anew only when enough has come since. */
  learned(): Learned {
    const tables = this.#learner.lesson(this.#types.size);
    if (tables !== undefined) {
      this.#learned = new Map([...this.#types].map(([type, model]) => [type, tables[model] as ValueTable]));
    }
    return this.#learned;
  }

  #modelOf(type: string): number {
    const known = this.#types.get(type) ?? this.#types.size;
    this.#types.set(type, known);
    return known;
  }
}
