export { trainingControllers } from './controller.ts';
