export { clusterView } from './cluster-view.ts';
export { Inventory, type PodUse, type Reservation, runKey } from './inventory.ts';
export { MEMBER_REASON, type MemberReason, type Problem } from './reasons.ts';
export type * from './types.ts';
