export { quoteController } from './controller.ts';
