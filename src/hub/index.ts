export { estimatedUse } from './estimated-use.ts';
export { feed } from './feed.ts';
export { HubGate, UnsuitableHub } from './gate.ts';
export * from './lookup.ts';
export * from './stores.ts';
