export * from './common.ts';
export * from './compute-queue.ts';
export * from './compute-quote.ts';
export * from './conditions.ts';
export * from './dataset.ts';
export * from './decision.ts';
export * from './group.ts';
export * from './kind.ts';
export * from './model-serving.ts';
export * from './model-training.ts';
export * from './node-energy.ts';
export * from './placement.ts';
export * from './queue-budget.ts';
export * from './regional-cluster.ts';
export * from './run.ts';
export * from './training-status.ts';

import { COMPUTE_QUEUE } from './compute-queue.ts';
import { COMPUTE_QUOTE } from './compute-quote.ts';
import { DATASET } from './dataset.ts';
import type { KindDefinition } from './kind.ts';
import { MODEL_SERVING } from './model-serving.ts';
import { MODEL_TRAINING } from './model-training.ts';
import { REGIONAL_CLUSTER } from './regional-cluster.ts';

/** Every kind of the API group, in the order of the documentation. */
export const KINDS: readonly KindDefinition[] = [
  MODEL_TRAINING,
  MODEL_SERVING,
  DATASET,
  COMPUTE_QUOTE,
  REGIONAL_CLUSTER,
  COMPUTE_QUEUE,
];
