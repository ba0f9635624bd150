export { trainingController } from './controller.ts';
