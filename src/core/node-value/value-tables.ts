import type { ClassShare } from './demand.ts';
import { holeValues, type Item, STEP_MILLI, STEPS, stepsOf } from './hole-value.ts';
import { accepts, WHOLE_GPU } from './pod-class.ts';
import { shadowSizes } from './shadow-size.ts';

/** How the value of holes is reckoned. */
export interface ValueOptions {
  /** Draws of which a hole takes the best (K), where only GPU is short. */
  readonly draws: number;
  /** The same where CPU is short: a hole can wait for a filler, not for a pod that needs no CPU. */
  readonly cpuDraws: number;
  /** Part of the shadow size in what a pod is worth; the rest is the GPU milli that it takes. */
  readonly shadowPart: number;
  /** GPU milli for a milli of CPU, ascending from 0. */
  readonly prices: readonly number[];
}

/** Hole values of the GPUs of one model. */
export interface ValueTable {
  /** By hole in steps: its value where CPU is not short. */
  readonly waiting: Float64Array;
  /** At hole * prices + i: its value at the i-th price of CPU. */
  readonly priced: Float64Array;
}

interface Worthy extends Item {
  readonly worth: number;
  readonly pod: ClassShare['pod'];
}

/** One table for each model; models that the same classes accept share it. */
export function valueTables(shares: readonly ClassShare[], models: number, options: ValueOptions): ValueTable[] {
  const items = worthies(shares, options);
  const made = new Map<string, ValueTable>();
  return Array.from({ length: models }, (_, model) => {
    const accepted = items.map(({ pod }) => accepts(pod, model));
    const key = accepted.map(Number).join('');
    const table = made.get(key) ?? tableOf(merged(items.filter((_item, i) => accepted[i])), options);
    made.set(key, table);
    return table;
  });
}

/** Classes of one GPU, ascending by size, with what they are worth. */
function worthies(shares: readonly ClassShare[], { draws, shadowPart }: ValueOptions): Worthy[] {
  const single = shares.filter(({ pod }) => pod.gpus === 1 && pod.gpuMilli > 0 && pod.gpuMilli <= WHOLE_GPU);
  const bySize = new Map<number, number>();
  for (const { pod, share } of single) {
    const size = stepsOf(pod.gpuMilli);
    bySize.set(size, (bySize.get(size) ?? 0) + share);
  }
  const sizes = [...bySize.keys()].sort((a, b) => a - b);
  const perSize = sizes.map((size) => ({ size, cpuMilli: 0, share: bySize.get(size) ?? 0 }));
  const shadow = shadowPart === 0 ? [] : shadowSizes(perSize, draws);
  return single
    .map(({ pod, share }) => {
      const size = stepsOf(pod.gpuMilli);
      const worth = (1 - shadowPart) * pod.gpuMilli + shadowPart * (shadow[sizes.indexOf(size)] ?? 0);
      return { size, cpuMilli: pod.cpuMilli, share, worth, pod };
    })
    .sort((a, b) => a.size - b.size || a.cpuMilli - b.cpuMilli);
}

/** Items that look alike as one. */
function merged(items: readonly Worthy[]): Worthy[] {
  const out: Worthy[] = [];
  for (const item of items) {
    const last = out.at(-1);
    if (last !== undefined && last.size === item.size && last.cpuMilli === item.cpuMilli) {
      out[out.length - 1] = { ...last, share: last.share + item.share };
    } else out.push(item);
  }
  return out;
}

function tableOf(items: readonly Worthy[], { draws, cpuDraws, prices }: ValueOptions): ValueTable {
  const priced = new Float64Array((STEPS + 1) * prices.length);
  prices.forEach((price, i) => {
    const worth = items.map((item) => item.worth - price * item.cpuMilli);
    holeValues(items, worth, cpuDraws).forEach((value, hole) => {
      priced[hole * prices.length + i] = value;
    });
  });
  const worth = items.map((item) => item.worth);
  return { waiting: holeValues(items, worth, draws), priced };
}

/** Of a model that nobody is known to ask for. */
export const noValues = (options: ValueOptions): ValueTable => tableOf([], options);

/** The hole of so many free milli: rounded down. */
export const holeOf = (milli: number): number => Math.min(STEPS, Math.max(0, Math.floor(milli / STEP_MILLI)));
