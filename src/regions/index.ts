export type { KubeconfigSecret } from './access.ts';
export { clusterView } from './cluster-view.ts';
export { regionController } from './controller.ts';
export { fragmented } from './fragments.ts';
export { Inventory, type PodUse } from './inventory.ts';
export { type ClusterUsers, RegionProtection } from './protection.ts';
export { MemberRegistry } from './registry.ts';
export type * from './types.ts';
