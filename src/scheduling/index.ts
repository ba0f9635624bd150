export { type QueueControllerOptions, queueController } from './queue-controller.ts';
export { queueView, Scheduler, type SchedulerOptions } from './scheduler.ts';
export type * from './types.ts';
