export { type DatasetControllerOptions, datasetController } from './controller.ts';
