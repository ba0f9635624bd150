export { type TrainingControllerOptions, trainingController } from './controller.ts';
export { regionsWithAll } from './evaluate.ts';
export type { TrainingSettings } from './reconciler.ts';
