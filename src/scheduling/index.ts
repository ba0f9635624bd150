export { queueController } from './queue-controller.ts';
export { Scheduler } from './scheduler.ts';
export type * from './types.ts';
