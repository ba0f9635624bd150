export { servingController } from './controller.ts';
