/** What a pod asks of a node, as far as the choice of a node is concerned. Intern them: caches go by identity. */
export interface PodClass {
  readonly cpuMilli: number;
  /** GPUs it takes on the node; 0: CPU only. */
  readonly gpus: number;
  /** Of each of its GPUs: 1000 is a whole one, less a share; 0 for CPU only. */
  readonly gpuMilli: number;
  /** Indexes of the GPU models it accepts, ascending; undefined: any. */
  readonly models?: readonly number[];
}

export const WHOLE_GPU = 1000;

/** GPU milli of the pod in all. */
export const gpuDemand = (pod: PodClass): number => pod.gpus * pod.gpuMilli;

export const accepts = (pod: PodClass, model: number): boolean => pod.models?.includes(model) ?? true;
