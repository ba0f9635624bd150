export type { KubeconfigSecret } from './access.ts';
export { clusterView } from './cluster-view.ts';
export { type RegionControllerOptions, regionController } from './controller.ts';
export { Inventory, type PodUse, type Reservation, runKey } from './inventory.ts';
export { MemberConnection } from './member.ts';
export { MEMBER_TIMING, type MemberTiming } from './member-options.ts';
export { MEMBER_REASON, type MemberReason, type Problem } from './reasons.ts';
export { MemberRegistry, type MemberRegistryOptions } from './registry.ts';
export type * from './types.ts';
