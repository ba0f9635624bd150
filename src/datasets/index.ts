export { datasetController } from './controller.ts';
