export { clusterView, Inventory, type PodUse, type Reservation, runKey } from './inventory.ts';
export type * from './types.ts';
