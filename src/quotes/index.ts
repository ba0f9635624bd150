export { type QuoteControllerOptions, quoteController } from './controller.ts';
