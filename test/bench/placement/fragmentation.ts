/** The fragmentation measure of FGD (Weng et al., Beware of Fragmentation, USENIX ATC 2023), to the last bit. */
import type { NodeState } from '../../../src/core/node-value/node-state.ts';
import { accepts, type PodClass } from '../../../src/core/node-value/pod-class.ts';
import { afterTaking } from '../../../src/core/testing/gpu-room.ts';
import type { Pod } from './lists.ts';

/** Typical pods cover this share of the list. */
const COVERED = 0.95;

export interface TypicalPod {
  readonly podClass: PodClass;
  readonly share: number;
}

/** The most frequent classes of the list that make up 95 % of it, CPU-only ones among them. */
export function typicalPods(pods: readonly Pod[]): TypicalPod[] {
  const counts = new Map<PodClass, { pod: Pod; count: number }>();
  for (const pod of pods) {
    const seen = counts.get(pod.podClass);
    if (seen === undefined) counts.set(pod.podClass, { pod, count: 1 });
    else seen.count += 1;
  }
  const sorted = [...counts.values()].sort(
    ({ pod: a, count: m }, { pod: b, count: n }) =>
      n - m ||
      b.podClass.cpuMilli - a.podClass.cpuMilli ||
      b.podClass.gpuMilli - a.podClass.gpuMilli ||
      b.podClass.gpus - a.podClass.gpus ||
      (a.gpuSpec > b.gpuSpec ? -1 : 1),
  );
  const typical: { podClass: PodClass; share: number }[] = [];
  let covered = 0;
  for (const { pod, count } of sorted) {
    if (covered >= COVERED * pods.length) break;
    covered += count;
    typical.push({ podClass: pod.podClass, share: count / pods.length });
  }
  return typical.map(({ podClass, share }) => ({ podClass, share: share / (covered / pods.length) }));
}

/** Categories of idle GPU milli, in the order in which they are added up. */
const LACK_BOTH = 0;
const LACK_GPU = 1;
const LACK_CPU = 2;
const NO_GPU_ASKED = 3;
const NO_GPU_ASKED_LACK_CPU = 4;
const NO_ACCESS = 5;

/** Expected idle GPU milli of a node that a typical pod could not use. */
export class Fragmentation {
  readonly #typical: readonly TypicalPod[];
  readonly #sums = new Float64Array(6);

  constructor(typical: readonly TypicalPod[]) {
    this.#typical = typical;
  }

  now({ holes, cpuMilli }: NodeState): number {
    return this.#measure(holes.model, holes.gpuMilli, cpuMilli);
  }

  /** With the pod on the node: on GPU `gpu`, or (-1) on the first that fit. */
  after(pod: PodClass, { holes, cpuMilli }: NodeState, gpu: number): number {
    return this.#measure(holes.model, afterTaking(pod, holes.gpuMilli, gpu), cpuMilli - pod.cpuMilli);
  }

  #measure(model: number, gpuMilli: readonly number[], cpu: number): number {
    const sums = this.#sums.fill(0);
    let idle = 0;
    for (const free of gpuMilli) idle += free;
    for (const { podClass, share } of this.#typical) {
      const hasCpu = cpu >= podClass.cpuMilli;
      if (podClass.gpus === 0) {
        add(sums, hasCpu ? NO_GPU_ASKED : NO_GPU_ASKED_LACK_CPU, share * idle);
        continue;
      }
      if (!accepts(podClass, model)) {
        add(sums, NO_ACCESS, share * idle);
        continue;
      }
      let fitting = 0;
      let tooSmall = 0;
      for (const free of gpuMilli) {
        if (free >= podClass.gpuMilli) fitting += 1;
        else tooSmall += free;
      }
      if (fitting < podClass.gpus) add(sums, hasCpu ? LACK_GPU : LACK_BOTH, share * idle);
      else if (hasCpu) add(sums, LACK_GPU, share * tooSmall);
      else add(sums, LACK_CPU, share * idle);
    }
    let total = 0;
    for (const sum of sums) total += sum;
    return total;
  }
}

function add(sums: Float64Array, category: number, milli: number): void {
  sums[category] = (sums[category] ?? 0) + milli;
}
